// The pace of the chip: how fast single units relax after a field is switched off, against the exact mean path of one unit
// (Fokker-Planck) with its time scaled. Pure.
import { meanPath } from '../../training/index.ts';
import { isConstant, type CodeBlock, type Readout } from '../moments.ts';

/** Runs under +field and -field: half their difference is free of offsets. */
export interface StepData {
  up: CodeBlock;
  down: CodeBlock;
  /** Of the reads, from the moment the field was switched off; reduced time as programmed. */
  times: readonly number[];
  field_E0: number;
  readout: Readout;
  /** Of the units, E0: as known, or as programmed. */
  j2_E0: Float64Array;
  j4_E0: Float64Array;
  kT_E0: number;
}

/** `stuck`: it does not follow the field. */
export type MobilityQuality = 'ok' | 'dead' | 'stuck';

export interface MobilityEstimate {
  /** Actual over programmed pace. */
  mobility_ratio: number;
  stderr_ratio: number;
  /** How late reads are after the switch, in reduced time; what is wrong with the size of the step is in it as well. */
  delay: number;
  delayStderr: number;
  /** Largest deviation of the mean path from the fitted one, in its standard errors. */
  worst_z: number;
  quality: MobilityQuality[];
}

/** Where a mobility is sought. */
export const MOBILITY_MIN_ratio = 0.3;
export const MOBILITY_MAX_ratio = 3;
/** Share of the expected displacement that a unit shows at least. */
const FOLLOWS_ratio = 0.3;
const ITERATIONS_MAX = 50;

/** Null when no mobility in the range fits, or no unit follows the field. */
export function estimateMobility(data: StepData): MobilityEstimate | null {
  const { up, down, times } = data;
  const quality = qualityOf(data);
  const ok = quality.flatMap((word, i) => (word === 'ok' ? [i] : []));
  if (ok.length === 0) return null;
  const paths = [up, down].map((block) => unitMeans(block, data.readout, ok));
  const measured = times.map((_, r) => (averageOf(paths[0], r) - averageOf(paths[1], r)) / 2);
  const variance = times.map((_, r) => (varianceOf(paths[0], r) + varianceOf(paths[1], r)) / 4);
  const over = (values: Float64Array): number => ok.reduce((sum, i) => sum + values[i], 0) / ok.length;
  const last = times[times.length - 1];
  const curve = new Relaxation(data.field_E0, { ...data, j2: over(data.j2_E0), j4: over(data.j4_E0) }, last);
  const fit = fitted(curve, times, measured, variance);
  if (fit === null) return null;
  const { mobility, delay, influence } = fit;
  const [mobilityVariance, delayVariance] = influence.map(
    (row) => (scatterAlong(paths[0], row) + scatterAlong(paths[1], row)) / 4,
  );
  const residuals = times.map(
    (t, r) => (measured[r] - curve.at(mobility * (t + delay))) / Math.sqrt(variance[r]),
  );
  return {
    mobility_ratio: mobility,
    stderr_ratio: Math.sqrt(mobilityVariance),
    delay,
    delayStderr: Math.sqrt(delayVariance),
    worst_z: Math.max(...residuals.map(Math.abs)),
    quality,
  };
}

/** Means over units, [restarts][reads]. */
type UnitMeans = Float64Array[];

function unitMeans(block: CodeBlock, readout: Readout, units: readonly number[]): UnitMeans {
  const { codes, samples, reads, stateScale } = block;
  return Array.from({ length: samples }, (_, k) =>
    Float64Array.from({ length: reads }, (_, r) => {
      let sum = 0;
      for (const i of units) {
        const code = codes[(k * reads + r) * block.units + i];
        sum += (code * stateScale - readout.offset_x[i]) / readout.gain_ratio[i];
      }
      return sum / units.length;
    }),
  );
}

const averageOf = (paths: UnitMeans, read: number): number =>
  paths.reduce((sum, path) => sum + path[read], 0) / paths.length;

/** Of the mean over restarts. */
function varianceOf(paths: UnitMeans, read: number): number {
  const weights = new Float64Array(paths[0].length);
  weights[read] = 1;
  return scatterAlong(paths, weights);
}

/** Variance of the mean over restarts of a weighted sum of reads: their correlation in time is in it. */
function scatterAlong(paths: UnitMeans, weights: ArrayLike<number>): number {
  const sums = paths.map((path) => path.reduce((sum, x, r) => sum + weights[r] * x, 0));
  const mean = sums.reduce((sum, each) => sum + each, 0) / sums.length;
  return sums.reduce((sum, each) => sum + (each - mean) ** 2, 0) / (sums.length - 1) / sums.length;
}

function qualityOf({ up, down, times, readout, field_E0, j2_E0, j4_E0, kT_E0 }: StepData): MobilityQuality[] {
  const curve = new Relaxation(field_E0, { kT_E0, j2: j2_E0[0], j4: j4_E0[0] }, 1);
  return Array.from({ length: up.units }, (_, i) => {
    if (isConstant(up, i) && isConstant(down, i)) return 'dead';
    const [one, other] = [up, down].map((block) => averageOf(unitMeans(block, readout, [i]), 0));
    return (one - other) / 2 < FOLLOWS_ratio * curve.at(times[0]) ? 'stuck' : 'ok';
  });
}

/** Mean path after the field is gone; unit mobility. */
class Relaxation {
  readonly #mean: Float64Array;
  readonly #step: number;

  constructor(field: number, law: { kT_E0: number; j2: number; j4: number }, last: number) {
    const duration = Math.max(4, MOBILITY_MAX_ratio * (last + 0.5));
    // A multiple of 4, and about 0.005: the mean path is then good to 1e-4.
    const steps = 4 * Math.ceil(duration / 0.02);
    const protocol = { kT: law.kT_E0, j2: law.j2, j4: law.j4, duration, rampEnd_ratio: 1e-9 };
    this.#mean = meanPath(field, protocol, { cells: 400, steps }).mean;
    this.#step = duration / steps;
  }

  at(time: number): number {
    const place = Math.max(0, Math.min(this.#mean.length - 2, time / this.#step));
    const below = Math.floor(place);
    return this.#mean[below] + (place - below) * (this.#mean[below + 1] - this.#mean[below]);
  }
}

interface Fit {
  mobility: number;
  delay: number;
  /** What each read contributes to mobility and delay, [2][reads]. */
  influence: number[][];
}

/** Gauss-Newton in (mobility, delay), weighted by the variance of each read. */
function fitted(
  curve: Relaxation,
  times: readonly number[],
  measured: readonly number[],
  variance: readonly number[],
): Fit | null {
  let [mobility, delay] = [1, 0];
  for (let k = 0; k < ITERATIONS_MAX; k++) {
    const influence = influenceAt(curve, times, variance, mobility, delay);
    const residual = times.map((t, r) => measured[r] - curve.at(mobility * (t + delay)));
    const [a, b] = influence.map((row) => row.reduce((sum, value, r) => sum + value * residual[r], 0));
    if (!Number.isFinite(a) || !Number.isFinite(b)) return null;
    mobility += Math.max(-0.3, Math.min(0.3, a));
    delay += Math.max(-0.05, Math.min(0.05, b));
    if (!(mobility >= MOBILITY_MIN_ratio && mobility <= MOBILITY_MAX_ratio)) return null;
    if (Math.abs(a) < 1e-7 && Math.abs(b) < 1e-7) return { mobility, delay, influence };
  }
  return null;
}

/** Rows of (D^T W D)^-1 D^T W. */
function influenceAt(
  curve: Relaxation,
  times: readonly number[],
  variance: readonly number[],
  mobility: number,
  delay: number,
): number[][] {
  const h = 1e-2;
  const slope = times.map((t) => {
    const s = mobility * (t + delay);
    return (curve.at(s + h) - curve.at(s - h)) / (2 * h);
  });
  const byMobility = times.map((t, r) => slope[r] * (t + delay));
  const byDelay = slope.map((each) => each * mobility);
  let [aa, ab, bb] = [0, 0, 0];
  times.forEach((_, r) => {
    aa += byMobility[r] ** 2 / variance[r];
    ab += (byMobility[r] * byDelay[r]) / variance[r];
    bb += byDelay[r] ** 2 / variance[r];
  });
  const determinant = aa * bb - ab * ab;
  return [
    times.map((_, r) => (bb * byMobility[r] - ab * byDelay[r]) / variance[r] / determinant),
    times.map((_, r) => (aa * byDelay[r] - ab * byMobility[r]) / variance[r] / determinant),
  ];
}
