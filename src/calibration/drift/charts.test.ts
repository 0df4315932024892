// The charts against what they promise: how often they cry wolf, and how soon they see a change. Simulated rounds, seeded.
import { describe, expect, it } from 'vitest';
import { gaussianFrom } from '../../../test/support/gaussian.ts';
import { BASELINE_ROUNDS_MIN, Baseline, CusumChart, EwmaChart } from './charts.ts';
import { familyBound_z } from './family.ts';

const one = (value: number, stderr = 1) => ({
  value: Float64Array.of(value),
  stderr: Float64Array.of(stderr),
});

function measuredBaseline(gaussian: () => number): Baseline {
  const baseline = new Baseline(1);
  for (let k = 0; k < BASELINE_ROUNDS_MIN; k++) baseline.add(one(gaussian()));
  return baseline;
}

/** Rounds until the CUSUM alarms, at most `limit`; the shift is in standard errors of a round. */
function runLength(gaussian: () => number, shift: number, limit: number): number {
  const baseline = measuredBaseline(gaussian);
  const chart = new CusumChart();
  for (let round = 1; round <= limit; round++) {
    chart.add((gaussian() + shift - baseline.value(0)) / Math.hypot(1, baseline.variance(0) ** 0.5));
    if (chart.ratio > 1) return round;
  }
  return limit;
}

describe('CUSUM', () => {
  it('runs more than 3,000 rounds on average without a change, the error of its baseline included', () => {
    const gaussian = gaussianFrom(61);
    const runs = 400;
    const lengths = Array.from({ length: runs }, () => runLength(gaussian, 0, 10_000));
    const mean = lengths.reduce((a, b) => a + b) / runs;
    const sd = Math.sqrt(lengths.reduce((sum, n) => sum + (n - mean) ** 2, 0) / (runs - 1));
    // Cut at 10,000: what is left out makes the true one longer.
    expect(mean - (3 * sd) / Math.sqrt(runs)).toBeGreaterThan(3000);
  });

  it('sees a shift of 2.5 standard errors within 12 rounds on average, to either side', () => {
    const gaussian = gaussianFrom(62);
    for (const shift of [2.5, -2.5]) {
      const lengths = Array.from({ length: 400 }, () => runLength(gaussian, shift, 500));
      expect(lengths.reduce((a, b) => a + b) / 400).toBeLessThan(12);
    }
  });
});

describe('EWMA', () => {
  it('knows its own scatter, the error of the baseline included', () => {
    const gaussian = gaussianFrom(63);
    const n = 4000;
    let square = 0;
    for (let k = 0; k < n; k++) {
      const chart = new EwmaChart(measuredBaseline(gaussian), 1);
      for (let round = 0; round < 5; round++) chart.add(one(gaussian()));
      square += (chart.change(0) / chart.stderr(0)) ** 2;
    }
    expect(Math.abs(square / n - 1)).toBeLessThan(4 * Math.sqrt(2 / n));
  });

  it('names none of 2,016 couplings in control, in all but one round of a thousand', () => {
    const gaussian = gaussianFrom(64);
    const size = 2016;
    const bound = familyBound_z(size);
    const stderr = new Float64Array(size).fill(1);
    const round = () => ({ value: Float64Array.from({ length: size }, gaussian), stderr });
    let [rounds, named] = [0, 0];
    for (let repeat = 0; repeat < 20; repeat++) {
      const baseline = new Baseline(size);
      for (let k = 0; k < BASELINE_ROUNDS_MIN; k++) baseline.add(round());
      const chart = new EwmaChart(baseline, size);
      for (let k = 0; k < 30; k++, rounds++) {
        chart.add(round());
        for (let i = 0; i < size; i++)
          if (Math.abs(chart.change(i) / chart.stderr(i)) > bound) {
            named++;
            break;
          }
      }
    }
    // Expected 0.6 of 600; rounds of one chart are alike, so that one bad baseline can count a few times.
    expect(rounds).toBe(600);
    expect(named).toBeLessThanOrEqual(6);
  });
});
