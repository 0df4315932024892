import { describe, expect, it } from 'vitest';
import { autocorrelationTime } from '../../physics/index.ts';
import { gaussianFrom } from '../../../test/support/gaussian.ts';
import { estimate, isReached, samplesNeeded, type Estimate } from './ess.ts';

/** x' = a x + sqrt(1 - a^2) g: correlated over (1 + a)/(1 - a) restarts. */
function remembering(a: number, length: number, seed: number): number[] {
  const normal = gaussianFrom(seed);
  let x = normal();
  return Array.from({ length }, () => (x = a * x + Math.sqrt(1 - a * a) * normal()));
}

const LENGTH = 16_000;

function of(series: ArrayLike<number>, samples = series.length): Estimate {
  const steps = estimate(series, samples);
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

const known = (change: Partial<Estimate> = {}): Estimate => ({
  ess: 100,
  essStderr: 10,
  autocorrelationTime: 1,
  quality: 'trusted',
  ...change,
});

describe('the effective sample size', () => {
  it.each([
    [0, 1],
    [0.5, 3],
    [0.8, 9],
  ])('of a memory of %f per restart is the samples over %f, within its error', (a, time) => {
    for (const seed of [1, 2, 3, 4]) {
      const found = of(remembering(a, LENGTH, seed));
      expect(found.quality).toBe('trusted');
      const error = 4 * (found.essStderr ?? 0);
      expect(Math.abs((found.ess ?? 0) - LENGTH / time)).toBeLessThan(error);
      expect(error).toBeLessThan(0.8 * (LENGTH / time));
    }
  });

  it('is that of the plain estimator where the series is long enough, and never more than the samples', () => {
    const series = remembering(0.6, 2000, 5);
    expect(of(series).autocorrelationTime).toBe(autocorrelationTime(series).time);
    const swinging = Array.from({ length: 400 }, (_, k) => (-1) ** k);
    expect(of(swinging)).toMatchObject({ ess: 400, autocorrelationTime: 1 });
  });

  it('counts samples beyond the series that measured the time', () => {
    const series = remembering(0.5, 1000, 6);
    expect(of(series, 1500).ess).toBeCloseTo(1.5 * (of(series).ess ?? NaN), 9);
  });

  it('is not believed from a series that is short against its memory, nor from one that is short', () => {
    expect(of(remembering(0.98, 1000, 7)).quality).toBe('short');
    expect(of(remembering(0, 40, 8)).quality).toBe('short');
    expect(of([1])).toEqual({ ess: null, essStderr: null, autocorrelationTime: null, quality: 'short' });
  });

  it('of what never moved is unknown', () => {
    expect(of(Array(500).fill(0.5))).toMatchObject({ ess: null, quality: 'constant' });
  });
});

describe('a target', () => {
  const constant = known({ ess: null, essStderr: null, autocorrelationTime: null, quality: 'constant' });

  it('is reached when all that vary have it and can be believed', () => {
    expect(isReached([known(), known({ ess: 100.5 }), constant], 100)).toBe(true);
    expect(isReached([known(), known({ ess: 99.9 })], 100)).toBe(false);
    expect(isReached([known(), known({ ess: 500, quality: 'short' })], 100)).toBe(false);
    expect(isReached([constant], 1)).toBe(false);
  });

  it('needs its size times the slowest time, and enough to believe that time', () => {
    expect(samplesNeeded([known(), known({ autocorrelationTime: 3 })], 100, 50)).toBe(300);
    expect(samplesNeeded([known({ autocorrelationTime: 3 })], 10, 64)).toBe(64 + 151);
    expect(samplesNeeded([constant], 10, 64)).toBe(Infinity);
  });
});
