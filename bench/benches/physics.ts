// The table of exact answers: what the twin's core computes against quadrature, linear algebra, spectra, and the reference
// tables of the method (docs/physics.md, "Exact answers").
import { availableParallelism } from 'node:os';
import type { BenchContext } from '../bench.ts';
import type { Figure } from '../figure.ts';
import { covarianceRows } from '../physics/linear.ts';
import { digitRows } from '../physics/digits.ts';
import { glyphRows } from '../physics/glyphs.ts';
import { doubleWellRows, relaxationRows, uncoupledRows } from '../physics/one-unit.ts';
import { oscillatorRows } from '../physics/oscillator.ts';
import { detailedBalanceRows, jarzynskiRows } from '../physics/pairs.ts';
import type { Settings } from '../physics/relax.ts';

export const summary =
  'exact answers of the twin: moments, covariance, wells, relaxation, balance, work (--quick: small rows only)';

type Group = (settings: Settings) => Promise<Figure[]>;
const SMALL: Group[] = [
  uncoupledRows,
  doubleWellRows,
  relaxationRows,
  oscillatorRows,
  covarianceRows,
  detailedBalanceRows,
  jarzynskiRows,
];
const LARGE: Group[] = [glyphRows, digitRows];

export async function run({ say, options }: BenchContext): Promise<Figure[]> {
  const quick = options.includes('--quick');
  const settings: Settings = {
    quick,
    threads: Math.min(2, availableParallelism()),
    say,
  };
  const only = options.find((option) => option.startsWith('--only='))?.slice(7);
  const figures: Figure[] = [];
  for (const group of quick ? SMALL : [...SMALL, ...LARGE]) {
    if (only && !group.name.includes(only)) continue;
    const start = process.cpuUsage();
    figures.push(...(await group(settings)));
    const used = process.cpuUsage(start);
    say(`  ${((used.user + used.system) / 1e6).toFixed(1)} s of CPU time`);
  }
  return figures;
}
