// Bugs to be found, planted with `node --import`: the modules of the product are changed as they are loaded. Nothing in the
// product knows of this file; the bench must report what goes wrong with each (`npm run bench -- hosts --break NAME`).
import { registerHooks } from 'node:module';

const BUGS = {
  // Late writes of a host that slept are taken.
  'no-guard': [
    [
      'src/store/tables/leases.ts',
      'if (row !== undefined && Number(row.fence) === fence) return;',
      'return;',
    ],
  ],
  // A host never notices by itself that its lease is over, and the twin is told no fence.
  'no-fence': [
    [
      'src/jobs/lease/keeper.ts',
      'return clock.now_ms() < end_ms - term_ms * beforeEnd_ratio;',
      'return true;',
    ],
    ['src/device/leased-line.ts', 'return { port, fence: BigInt(fence) };', 'return { port };'],
    ['src/store/tables/leases.ts', "where('fence', '=', fence)", "where('fence', '>', 0)"],
  ],
};
const changes = BUGS[process.env['THERMOLOOP_BENCH_BREAK']] ?? [];

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    for (const [file, from, to] of changes.filter(([name]) => url.endsWith(name))) {
      const before = String(loaded.source);
      loaded.source = before.replaceAll(from, to);
      if (loaded.source === before)
        throw new Error(`${file} has changed: the planted bug does not fit any more`);
    }
    return loaded;
  },
});
