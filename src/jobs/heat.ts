// The heat of every sample of a run, computed from the couplings the device really has (decisions 43), in slices so
// that serial deadlines and HTTP are served in between: 5,000 samples of 784 units are seconds of arithmetic.
import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../clock/clock.ts';
import { heatOfSamples_kT, type Model } from '../physics/index.ts';
import type { RelaxResult } from '../device/index.ts';

const SLICE_MS = 10;

/** Which reads the heat is between; null when one of them is missing. */
export function heatReads(reads: RelaxResult['reads']): { switchOnRead: number; endRead: number } | null {
  const switchOnRead = reads.findIndex((read) => read.label === 'switch-on');
  const endRead = reads.findLastIndex((read) => read.label === 'read');
  return switchOnRead < 0 || endRead < 0 ? null : { switchOnRead, endRead };
}

/**
 * Q = V(switch-on) - V(last read) per sample, in kT of `model.noiseTemperature_E0` (docs/physics.md, heat); null
 * without both reads.
 */
export async function heatOfRun_kT(
  model: Model,
  result: RelaxResult,
  clock: Clock,
): Promise<Float64Array | null> {
  const between = heatReads(result.reads);
  if (between === null) return null;
  const { units, samples, stateScale } = result;
  const perSample = result.reads.length * units;
  const heat = new Float64Array(samples);
  let sliceStart_ms = clock.now_ms();
  for (let k = 0; k < samples; k++) {
    const codes = result.codes.subarray(k * perSample, (k + 1) * perSample);
    const shape = { units, samples: 1, reads: result.reads.length };
    heat[k] = heatOfSamples_kT(model, codes, shape, { stateScale, ...between })[0];
    if (clock.now_ms() - sliceStart_ms < SLICE_MS) continue;
    await setImmediate();
    sliceStart_ms = clock.now_ms();
  }
  return heat;
}
