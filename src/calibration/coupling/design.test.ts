// The parts of the design: patterns that tell units apart, test codes that no stuck bit turns into nothing, rounds of suspects,
// and the inverse that all of it rests on.
import { describe, expect, it } from 'vitest';
import { gaussianFrom } from '../../../test/support/gaussian.ts';
import { emptyModel, quantise } from '../../physics/index.ts';
import { TEST_CODE, denseProgram, driveForces, pairIndex, pairProgram, patternsFor } from './drive.ts';
import { Breath, inverse, product } from './matrix.ts';
import { roundsOf, suspectsOf, type PairList } from './missing.ts';

describe('forces', () => {
  it('have signs that are nearly orthogonal to each other and to a constant', () => {
    const units = 64;
    const patterns = patternsFor(units);
    expect([patterns, patternsFor(784), patternsFor(784, 941)]).toEqual([67, 787, 947]);
    const { force_E0 } = driveForces(units, patterns, 3);
    const sign = (p: number, i: number): number => Math.sign(force_E0[p * units + i]);
    for (let i = 0; i < units; i++)
      for (let j = -1; j < i; j++) {
        let sum = 0;
        for (let p = 0; p < patterns; p++) sum += sign(p, i) * (j < 0 ? 1 : sign(p, j));
        expect(Math.abs(sum)).toBeLessThanOrEqual(3);
      }
  });

  it('have drawn signs when there are fewer patterns than units, so that no two units move alike', () => {
    const { force_E0 } = driveForces(64, 31, 3);
    const alike = Array.from({ length: 31 }, (_, p) => Math.sign(force_E0[p * 64] * force_E0[p * 64 + 31]));
    expect(new Set(alike).size).toBe(2);
  });
});

describe('test couplings', () => {
  it('keep a third of their size with any of their 12 bits stuck', () => {
    for (const code of [TEST_CODE, -TEST_CODE])
      for (let bit = 0; bit < 12; bit++)
        for (const stuck of [code & ~(1 << bit), code | (1 << bit)])
          expect(Math.abs((stuck << 20) >> 20)).toBeGreaterThanOrEqual(TEST_CODE / 3);
  });

  it('are put where they belong', () => {
    const base = quantise(emptyModel(5));
    const { couplingCode } = pairProgram(base, [[1, 3]], 1, 1);
    const names = Array.from(couplingCode.keys()).filter((k) => couplingCode[k] !== 0);
    // (0,1) (0,2) (0,3) (0,4) (1,2) (1,3)
    expect(names).toEqual([5]);
    expect(pairIndex(5, 3, 4)).toBe(9);
    expect(new Set(denseProgram(base, 1, 1).couplingCode.map(Math.abs))).toEqual(new Set([TEST_CODE]));
  });
});

describe('suspects', () => {
  it('are those near 0, the further the coarser the scan', () => {
    const pair = (j: number, ratio: number, stderr: number) => ({ i: 0, j, ratio, stderr });
    const pairs = [
      pair(1, 0.4, 0.01),
      pair(2, 0.6, 0.01),
      pair(3, 0.6, 0.12),
      pair(4, -0.3, 0.01),
      pair(5, 0.8, 1),
    ];
    expect(suspectsOf(pairs, 1)).toEqual([
      [0, 1],
      [0, 3],
      [0, 4],
    ]);
  });

  it('are asked in rounds that crowd no unit, and the rest stays open', () => {
    const star: PairList = Array.from({ length: 120 }, (_, k) => [0, k + 1]);
    const { rounds, left } = roundsOf(star);
    expect(rounds).toHaveLength(12);
    for (const round of rounds) expect(round).toHaveLength(8);
    expect(left).toHaveLength(120 - 96);
    expect(roundsOf([])).toEqual({ rounds: [], left: [] });
  });
});

describe('the inverse', () => {
  it('undoes a matrix, and is refused for one that has none', async () => {
    const n = 30;
    const normal = gaussianFrom(2);
    const a = Float64Array.from({ length: n * n }, () => normal());
    const undone = await inverse(a, n, new Breath());
    const one = await product(undone ?? a, a, n, new Breath());
    one.forEach((value, k) => expect(value).toBeCloseTo(k % (n + 1) === 0 ? 1 : 0, 9));
    a.copyWithin(n, 0, n);
    expect(await inverse(a, n, new Breath())).toBeNull();
  });
});
