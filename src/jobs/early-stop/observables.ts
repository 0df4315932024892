// What is watched of a job that stops early: energy, mean field and the slowest units at the last read of every restart.
// Pure; what takes long is a generator that pauses often.
import type { RelaxResult } from '../../device/index.ts';
import type { ObservableEss } from '../request.ts';
import { estimate } from './ess.ts';

/** Units that are watched one by one. */
export const SLOWEST_UNITS = 4;

type Batch = Pick<RelaxResult, 'codes' | 'samples' | 'units' | 'reads' | 'stateScale'>;

export class Observables {
  readonly #energy_E0: number[] = [];
  readonly #mean: number[] = [];
  /** x of the watched units since they were chosen; null before the first batch. */
  #slowest: { unit: number; x: number[] }[] | null = null;
  /** Samples that chose them: the largest of many scattered times is too long, so these do not measure it too. */
  #choosing = 0;

  get choosing(): number {
    return this.#choosing;
  }

  /**
   * Takes the restarts of a batch, in order.
   * @param energies_E0 of the last read of each
   */
  *add(batch: Batch, energies_E0: Float64Array): Generator<undefined, void> {
    const { samples, units, reads, stateScale } = batch;
    const x = new Float64Array(units);
    for (let k = 0; k < samples; k++) {
      const from = ((k + 1) * reads.length - 1) * units;
      let sum = 0;
      for (let i = 0; i < units; i++) sum += x[i] = batch.codes[from + i] * stateScale;
      this.#mean.push(sum / units);
      this.#energy_E0.push(energies_E0[k]);
      for (const each of this.#slowest ?? []) each.x.push(x[each.unit]);
      yield;
    }
    if (this.#slowest !== null) return;
    this.#choosing = samples;
    this.#slowest = yield* slowestOf(batch);
  }

  /** All of them, by what has been added. */
  *estimate(): Generator<undefined, ObservableEss[]> {
    const samples = this.#mean.length;
    const found: ObservableEss[] = [
      { name: 'energy', unit: null, ...(yield* estimate(this.#energy_E0, samples)) },
      { name: 'mean', unit: null, ...(yield* estimate(this.#mean, samples)) },
    ];
    for (const { unit, x } of this.#slowest ?? [])
      found.push({ name: 'unit', unit, ...(yield* estimate(x, samples)) });
    return found;
  }
}

/** The units with the longest autocorrelation times; those that never moved are left out. */
function* slowestOf(batch: Batch): Generator<undefined, { unit: number; x: number[] }[]> {
  const { codes, samples, units, reads } = batch;
  const times: { unit: number; time: number }[] = [];
  const series = new Float64Array(samples);
  for (let unit = 0; unit < units; unit++) {
    for (let k = 0; k < samples; k++) series[k] = codes[((k + 1) * reads.length - 1) * units + unit];
    const { autocorrelationTime: time } = yield* estimate(series, samples);
    if (time !== null) times.push({ unit, time });
    yield;
  }
  times.sort((a, b) => b.time - a.time || a.unit - b.unit);
  return times.slice(0, SLOWEST_UNITS).map(({ unit }) => ({ unit, x: [] }));
}
