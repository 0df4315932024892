// Two hosts on one PostgreSQL with three twins over TCP, one of them killed or frozen in turn: every acknowledged job has one
// result, a host that slept is refused, and no chip is driven by two. Definitions: docs/benches.md.
import { startPostgres } from '../../test/support/postgres.ts';
import { wholeNumberOf, type BenchContext } from '../bench.ts';
import { figure, type Figure } from '../figure.ts';
import { runRounds } from '../hosts/rounds.ts';

export const summary =
  'two hosts, three twins, one host killed or frozen each round (--rounds N, --seed N, --break no-guard|no-fence)';

const ROUNDS = 60;
const SHOWN_MAX = 20;

export async function run({ say, options }: BenchContext): Promise<Figure[]> {
  const rounds = wholeNumberOf(options, '--rounds', 2) ?? ROUNDS;
  const postgres = await startPostgres();
  if (postgres === null) throw new Error('PostgreSQL is not installed: apt-get install postgresql');
  try {
    const result = await runRounds({
      database: await postgres.create('hosts'),
      rounds,
      seed: wholeNumberOf(options, '--seed', 1) ?? 1,
      plantedBug: plantedBug(options),
      say,
    });
    for (const line of [...result.lost, ...result.doubled, ...result.twoDrivers].slice(0, SHOWN_MAX))
      say(line);
    const { acknowledged } = result;
    return [
      figure('rounds', rounds, '', { target: { min: Math.min(rounds, ROUNDS) } }),
      figure('acknowledged', acknowledged, 'jobs', { n: rounds }),
      figure('lost', result.lost.length, 'jobs', { n: acknowledged, target: { max: 0 } }),
      figure('doubled', result.doubled.length, 'jobs', { n: acknowledged, target: { max: 0 } }),
      figure('stale_refused', result.staleRefused, 'writes', {
        n: rounds,
        target: { min: 1 },
        note: 'late writes of a frozen host; a killed one has none',
      }),
      figure('two_drivers', result.twoDrivers.length, 'commands', { n: result.runs, target: { max: 0 } }),
      figure('takeovers', result.takeovers, '', { n: rounds, target: { min: 1 } }),
      figure('refused_fences', result.refusedFences, ''),
      figure('runs', result.runs, '', { target: { min: acknowledged } }),
    ];
  } finally {
    await postgres.stop();
  }
}

/** A bug that the bench has to find; null: none. */
function plantedBug(options: readonly string[]): string | null {
  const at = options.indexOf('--break');
  if (at < 0) return null;
  const name = options[at + 1];
  if (name !== 'no-guard' && name !== 'no-fence') throw new Error('--break takes no-guard or no-fence');
  return name;
}
