// Single elements and what all have in common, told apart on made-up changes.
import { describe, expect, it } from 'vitest';
import { gaussianFrom } from '../../../test/support/gaussian.ts';
import { commonGain, excessRms, familyBound_z, worstElements, type Changes } from './family.ts';
import { pairOf, placeOf } from './pairs.ts';

const SIZE = 2016;

function changes(seed: number, add: (k: number) => number, stderr = 0.01): Changes {
  const gaussian = gaussianFrom(seed);
  const values = Float64Array.from({ length: SIZE }, (_, k) => add(k) + stderr * gaussian());
  return { size: SIZE, change: (k) => values[k], stderr: () => stderr };
}

const programmed = Float64Array.from(
  { length: SIZE },
  (
    (gaussian) => () =>
      0.25 * gaussian()
  )(gaussianFrom(7)),
);

describe('families of couplings', () => {
  it('have the bound of decision 4 at 64 units: z = 5', () => {
    expect(familyBound_z(2016)).toBeCloseTo(5.03, 1);
    expect(familyBound_z(1)).toBeCloseTo(3.29, 1);
  });

  it('find a common gain, unmoved by one coupling that is far off', () => {
    const moved = changes(71, (k) => 0.02 * programmed[k] + (k === 189 ? 0.5 : 0));
    const bound = familyBound_z(SIZE);
    const common = commonGain(moved, programmed);
    expect(Math.abs(common.ratio - 0.02)).toBeLessThan(4 * common.stderr_ratio);
    expect(common.stderr_ratio).toBeLessThan(0.002);
    expect(common.leftOut.has(189)).toBe(true);
    expect(common.leftOut.size).toBeLessThan(6);
    const [worst, next] = worstElements(moved, { programmed, ratio: common.ratio }, 2);
    expect(pairOf(worst.index, 64)).toEqual([3, 7]);
    expect(Math.abs(worst.change - 0.5)).toBeLessThan(4 * worst.stderr);
    expect(Math.abs(next.z)).toBeLessThan(bound);
  });

  it('blame no single coupling for a common gain', () => {
    const moved = changes(72, (k) => -0.1 * programmed[k]);
    const { ratio } = commonGain(moved, programmed);
    const [worst] = worstElements(moved, { programmed, ratio }, 1);
    expect(Math.abs(worst.z)).toBeLessThan(familyBound_z(SIZE));
  });

  it('state the rms beyond the errors, and 0 where there is none', () => {
    const gaussian = gaussianFrom(73);
    const found = excessRms(changes(74, () => 0.02 * gaussian()));
    expect(Math.abs(found.rms - 0.02)).toBeLessThan(4 * Math.hypot(found.stderr, 0.02 / Math.sqrt(2 * SIZE)));
    const none = excessRms(changes(75, () => 0));
    expect(none.rms).toBeLessThan(4 * none.stderr);
  });

  it('number pairs row by row', () => {
    for (const units of [2, 5, 64])
      for (let i = 0, k = 0; i < units; i++)
        for (let j = i + 1; j < units; j++, k++) {
          expect(pairOf(k, units)).toEqual([i, j]);
          expect(placeOf(i, j, units)).toBe(k);
        }
  });
});
