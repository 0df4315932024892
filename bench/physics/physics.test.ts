// The quick rows of the table of exact answers, on every test run: with fixed seeds they are the same numbers everywhere, and
// all of them must hold. And the judges themselves: a row that is off, or not measured well enough, does not.
import { describe, expect, it } from 'vitest';
import { run } from '../benches/physics.ts';
import { boltzmann, bondPartitionRatio, oneUnitSpectrum } from './fokker-planck.ts';
import { chiSquaredRow, exactRow, tableRow, zeroRow } from './judge.ts';
import { antisymmetric } from './pairs.ts';
import type { Restarts } from './relax.ts';
import { normalFrom, uniformFrom } from './seeded-couplings.ts';

const reference = (x: number): number => x * x + x ** 4;

describe('exact answers of the twin, quick rows', () => {
  it('all hold', { timeout: 180_000 }, async () => {
    const rows = await run({ say: () => {}, options: ['--quick'] });
    expect(rows.filter((row) => !row.holds)).toEqual([]);
    expect(rows.length).toBeGreaterThanOrEqual(20);
  });
});

describe('a judge', () => {
  it('of an exact row wants 1 % of deviation and 0.33 % of error at most', () => {
    const holds = (mean: number, stderr: number): boolean => exactRow('x', { mean, stderr, n: 9 }, -2).holds;
    expect([holds(-2.019, 0.006), holds(-1.981, 0.006)]).toEqual([true, true]);
    expect([holds(-2.021, 0.006), holds(-2, 0.007)]).toEqual([false, false]);
  });

  it('of a zero measures in shares of a scale', () => {
    expect(zeroRow('x', { mean: 0.9, stderr: 0.3, n: 9 }, 100)).toMatchObject({
      target: { min: -0.01, max: 0.01 },
      holds: true,
    });
    expect(zeroRow('x', { mean: 1.1, stderr: 0.3, n: 9 }, 100).holds).toBe(false);
  });

  it('of a table takes the errors of both sides', () => {
    const holds = (mean: number): boolean =>
      tableRow('x', { mean, stderr: 3, n: 9 }, { value: 0, stderr: 4 }).holds;
    expect([holds(14.9), holds(15.1)]).toEqual([true, false]);
  });

  it('of a chi-squared finds deviations that are too large or too small', () => {
    const holds = (z: number): boolean => chiSquaredRow('x', new Array<number>(200).fill(z)).holds;
    expect([holds(1), holds(1.2), holds(0.8)]).toEqual([true, false, false]);
  });
});

describe('the exact answers themselves', () => {
  it('have the published moments and relaxation times of the reference unit', () => {
    expect(boltzmann(reference, 0.1, (x) => x * x).mean).toBeCloseTo(0.040878, 6);
    expect(boltzmann(reference, 0.1, (x) => x ** 4).mean).toBeCloseTo(0.004561, 6);
    const { times } = oneUnitSpectrum(reference, 0.1);
    expect(Math.abs(times[0] - 0.411)).toBeLessThan(0.001);
    expect(Math.abs(times[1] - 0.18)).toBeLessThan(0.001);
  });

  it('follow the closed forms of a harmonic unit', () => {
    // U = x^2 at kT = 0.1: tau = 1/2, <x>(t) = (B/2) exp(-2 t), Z ratio of a bond (1 - J^2/4)^(-1/2).
    const harmonic = (x: number): number => x * x;
    const spectrum = oneUnitSpectrum(harmonic, 0.1);
    expect(spectrum.times[0]).toBeCloseTo(0.5, 3);
    expect(spectrum.meanAfterField(0.4, 0)).toBeCloseTo(0.2, 6);
    expect(spectrum.meanAfterField(0.4, 0.5)).toBeCloseTo(0.2 * Math.exp(-1), 4);
    expect(bondPartitionRatio(harmonic, 0.1, 1)).toBeCloseTo(1 / Math.sqrt(0.75), 6);
  });
});

describe('the antisymmetric lagged covariance', () => {
  // dx = -A x dt + noise in two units; J12 and J21 differ by `skew`.
  const lagged = (skew: number): Restarts => {
    const normal = normalFrom(uniformFrom(7));
    const [samples, dt, kick] = [4000, 0.02, Math.sqrt(2 * 0.1 * 0.02)];
    const states: number[][] = [];
    for (let k = 0; k < samples; k++) {
      let [a, b] = [0, 0];
      for (let step = 1; step <= 220; step++) {
        const force = [2 * a + (0.5 + skew) * b, 2 * b + (0.5 - skew) * a];
        [a, b] = [a - dt * force[0] + kick * normal(), b - dt * force[1] + kick * normal()];
        if (step === 200 || step === 220) states.push([a, b]);
      }
    }
    return {
      samples,
      reads: 2,
      units: 2,
      x: (sample, read, unit) => states[2 * sample + read][unit],
      state: (sample, read) => Float64Array.from(states[2 * sample + read]),
    };
  };
  const asymmetry = (skew: number): number => {
    const { weighted } = antisymmetric(lagged(skew), Float64Array.of(0, 1, 1, 0));
    return weighted.mean / weighted.stderr;
  };

  it('is zero for a symmetric coupling and seen for an asymmetric one', () => {
    expect(Math.abs(asymmetry(0))).toBeLessThan(3.5);
    expect(Math.abs(asymmetry(0.5))).toBeGreaterThan(8);
  });
});
