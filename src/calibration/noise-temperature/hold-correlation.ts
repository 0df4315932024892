// Second opinion on the thermometer's error bar: the correlation of x^2 between the reads of one hold, pooled over holds
// and units, with the self-consistent window and the trust rule of docs/physics.md (statistics).
import type { HoldData } from './hold-data.ts';

export interface ReadCorrelation {
  /** 1 + 2 sum rho(l) in units of the spacing of the reads; 1: independent reads. */
  time_reads: number;
  /** Last lag in the sum. */
  window: number;
  /** Standard error of <x^2> over holds, reads and these units, if units and holds are independent. */
  meanSquareStderr: number;
  /** The window closed inside a hold, and there are more than 50 correlation times of data. */
  trusted: boolean;
}

const WINDOW_FACTOR = 5;
const TRUST_FACTOR = 50;

/** Null with fewer than two reads or without units. Assumes equally spaced reads. */
export function correlationOfReads(data: HoldData, good: readonly number[]): ReadCorrelation | null {
  const { holds, reads, stateScale } = data;
  if (reads < 2 || good.length === 0) return null;
  const covariance = autocovariance(data, good);
  let time = 1;
  let window = 0;
  let inHold = 1; // variance of the mean of one hold, over that of one read divided by reads
  let closed = false;
  for (let lag = 1; lag < reads && !closed; lag++) {
    const rho = covariance[lag] / covariance[0];
    time += 2 * rho;
    inHold += 2 * (1 - lag / reads) * rho;
    window = lag;
    closed = lag >= WINDOW_FACTOR * time;
  }
  const variance = (covariance[0] * stateScale ** 4 * Math.max(inHold, 0)) / (reads * holds * good.length);
  return {
    time_reads: time,
    window,
    meanSquareStderr: Math.sqrt(variance),
    trusted: closed && holds * reads > TRUST_FACTOR * time,
  };
}

/** Of code^2 around each unit's own mean, by lag, averaged over holds, reads and units. */
function autocovariance(data: HoldData, good: readonly number[]): Float64Array {
  const { codes, holds, reads, units } = data;
  const sums = new Float64Array(reads);
  const series = new Float64Array(holds * reads);
  for (const unit of good) {
    for (let k = 0; k < series.length; k++) series[k] = codes[k * units + unit] ** 2;
    const centre = series.reduce((sum, v) => sum + v, 0) / series.length;
    for (let k = 0; k < series.length; k++) series[k] -= centre;
    for (let hold = 0; hold < series.length; hold += reads)
      for (let lag = 0; lag < reads; lag++)
        for (let r = hold; r < hold + reads - lag; r++) sums[lag] += series[r] * series[r + lag];
  }
  return sums.map((sum, lag) => sum / (good.length * holds * (reads - lag)));
}
