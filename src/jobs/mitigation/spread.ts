// How far the roundings of a dithered job lie apart: an error bar of what the merged samples say. Pure.
import { summarise } from '../../physics/index.ts';
import type { RelaxResult } from '../../device/index.ts';
import type { DitherObservable } from '../request.ts';

export interface RoundingMeans {
  samples: number;
  /** Potential energy over kT at the last read, under the couplings of this rounding. */
  energy_kT: number;
  /** x of every unit at the last read. */
  x: Float64Array;
}

type Run = Pick<RelaxResult, 'codes' | 'samples' | 'units' | 'reads' | 'stateScale'>;

/**
 * Means over the samples of one rounding.
 * @param energies_E0 at the last read, one per sample
 */
export function meansOf(run: Run, energies_E0: Float64Array, kT_E0: number): RoundingMeans {
  const { codes, samples, units, reads, stateScale } = run;
  const x = new Float64Array(units);
  for (let k = 0; k < samples; k++) {
    const from = ((k + 1) * reads.length - 1) * units;
    for (let i = 0; i < units; i++) x[i] += codes[from + i];
  }
  for (let i = 0; i < units; i++) x[i] *= stateScale / samples;
  return { samples, energy_kT: average(energies_E0) / kT_E0, x };
}

/**
 * Energy, mean of x over the units, and the unit with the largest |mean|: value over all samples, standard deviation between
 * the roundings' means, and that over the root of their number. It holds rounding and sampling; of the pairs, which err in
 * opposite directions, it takes no account, so it is rather too large.
 */
export function spreadOf(roundings: readonly RoundingMeans[]): DitherObservable[] {
  const merged = (of: (means: RoundingMeans) => number): number =>
    roundings.reduce((sum, each) => sum + each.samples * of(each), 0) /
    roundings.reduce((sum, each) => sum + each.samples, 0);
  const observable = (
    name: DitherObservable['name'],
    unit: number | null,
    of: (means: RoundingMeans) => number,
  ): DitherObservable => {
    const { sd, stderr } = summarise(roundings.map(of));
    return { name, unit, value: merged(of), spread: sd, stderr };
  };
  const { units } = { units: roundings[0].x.length };
  let largest = 0;
  let largestMean = -1;
  for (let unit = 0; unit < units; unit++) {
    const mean = Math.abs(merged(({ x }) => x[unit]));
    if (mean > largestMean) [largest, largestMean] = [unit, mean];
  }
  return [
    observable('energy_kT', null, ({ energy_kT }) => energy_kT),
    observable('mean_x', null, ({ x }) => average(x)),
    observable('unit_x', largest, ({ x }) => x[largest]),
  ];
}

function average(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
