// Estimators with honest error bars: plain moments, integrated autocorrelation time, batch means, Wilson interval.
import { PhysicsError } from './errors.ts';

export interface Summary {
  n: number;
  mean: number;
  /** Standard deviation, n - 1 in the denominator; 0 for a single value. */
  sd: number;
  /** Standard error of the mean of independent values. */
  stderr: number;
}

export function mean(values: ArrayLike<number>): number {
  needAtLeast(1, values);
  let sum = 0;
  for (let k = 0; k < values.length; k++) sum += values[k];
  return sum / values.length;
}

/** Unbiased variance (n - 1); two values at least. */
export function variance(values: ArrayLike<number>): number {
  needAtLeast(2, values);
  const centre = mean(values);
  let sum = 0;
  for (let k = 0; k < values.length; k++) sum += (values[k] - centre) ** 2;
  return sum / (values.length - 1);
}

/** Standard error of the mean of independent values. */
export function standardError(values: ArrayLike<number>): number {
  return Math.sqrt(variance(values) / values.length);
}

/** Mean, standard deviation and standard error of independent values. */
export function summarise(values: ArrayLike<number>): Summary {
  const n = values.length;
  const sd = n > 1 ? Math.sqrt(variance(values)) : 0;
  return { n, mean: mean(values), sd, stderr: sd / Math.sqrt(n) };
}

export interface Autocorrelation {
  /** 1 + 2 sum rho(l), in units of the spacing of the series; 1 for independent values. */
  time: number;
  /** Last lag in the sum. */
  window: number;
  effectiveSamples: number;
  /** Standard error of the mean with the correlation in it: s sqrt(time/n). */
  stderr: number;
  /** The series is long enough (n > 50 tau) for the figure to be believed. */
  trusted: boolean;
}

/** Window rule and trust limit of the integrated autocorrelation time (design of section "Statistics" in docs/physics.md). */
const WINDOW_FACTOR = 5;
const TRUST_FACTOR = 50;

/** Integrated autocorrelation time with the self-consistent window: the smallest M >= 5 tau(M). */
export function autocorrelationTime(series: ArrayLike<number>): Autocorrelation {
  const steps = autocorrelationSteps(series);
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/**
 * The same, pausing after every lag, for who must not hold up others: a lag costs as many multiplications as the series
 * is long.
 * @param lagMax gives up there, not trusted
 */
export function* autocorrelationSteps(
  series: ArrayLike<number>,
  lagMax = series.length - 1,
): Generator<undefined, Autocorrelation> {
  const n = series.length;
  const spread = variance(series);
  const centre = mean(series);
  const power = (spread * (n - 1)) / n;
  let time = 1;
  let window = 0;
  if (power > 0) {
    for (let lag = 1; lag <= lagMax; lag++) {
      let sum = 0;
      for (let k = 0; k + lag < n; k++) sum += (series[k] - centre) * (series[k + lag] - centre);
      time += (2 * sum) / n / power;
      window = lag;
      if (lag >= WINDOW_FACTOR * time) break;
      yield;
    }
  }
  // Anticorrelated series can push the sum below its smallest meaningful value.
  time = Math.max(time, 1 / n);
  return {
    time,
    window,
    effectiveSamples: n / time,
    stderr: Math.sqrt((spread * time) / n),
    trusted: n > TRUST_FACTOR * time && window < lagMax,
  };
}

/** Mean and standard error from `batches` means of equal stretches; what does not fill a batch is left out at the start. */
export function batchMeans(series: ArrayLike<number>, batches = 20): Summary {
  const length = Math.floor(series.length / batches);
  if (!Number.isInteger(batches) || batches < 2 || length < 1)
    throw new PhysicsError('bad-argument', `${series.length} values cannot fill ${batches} batches`, {
      pointer: '/batches',
      allowed: { min: 2, max: series.length },
    });
  const skipped = series.length - batches * length;
  const means = new Float64Array(batches);
  for (let b = 0; b < batches; b++) {
    let sum = 0;
    for (let k = 0; k < length; k++) sum += series[skipped + b * length + k];
    means[b] = sum / length;
  }
  return summarise(means);
}

/** Wilson score interval of a share; `z` standard deviations (1.96: 95 %). */
export function wilsonInterval(
  successes: number,
  trials: number,
  z = 1.959963984540054,
): { share: number; low: number; high: number } {
  if (!(trials > 0) || successes < 0 || successes > trials)
    throw new PhysicsError('bad-argument', `${successes} of ${trials} is no share`, {
      pointer: '/successes',
      allowed: { min: 0, max: trials },
    });
  const share = successes / trials;
  const denominator = 1 + (z * z) / trials;
  const centre = (share + (z * z) / (2 * trials)) / denominator;
  const half =
    (z * Math.sqrt((share * (1 - share)) / trials + (z * z) / (4 * trials * trials))) / denominator;
  return { share, low: Math.max(0, centre - half), high: Math.min(1, centre + half) };
}

function needAtLeast(count: number, values: ArrayLike<number>): void {
  if (values.length < count)
    throw new PhysicsError('bad-argument', `${values.length} values, ${count} needed at least`, {
      allowed: `${count} values or more`,
    });
}
