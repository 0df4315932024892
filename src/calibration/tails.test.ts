// Tails against tabulated values.
import { describe, expect, it } from 'vitest';
import { chiSquareSurvival, normalQuantile, normalSurvival } from './tails.ts';

describe('tails', () => {
  it('agrees with tables of the normal law, far out too', () => {
    expect(normalSurvival(0)).toBeCloseTo(0.5, 7);
    expect(normalSurvival(1.959963985)).toBeCloseTo(0.025, 7);
    expect(normalSurvival(-1)).toBeCloseTo(0.8413447, 6);
    expect(normalSurvival(5) / 2.8665157e-7).toBeCloseTo(1, 5);
    expect(normalQuantile(0.025)).toBeCloseTo(1.959964, 5);
    expect(normalQuantile(0.01 / (4 * 784))).toBeCloseTo(4.512, 2);
  });

  it('agrees with tables of chi-square', () => {
    expect(chiSquareSurvival(18.307, 10)).toBeCloseTo(0.05, 3);
    expect(chiSquareSurvival(124.342, 100)).toBeCloseTo(0.05, 3);
    expect(chiSquareSurvival(135.807, 100)).toBeCloseTo(0.01, 3);
  });
});
