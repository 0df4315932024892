// The energies of the samples of a run, from the codes that the device really has (decisions 43): at once when that is
// little, else piece by piece in a thread, because 5,000 samples of 784 units are seconds of arithmetic.
import type { RelaxResult } from '../device/index.ts';
import { energiesOfStates_E0, pairCount, type EnergyProgram } from '../physics/index.ts';
import { Thread, ownBuffers } from '../threads/index.ts';
import type { EnergyTask } from './energy-thread.ts';

/** Multiplications of a state beside those of its pairs, roughly. */
const WORK_PER_UNIT = 8;
/** Up to so many multiplications, about half a millisecond, the thread would take longer than the work. */
const INLINE_WORK_MAX = 2 ** 19;
/** Of one task, about 20 ms: jobs of several devices take turns. */
const TASK_WORK_MAX = 2 ** 24;
/** Codes of one task, which are gathered here: well below a millisecond. */
const TASK_CODES_MAX = 2 ** 18;

type Run = Pick<RelaxResult, 'codes' | 'samples' | 'units' | 'reads' | 'stateScale'>;

export class SampleEnergies {
  readonly #thread = new Thread<EnergyTask, Float64Array>(import.meta.url, './energy-thread');

  /**
   * V in E0 at some reads of every sample, [samples][reads]; rejects with the reason of the signal.
   * @param reads their places in `run.reads`
   */
  async of(
    program: EnergyProgram,
    run: Run,
    reads: readonly number[],
    signal?: AbortSignal,
  ): Promise<Float64Array> {
    const { samples, units, stateScale } = run;
    const perSample = reads.length * (pairCount(units) + WORK_PER_UNIT * units);
    if (samples * perSample <= INLINE_WORK_MAX)
      return energiesOfStates_E0(program, gather(run, reads, 0, samples), stateScale);
    const most = Math.min(TASK_WORK_MAX / perSample, TASK_CODES_MAX / (reads.length * units));
    const step = Math.max(1, Math.floor(most));
    const energies_E0 = new Float64Array(samples * reads.length);
    const { couplingCode, biasCode, j2Code, j4Code, scale } = program;
    for (let from = 0; from < samples; from += step) {
      const found = await this.#thread.run(() => {
        signal?.throwIfAborted();
        const states = gather(run, reads, from, Math.min(samples, from + step));
        const of = { units, couplingCode, biasCode, j2Code, j4Code, scale };
        return { value: { program: of, states, stateScale }, transfer: ownBuffers(states) };
      });
      energies_E0.set(found, from * reads.length);
    }
    return energies_E0;
  }

  close(): Promise<void> {
    return this.#thread.close();
  }
}

/** The codes of these reads of the samples [from, to), state by state. */
function gather({ codes, units, reads: all }: Run, reads: readonly number[], from: number, to: number) {
  const states = new Int16Array((to - from) * reads.length * units);
  for (let sample = from, at = 0; sample < to; sample++)
    for (const read of reads) {
      const start = (sample * all.length + read) * units;
      states.set(codes.subarray(start, start + units), at);
      at += units;
    }
  return states;
}
