// Offsets and noise of the readout of every unit, from codes of the converter reference at level 0. Pure.
import { normalQuantile } from '../tails.ts';
import { isConstant, overRestarts, ROUNDING_VARIANCE, type CodeBlock } from '../moments.ts';

/** `dead`: one code only, while the others show noise; `deviates`: far noisier or quieter than the others. */
export type ReadoutQuality = 'ok' | 'deviates' | 'dead';

export interface OffsetEstimate {
  offset_x: Float64Array;
  offsetStderr_x: Float64Array;
  /** Rms of one read, without the rounding to codes. */
  noise_x: Float64Array;
  noiseStderr_x: Float64Array;
  quality: ReadoutQuality[];
  reasons: (string | null)[];
  /** Over the units that are not dead. */
  common: { offset_x: number; offsetStderr_x: number; noise_x: number; noiseStderr_x: number };
}

/** Probability that a chip without any fault has a unit flagged. */
const FALSE_ALARM_PROBABILITY = 0.01;
/** Noise of this rms, in codes, makes rounding to codes average out: below it a code may hide half a step. */
const DITHER_codes = 0.3;

/**
 * Error of a mean of codes that rounding leaves, rms in codes: its first harmonic falls as exp(-2 pi^2 s^2) with noise of s
 * codes (Widrow and Kollar, Quantization Noise, 2008, chapter 4).
 */
export function roundingError_codes(noise_codes: number): number {
  return Math.sqrt(ROUNDING_VARIANCE) * Math.exp(-2 * Math.PI ** 2 * noise_codes ** 2);
}

/**
 * @param block one read per sample, of the reference at level 0
 * @returns arrays of `units` values; a dead unit has offset 0 and noise 0
 */
export function estimateOffsets(block: CodeBlock): OffsetEstimate {
  const { samples, units, stateScale } = block;
  const codes = Float64Array.from(block.codes);
  const offset_x = new Float64Array(units);
  const offsetStderr_x = new Float64Array(units);
  const noise_x = new Float64Array(units);
  const noiseStderr_x = new Float64Array(units);
  for (let i = 0; i < units; i++) {
    const { mean, stderr } = overRestarts(codes, units, i);
    const variance = stderr * stderr * samples;
    // Without noise the code stands still, and rounding adds no variance to take off.
    const noise2 = variance > ROUNDING_VARIANCE + DITHER_codes ** 2 ? variance - ROUNDING_VARIANCE : variance;
    const noise = Math.sqrt(Math.max(noise2, 0));
    offset_x[i] = mean * stateScale;
    offsetStderr_x[i] = Math.hypot(stderr, roundingError_codes(noise)) * stateScale;
    noise_x[i] = noise * stateScale;
    // s.d. of a variance from n Gaussian values: sqrt(2/(n - 1)) of it.
    noiseStderr_x[i] = noise > 0 ? ((variance / Math.sqrt(2 * (samples - 1))) * stateScale) / noise : 0;
  }
  const judged = judge(block, noise_x, noiseStderr_x);
  const live = judged.quality.flatMap((quality, i) => (quality === 'dead' ? [] : [i]));
  return {
    offset_x,
    offsetStderr_x,
    noise_x,
    noiseStderr_x,
    ...judged,
    common: {
      offset_x: meanOf(live, offset_x),
      offsetStderr_x: errorOfMean(live, offsetStderr_x),
      noise_x: Math.sqrt(
        meanOf(
          live,
          noise_x.map((noise) => noise * noise),
        ),
      ),
      noiseStderr_x: errorOfMean(live, noiseStderr_x),
    },
  };
}

function judge(
  block: CodeBlock,
  noise_x: Float64Array,
  noiseStderr_x: Float64Array,
): { quality: ReadoutQuality[]; reasons: (string | null)[] } {
  const { units, stateScale } = block;
  const typical = medianOf(noise_x);
  const bound_z = normalQuantile(FALSE_ALARM_PROBABILITY / (2 * units));
  const width = medianOf(noiseStderr_x);
  const quality: ReadoutQuality[] = [];
  const reasons: (string | null)[] = [];
  for (let i = 0; i < units; i++) {
    const isDead = typical > DITHER_codes * stateScale && isConstant(block, i);
    const z = width > 0 ? (noise_x[i] - typical) / width : 0;
    const isOdd = !isDead && Math.abs(z) > bound_z;
    quality.push(isDead ? 'dead' : isOdd ? 'deviates' : 'ok');
    reasons.push(
      isDead
        ? 'every read gave the same code, while the other units show noise'
        : isOdd
          ? `its noise of ${noise_x[i].toPrecision(3)} is ${z.toFixed(1)} standard errors from the others'`
          : null,
    );
  }
  return { quality, reasons };
}

export const meanOf = (units: readonly number[], values: ArrayLike<number>): number =>
  units.length === 0 ? NaN : units.reduce((sum, i) => sum + values[i], 0) / units.length;

/** Of a mean of independent values with these standard errors. */
export const errorOfMean = (units: readonly number[], stderr: ArrayLike<number>): number =>
  units.length === 0
    ? NaN
    : Math.sqrt(units.reduce((sum, i) => sum + stderr[i] * stderr[i], 0)) / units.length;

function medianOf(values: Float64Array): number {
  const sorted = values.toSorted();
  return (sorted[Math.floor((sorted.length - 1) / 2)] + sorted[Math.ceil((sorted.length - 1) / 2)]) / 2;
}
