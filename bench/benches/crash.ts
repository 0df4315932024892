// The service killed with SIGKILL at random moments under load: what it had acknowledged is there afterwards, once, and
// as it was. Definitions: docs/benches.md.
import { startPostgres } from '../../test/support/postgres.ts';
import { scratch, startTwin } from '../../test/support/processes.ts';
import { wholeNumberOf, type BenchContext } from '../bench.ts';
import { runRounds, type RoundsResult } from '../crash/rounds.ts';
import { figure, type Figure } from '../figure.ts';

export const summary =
  'kill -9 of the service under load (--rounds N, --postgres-rounds N, --seed N, --break late-commit): lost, doubled';

const ROUNDS = 100;
const POSTGRES_ROUNDS = 30;
/** Of a full run. A short one has to acknowledge one a round: how many more depends on what else the machine does. */
const ACKNOWLEDGED_MIN = 1_000;
const SHOWN_MAX = 20;
const TWIN_UNITS = 4;

export async function run({ say, options }: BenchContext): Promise<Figure[]> {
  const rounds = wholeNumberOf(options, '--rounds') ?? ROUNDS;
  const postgresRounds = wholeNumberOf(options, '--postgres-rounds') ?? POSTGRES_ROUNDS;
  const seed = wholeNumberOf(options, '--seed', 1) ?? 1;
  const execArgv = plantedBug(options);
  const figures: Figure[] = [];
  if (rounds > 0) {
    say('sqlite');
    const result = await onTwin(seed, (device, folder) =>
      runRounds({ device, folder, rounds, seed, database: null, execArgv, say }),
    );
    figures.push(...figuresOf('sqlite', result, ROUNDS, say));
  }
  if (postgresRounds > 0) {
    const postgres = await startPostgres();
    if (postgres === null) throw new Error('PostgreSQL is not installed: --postgres-rounds 0 leaves it out');
    try {
      say('postgres');
      const database = await postgres.create('crash');
      const result = await onTwin(seed, (device, folder) =>
        runRounds({ device, folder, rounds: postgresRounds, seed, database, execArgv, say }),
      );
      figures.push(...figuresOf('postgres', result, POSTGRES_ROUNDS, say));
    } finally {
      await postgres.stop();
    }
  }
  return figures;
}

/** Node's words for a bug that the bench has to find. */
function plantedBug(options: readonly string[]): string[] {
  const at = options.indexOf('--break');
  if (at < 0) return [];
  if (options[at + 1] !== 'late-commit') throw new Error('--break takes late-commit');
  return ['--import', new URL('../crash/late-commit.mjs', import.meta.url).href];
}

async function onTwin<T>(seed: number, work: (device: string, folder: string) => Promise<T>): Promise<T> {
  const folder = scratch();
  const twin = await startTwin({ units: TWIN_UNITS, seed });
  try {
    return await work(String(twin.ready['url']), folder.path);
  } finally {
    await twin.stop();
    folder.close();
  }
}

function figuresOf(
  name: string,
  result: RoundsResult,
  fullRounds: number,
  say: (line: string) => void,
): Figure[] {
  for (const [what, list] of [
    ['lost', result.lost],
    ['doubled', result.doubled],
    ['unexpected', result.unexpected],
  ] as const)
    for (const line of list.slice(0, SHOWN_MAX)) say(`${name}, ${what}: ${line}`);
  const n = result.acknowledged;
  const least = result.rounds < fullRounds ? result.rounds : ACKNOWLEDGED_MIN;
  const note = result.rounds < fullRounds ? `a full run has ${fullRounds} rounds` : undefined;
  return [
    figure(`${name}.rounds`, result.rounds, '', { note }),
    figure(`${name}.lost`, result.lost.length, '', { n, target: { max: 0 } }),
    figure(`${name}.doubled`, result.doubled.length, '', { n, target: { max: 0 } }),
    figure(`${name}.acknowledged`, n, '', { target: { min: least } }),
    figure(`${name}.results`, result.results, '', { target: { min: 1 } }),
    figure(`${name}.unexpected`, result.unexpected.length, '', { n, target: { max: 0 } }),
  ];
}
