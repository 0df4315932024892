// npm run fuzz -- link: seeded damage against the frame decoder, for a minute or for a night; npm run fuzz -- messages:
// random messages against both ends. Exits 0 when the promise of docs/protocol.md holds, 1 when it does not, 2 on wrong use.
import { Command, InvalidArgumentError } from 'commander';
import { Presets, SingleBar } from 'cli-progress';
import { availableParallelism } from 'node:os';
import { Draw } from './draw.ts';
import { FrameFuzz } from './frame-fuzz.ts';
import { hostEpisode } from './host-dispatch.ts';
import { fuzzFrames } from './pool.ts';
import { twinEpisode } from './twin-dispatch.ts';
import { describeCase, judge, report } from './verdict.ts';

const EXAMPLES = `
Examples:
  npm run fuzz -- link                          a million damaged frames, seed 0
  npm run fuzz -- link --frames 1e9 --seed 7    a night's worth
  npm run fuzz -- link --frames 1e6 --json      one line of JSON
  npm run fuzz -- link --only 7/123456          one case again, with every byte of it

The same seed damages the same frames, whatever the number of workers.
`;

interface Flags {
  frames: number;
  seed: number;
  workers: number;
  only?: { seed: number; index: number };
  json?: boolean;
}

const whole =
  (min: number) =>
  (text: string): number => {
    const value = /^\d+(e\d+)?$/i.test(text) ? Number(text) : NaN;
    if (!Number.isSafeInteger(value) || value < min) {
      throw new InvalidArgumentError(`A whole number from ${min}, such as 1000000 or 1e9.`);
    }
    return value;
  };

function caseOf(text: string): { seed: number; index: number } {
  const [, seed, index] = /^(\d{1,15})\/(\d{1,15})$/.exec(text) ?? [];
  if (index === undefined) throw new InvalidArgumentError('SEED/INDEX, such as 7/123456.');
  return { seed: Number(seed), index: Number(index) };
}

function playOne({ seed, index }: { seed: number; index: number }): void {
  const played = new FrameFuzz(seed).play(index);
  console.log(describeCase(played));
  process.exitCode = played.isDetected && played.recovers ? 0 : 1;
}

async function fuzzLink(flags: Flags): Promise<void> {
  if (flags.only !== undefined) return playOne(flags.only);
  const { frames, seed, workers } = flags;
  const bar = new SingleBar(
    {
      format: '{bar} {percentage} %  {value} of {total} frames, {eta_formatted} left',
      stream: process.stderr,
    },
    Presets.shades_classic,
  );
  const started_ms = performance.now();
  bar.start(frames, 0);
  const count = await fuzzFrames({ seed, frames, workers, onDone: (done) => bar.update(done) });
  bar.stop();
  const duration_s = (performance.now() - started_ms) / 1000;
  const verdict = judge(count);
  if (flags.json) {
    const { undetected, wedged, frames: families } = count;
    console.log(
      JSON.stringify({
        seed,
        workers,
        duration_s,
        ...verdict,
        families,
        undetectedCases: undetected,
        wedgedCases: wedged,
      }),
    );
  } else {
    console.log(report(count));
    console.log(
      `seed ${seed}, ${duration_s.toFixed(1)} s, ${Math.round(frames / duration_s)} frames/s on ${workers} workers`,
    );
  }
  process.exitCode = verdict.holds ? 0 : 1;
}

const MESSAGES_EXAMPLES = `
Examples:
  npm run fuzz -- messages                      1,000 episodes against each end, seed 0
  npm run fuzz -- messages --episodes 1e5 --seed 7
  npm run fuzz -- messages --only 7/123         one episode again
`;

interface MessagesFlags {
  episodes: number;
  seed: number;
  only?: { seed: number; index: number };
}

async function fuzzMessages(flags: MessagesFlags): Promise<void> {
  const seed = flags.only?.seed ?? flags.seed;
  const first = flags.only?.index ?? 0;
  const episodes = flags.only === undefined ? flags.episodes : 1;
  const bar = new SingleBar(
    { format: '{bar} {value} of {total} episodes', stream: process.stderr },
    Presets.shades_classic,
  );
  const failures: string[] = [];
  bar.start(episodes, 0);
  for (let k = first; k < first + episodes; k += 1) {
    for (const [end, episode] of [
      ['twin', twinEpisode],
      ['host', hostEpisode],
    ] as const) {
      await episode(new Draw(seed, k)).catch((error: unknown) => {
        const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
        failures.push(`${end}: ${detail}\n  again: npm run fuzz -- messages --only ${seed}/${k}`);
      });
    }
    bar.update(k - first + 1);
  }
  bar.stop();
  for (const failure of failures) console.log(failure);
  console.log(`seed ${seed}: ${episodes} episodes against each end, ${failures.length} failed`);
  process.exitCode = failures.length === 0 ? 0 : 1;
}

const program = new Command('fuzz').exitOverride((stop) => process.exit(stop.exitCode === 0 ? 0 : 2));
program
  .command('link')
  .description(
    'Damage frames of the wire in every way a line can, and demand that nothing wrong is delivered.',
  )
  .option('--frames <n>', 'damaged frames', whole(1), 1e6)
  .option('--seed <n>', 'which ones', whole(0), 0)
  .option('--workers <n>', 'threads', whole(1), availableParallelism())
  .option('--only <seed/index>', 'one case, with every byte of it', caseOf)
  .option('--json', 'one JSON document instead of a table')
  .addHelpText('after', EXAMPLES)
  .action(fuzzLink);
program
  .command('messages')
  .description('Random and damaged messages against twin and host: none may throw, hang or stop answering.')
  .option('--episodes <n>', 'boots of the twin and connections of the host', whole(1), 1000)
  .option('--seed <n>', 'which ones', whole(0), 0)
  .option('--only <seed/index>', 'one episode', caseOf)
  .addHelpText('after', MESSAGES_EXAMPLES)
  .action(fuzzMessages);
await program.parseAsync();
