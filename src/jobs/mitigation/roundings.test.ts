import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { batchSeed } from '../early-stop/plan.ts';
import { planRoundings } from './roundings.ts';

describe('the roundings of a job', () => {
  it('share the samples evenly, in pairs with one seed', () => {
    const planned = planRoundings(23, 5, '7', 0n);
    expect(planned.map(({ samples }) => samples)).toEqual([5, 5, 5, 4, 4]);
    expect(planned.map(({ mirrored }) => mirrored)).toEqual([false, true, false, true, false]);
    const seeds = planned.map(({ roundingSeed }) => roundingSeed);
    expect([seeds[0], seeds[2]]).toEqual([seeds[1], seeds[3]]);
    expect(new Set(seeds).size).toBe(3);
    const second = createHash('sha256').update('7/dither/1').digest().readBigUInt64BE();
    expect(seeds[2]).toBe(second.toString());
  });

  it('have the noise of batches, and another one than the rounding', () => {
    const planned = planRoundings(64, 64, '7', 0n);
    expect(planned.map(({ seed }) => seed)).toEqual(planned.map((_, k) => batchSeed('7', k)));
    const all = planned.flatMap(({ seed, roundingSeed }) => [seed, roundingSeed]);
    expect(new Set(all).size).toBe(64 + 32);
    expect(planned.every(({ samples }) => samples === 1)).toBe(true);
  });

  it('without a seed have the drawn one for rounding alone', () => {
    const planned = planRoundings(10, 2, null, 123n);
    expect(planned[0]).toMatchObject({ seed: null, mirrored: false });
    expect(planned[0].roundingSeed).toBe(planRoundings(10, 2, '123', 0n)[0].roundingSeed);
    expect(planned[0].roundingSeed).not.toBe(planRoundings(10, 2, null, 124n)[0].roundingSeed);
  });
});
