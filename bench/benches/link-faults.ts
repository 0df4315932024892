// Fault campaign: seeds x faults x {load, patch, run, stop} through the real host link and the real firmware.
import { withStrays, wholeNumberOf, type BenchContext } from '../bench.ts';
import { figure, type Figure } from '../figure.ts';
import { scenarioPlan } from '../link-faults/plan.ts';
import { playScenario, reference, type Outcome } from '../link-faults/scenario.ts';

export const summary =
  'every fault of a line against load, patch, run and stop (--seeds COUNT, default 2592; --seed N replays one)';

const SEEDS = 2_592;

export async function run({ say, options }: BenchContext): Promise<Figure[]> {
  const only = wholeNumberOf(options, '--seed');
  const count = wholeNumberOf(options, '--seeds') ?? SEEDS;
  const seeds = only === null ? Array.from({ length: count }, (_, k) => k) : [only];
  return withStrays((stray) => campaign(seeds, { only, say, stray }));
}

async function campaign(
  seeds: readonly number[],
  { only, say, stray }: { only: number | null; say: (line: string) => void; stray: string[] },
): Promise<Figure[]> {
  const ref = await reference();
  const endings = new Map<string, number>();
  let [hung, wrongBytes, unnamed, unrecovered] = [0, 0, 0, 0];
  for (const seed of seeds) {
    const plan = scenarioPlan(seed);
    const outcome = await playScenario(plan, ref);
    for (const error of stray.splice(0)) outcome.unnamedError ??= `outside any promise: ${error}`;
    const key = `${plan.operation} ${plan.fault}: ${outcome.ending}`;
    endings.set(key, (endings.get(key) ?? 0) + 1);
    hung += outcome.hung ? 1 : 0;
    wrongBytes += outcome.wrongBytes;
    unnamed += outcome.unnamedError === null ? 0 : 1;
    unrecovered += outcome.unrecovered === null ? 0 : 1;
    if (only !== null || isFailure(outcome)) say(`${JSON.stringify(plan)}\n  ${JSON.stringify(outcome)}`);
    if (isFailure(outcome)) say(`  again: npm run bench -- link-faults --seed ${seed}`);
  }
  for (const [ending, count] of [...endings].sort()) say(`${String(count).padStart(6)}  ${ending}`);
  return [
    figure('scenarios', seeds.length, '', { target: only === null ? { min: 2_000 } : undefined }),
    figure('hung', hung, '', { n: seeds.length, target: { max: 0 } }),
    figure('wrong_bytes', wrongBytes, 'B', { n: seeds.length, target: { max: 0 } }),
    figure('unnamed_errors', unnamed, '', { n: seeds.length, target: { max: 0 } }),
    figure('unrecovered', unrecovered, '', { n: seeds.length, target: { max: 0 } }),
  ];
}

function isFailure(outcome: Outcome): boolean {
  return (
    outcome.hung || outcome.wrongBytes > 0 || outcome.unnamedError !== null || outcome.unrecovered !== null
  );
}
