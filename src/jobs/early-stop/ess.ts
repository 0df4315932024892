// The effective sample size of a series of restarts, with its error bar, and how many samples a target will take. Pure.
import { autocorrelationSteps, type Autocorrelation } from '../../physics/index.ts';
import type { ObservableEss } from '../request.ts';

/** Samples per autocorrelation time below which the time is not believed (docs/physics.md, statistics). */
const TRUST_FACTOR = 50;
/** A window that reaches this share of the series means fewer than 50 times in it: 5 tau >= n/10. */
const LAG_SHARE = 1 / 10;

export type Estimate = Pick<ObservableEss, 'ess' | 'essStderr' | 'autocorrelationTime' | 'quality'>;

/**
 * @param series one value per restart, in the order they were made; from it comes the autocorrelation time
 * @param samples restarts that this time holds for, at least as many as the series has
 * @returns a generator that pauses often; its value has ess = samples/tau, never more than `samples`, and the error of
 *   tau in it, tau sqrt((4 M + 2)/n) (Madras and Sokal 1988, J. Stat. Phys. 50, 109; window M)
 */
export function* estimate(series: ArrayLike<number>, samples: number): Generator<undefined, Estimate> {
  if (series.length < 2) return unknown('short');
  if (isConstant(series)) return unknown('constant');
  const lagMax = Math.max(1, Math.floor(series.length * LAG_SHARE));
  const found: Autocorrelation = yield* autocorrelationSteps(series, lagMax);
  // Less than 1 is the scatter of the estimate: restarts do not avoid each other.
  const autocorrelationTime = Math.max(1, found.time);
  const ess = samples / autocorrelationTime;
  return {
    ess,
    essStderr: ess * Math.sqrt((4 * found.window + 2) / series.length),
    autocorrelationTime,
    quality: found.trusted && series.length > TRUST_FACTOR * autocorrelationTime ? 'trusted' : 'short',
  };
}

/** Every observable that varies has enough, and can be believed; where none varies, nothing is known. */
export function isReached(observables: readonly Estimate[], targetEss: number): boolean {
  const counting = observables.filter(({ quality }) => quality !== 'constant');
  return (
    counting.length > 0 &&
    counting.every(({ ess, quality }) => quality === 'trusted' && ess !== null && ess >= targetEss)
  );
}

/**
 * Samples in all that the target will take, going by what is measured so far.
 * @param skipped samples at the start that some series leave out
 */
export function samplesNeeded(observables: readonly Estimate[], targetEss: number, skipped: number): number {
  const counting = observables.filter(({ quality }) => quality !== 'constant');
  if (counting.length === 0) return Infinity;
  const slowest = Math.max(1, ...counting.map((each) => each.autocorrelationTime ?? 1));
  return Math.ceil(Math.max(targetEss * slowest, skipped + TRUST_FACTOR * slowest + 1));
}

function isConstant(series: ArrayLike<number>): boolean {
  for (let k = 1; k < series.length; k++) if (series[k] !== series[0]) return false;
  return true;
}

function unknown(quality: 'short' | 'constant'): Estimate {
  return { ess: null, essStderr: null, autocorrelationTime: null, quality };
}
