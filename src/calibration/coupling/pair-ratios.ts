// From couplings as they act to ratios over what was programmed, pair by pair, and what stands out among them.
import { normalQuantile } from '../tails.ts';
import type { MapFit } from './map-fit.ts';
import type { RowFit } from './row-fit.ts';

export interface PairRatios {
  /** N x N row-major over all units, row = the unit that is pushed: J_ij that acts over J_ij programmed. NaN: nothing can be said. */
  ratio: Float64Array;
  stderr: Float64Array;
}

/** A coupling as one number, both directions together. */
export interface Pair {
  i: number;
  j: number;
  ratio: number;
  stderr: number;
}

/** Probability that a chip without a fault has a coupling named. */
export const PAIR_FALSE_ALARM_PROBABILITY = 0.01;

/**
 * Ratios of all pairs of live units. To the error of each comes that of its row: what is not known of J2 and J4 of a unit moves all
 * of its couplings together.
 */
export function pairRatios(
  fit: MapFit,
  rows: RowFit,
  couplings_E0: Float64Array,
  { units, live }: { units: number; live: readonly number[] },
): PairRatios {
  const n = live.length;
  const out = {
    ratio: new Float64Array(units * units).fill(NaN),
    stderr: new Float64Array(units * units).fill(NaN),
  };
  for (let a = 0; a < n; a++)
    for (let b = 0; b < n; b++) {
      const at = live[a] * units + live[b];
      const programmed = couplings_E0[at];
      if (a === b || programmed === 0) continue;
      out.ratio[at] = fit.coupling_E0[a * n + b] / programmed;
      const own = fit.stderr_E0[a * n + b] / Math.abs(programmed);
      out.stderr[at] = Math.hypot(own, out.ratio[at] * rows.gainStderr_ratio[a]);
    }
  return out;
}

/** Both directions of each pair, weighted equally: they have one code. */
export function pairsOf({ ratio, stderr }: PairRatios, units: number): Pair[] {
  const pairs: Pair[] = [];
  for (let i = 0; i < units; i++)
    for (let j = i + 1; j < units; j++) {
      const [up, down] = [i * units + j, j * units + i];
      if (!Number.isFinite(ratio[up]) || !Number.isFinite(ratio[down])) continue;
      const mean = (ratio[up] + ratio[down]) / 2;
      pairs.push({ i, j, ratio: mean, stderr: Math.hypot(stderr[up], stderr[down]) / 2 });
    }
  return pairs;
}

/** The ratios of the pairs in the middle: common value, and what they scatter by beyond their errors. */
export function commonRatio(pairs: readonly Pair[]): { ratio: number; scatter: number } {
  const centre = median(pairs.map((p) => p.ratio));
  const width = 1.4826 * median(pairs.map((p) => Math.abs(p.ratio - centre)));
  const near = pairs.filter((p) => Math.abs(p.ratio - centre) <= 5 * width);
  const ratio = near.reduce((sum, p) => sum + p.ratio, 0) / near.length;
  const excess = near.reduce((sum, p) => sum + (p.ratio - ratio) ** 2 - p.stderr ** 2, 0) / near.length;
  return { ratio, scatter: Math.sqrt(Math.max(0, excess)) };
}

/** |z| beyond which a pair is out of the common law, for all pairs together. */
export const pairBound_z = (pairs: number): number =>
  normalQuantile(PAIR_FALSE_ALARM_PROBABILITY / (2 * Math.max(1, pairs)));

/** float32 little-endian [2][N][N]: ratios over the common one, and their standard errors. */
export function mapBlob({ ratio, stderr }: PairRatios, common: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(8 * ratio.length));
  for (let k = 0; k < ratio.length; k++) {
    view.setFloat32(4 * k, ratio[k] / common, true);
    view.setFloat32(4 * (ratio.length + k), stderr[k] / common, true);
  }
  return new Uint8Array(view.buffer);
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted.length === 0 ? NaN : sorted[Math.floor(sorted.length / 2)];
}
