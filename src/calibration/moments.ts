// From readout codes to moments of the states behind them: offset and gain taken off, the variance of readout noise and
// rounding as well. Pure.
import type { ReadoutKnowledge } from './knowledge.ts';

/** Codes of one run. */
export interface CodeBlock {
  /** [samples][reads][units] */
  codes: Int16Array;
  samples: number;
  reads: number;
  units: number;
  /** x per code. */
  stateScale: number;
}

/** Of each restart the mean over its reads, [samples][units]. */
export interface RestartMoments {
  x1: Float64Array;
  x2: Float64Array;
  x3: Float64Array;
  x4: Float64Array;
}

/** Variance that rounding to codes adds, in codes squared. */
export const ROUNDING_VARIANCE = 1 / 12;

/** The part of the knowledge that turns codes into states. */
export type Readout = Pick<ReadoutKnowledge, 'gain_ratio' | 'offset_x' | 'noise_x'>;

/** A readout without errors. */
export function idealReadout(units: number): Readout {
  return {
    gain_ratio: new Float64Array(units).fill(1),
    offset_x: new Float64Array(units),
    noise_x: new Float64Array(units),
  };
}

/**
 * Moments of x = (code * stateScale - offset)/gain without what noise of variance e^2 adds:
 * <y^2> = <x^2> + e^2, <y^3> = <x^3> + 3 <x> e^2, <y^4> = <x^4> + 6 <x^2> e^2 + 3 e^4. Linear in the means over reads, so
 * that the restarts stay independent and unbiased.
 * @param firstRead reads before it are left out
 */
export function restartMoments(block: CodeBlock, readout: Readout, firstRead = 0): RestartMoments {
  const { codes, samples, reads, units, stateScale } = block;
  const moments: RestartMoments = {
    x1: new Float64Array(samples * units),
    x2: new Float64Array(samples * units),
    x3: new Float64Array(samples * units),
    x4: new Float64Array(samples * units),
  };
  const scale = readout.gain_ratio.map((gain) => stateScale / gain);
  const shift = readout.offset_x.map((offset, i) => offset / readout.gain_ratio[i]);
  const noise = noiseVariance(readout, stateScale);
  const used = reads - firstRead;
  for (let k = 0; k < samples; k++)
    for (let i = 0; i < units; i++) {
      let [s1, s2, s3, s4] = [0, 0, 0, 0];
      for (let r = firstRead; r < reads; r++) {
        const x = codes[(k * reads + r) * units + i] * scale[i] - shift[i];
        const square = x * x;
        s1 += x;
        s2 += square;
        s3 += square * x;
        s4 += square * square;
      }
      const at = k * units + i;
      const [m1, m2, e] = [s1 / used, s2 / used - noise[i], noise[i]];
      moments.x1[at] = m1;
      moments.x2[at] = m2;
      moments.x3[at] = s3 / used - 3 * m1 * e;
      moments.x4[at] = s4 / used - 6 * m2 * e - 3 * e * e;
    }
  return moments;
}

/** Variance that noise and rounding add to x, for each unit. */
export function noiseVariance({ gain_ratio, noise_x }: Readout, stateScale: number): Float64Array {
  const rounding = ROUNDING_VARIANCE * stateScale * stateScale;
  return noise_x.map((noise, i) => (noise * noise + rounding) / (gain_ratio[i] * gain_ratio[i]));
}

/** Mean and standard error of one unit over the restarts of an array [samples][units]. */
export function overRestarts(
  values: Float64Array,
  units: number,
  unit: number,
): { mean: number; stderr: number } {
  const samples = values.length / units;
  let sum = 0;
  for (let k = unit; k < values.length; k += units) sum += values[k];
  const mean = sum / samples;
  let square = 0;
  for (let k = unit; k < values.length; k += units) square += (values[k] - mean) ** 2;
  return { mean, stderr: Math.sqrt(square / (samples - 1) / samples) };
}

/** Whether a unit gave one code only. */
export function isConstant({ codes, units }: Pick<CodeBlock, 'codes' | 'units'>, unit: number): boolean {
  for (let k = unit; k < codes.length; k += units) if (codes[k] !== codes[unit]) return false;
  return true;
}
