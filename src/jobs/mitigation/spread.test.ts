import { describe, expect, it } from 'vitest';
import { gaussianFrom } from '../../../test/support/gaussian.ts';
import { meansOf, spreadOf, type RoundingMeans } from './spread.ts';

const read = (time_s: number) => ({ time_s, label: 'read' as const });

describe('the means of a rounding', () => {
  it('are of the last read alone, in x and kT', () => {
    const run = {
      ...{ samples: 2, units: 2, stateScale: 0.5, reads: [read(1), read(2)] },
      codes: Int16Array.of(99, 99, 2, -4, 77, 77, 4, 0),
    };
    const means = meansOf(run, Float64Array.of(0.2, 0.4), 0.1);
    expect(means.samples).toBe(2);
    expect([...means.x]).toEqual([1.5, -1]);
    expect(means.energy_kT).toBeCloseTo(3, 12);
  });
});

describe('the spread of roundings', () => {
  const rounding = (samples: number, energy_kT: number, ...x: number[]): RoundingMeans => ({
    ...{ samples, energy_kT },
    x: Float64Array.from(x),
  });

  it('is the scatter of their means; the value counts every sample', () => {
    const found = spreadOf([rounding(3, 1, 0.1, -2), rounding(1, 5, 0.3, -1)]);
    expect(found.map(({ name, unit }) => [name, unit])).toEqual([
      ['energy_kT', null],
      ['mean_x', null],
      ['unit_x', 1],
    ]);
    expect(found[0].value).toBeCloseTo(2, 12);
    expect(found[0].spread).toBeCloseTo(Math.sqrt(8), 12);
    expect(found[0].stderr).toBeCloseTo(2, 12);
    expect(found[1].value).toBeCloseTo((3 * -0.95 - 0.35) / 4, 12);
    expect(found[2].value).toBeCloseTo(-1.75, 12);
  });

  // z of the value over 400 jobs of 8 roundings: variance of Student's t with 7 degrees of freedom, 7/5, to 0.11 each.
  it('is an honest error bar of independent roundings', () => {
    const normal = gaussianFrom(3);
    let square = 0;
    const jobs = 400;
    for (let k = 0; k < jobs; k++) {
      const [energy] = spreadOf(Array.from({ length: 8 }, () => rounding(10, 2 + 0.5 * normal(), normal())));
      square += ((energy.value - 2) / energy.stderr) ** 2;
    }
    // The fourth moment of t(7) is 49/5, so the mean of 400 squares scatters by sqrt((9.8 - 1.96) / 400) = 0.14.
    expect(Math.abs(square / jobs - 7 / 5)).toBeLessThan(4 * 0.14);
  });
});
