// The mobility from paths that are simulated here, one Euler step after the other, and from the exact path itself.
import { describe, expect, it } from 'vitest';
import { gaussianFrom } from '../../../test/support/gaussian.ts';
import { mean, variance } from '../../physics/index.ts';
import { meanPath } from '../../training/index.ts';
import { idealReadout, type CodeBlock } from '../moments.ts';
import { estimateMobility, type StepData } from './estimator.ts';

const TIMES = Array.from({ length: 12 }, (_, k) => 0.15 * (k + 1));
const FIELD = 2;
const law = { kT: 0.1, j2: 1, j4: 1 };

/** Codes whose mean follows `path`, with noise that the reads share. */
function block(
  path: (t: number) => number,
  options: { seed: number; units: number; samples: number; noise: number },
): CodeBlock {
  const { seed, units, samples, noise } = options;
  const gaussian = gaussianFrom(seed);
  const codes = new Int16Array(samples * TIMES.length * units);
  for (let k = 0; k < samples; k++)
    for (let i = 0; i < units; i++) {
      let shared = gaussian() * noise;
      TIMES.forEach((t, r) => {
        shared = 0.7 * shared + Math.sqrt(1 - 0.49) * noise * gaussian();
        codes[(k * TIMES.length + r) * units + i] = Math.round((path(t) + shared) * 1024);
      });
    }
  return { codes, samples, reads: TIMES.length, units, stateScale: 2 ** -10 };
}

const exact = meanPath(FIELD, { ...law, duration: 8, rampEnd_ratio: 1e-9 }, { cells: 400, steps: 4000 }).mean;
const pathAt = (t: number): number => {
  const place = (t / 8) * 4000;
  const below = Math.floor(place);
  return exact[below] + (place - below) * (exact[below + 1] - exact[below]);
};

function step(mobility: number, delay: number, seed: number, noise = 0.2, units = 8): StepData {
  const path = (t: number): number => pathAt(mobility * (t + delay));
  const options = { units, samples: 60, noise };
  return {
    up: block(path, { ...options, seed: 2 * seed }),
    down: block((t) => -path(t), { ...options, seed: 2 * seed + 1 }),
    times: TIMES,
    field_E0: FIELD,
    readout: idealReadout(units),
    j2_E0: new Float64Array(units).fill(law.j2),
    j4_E0: new Float64Array(units).fill(law.j4),
    kT_E0: law.kT,
  };
}

describe('estimateMobility', () => {
  it.each([
    [1, 0],
    [0.7, 0.01],
    [1.6, 0.02],
    [2.5, 0],
  ])('reads a mobility of %f and a delay of %f off the path itself', (planted, delay) => {
    const found = estimateMobility(step(planted, delay, 1, 2e-3));
    expect(found?.mobility_ratio).toBeCloseTo(planted, 2);
    expect(found?.delay).toBeCloseTo(delay, 2);
  });

  it('has honest errors although the reads of a restart hang together (60 repeats)', () => {
    const mobility_z: number[] = [];
    const delay_z: number[] = [];
    for (let seed = 1; seed <= 60; seed++) {
      const found = estimateMobility(step(1.1, 0.01, seed));
      if (found === null) throw new Error('not found');
      mobility_z.push((found.mobility_ratio - 1.1) / found.stderr_ratio);
      delay_z.push((found.delay - 0.01) / found.delayStderr);
    }
    // Four standard errors of a mean of 60 are 0.52, of a variance 0.73.
    for (const z of [mobility_z, delay_z]) {
      expect(Math.abs(mean(z))).toBeLessThan(0.52);
      expect(Math.abs(variance(z) - 1)).toBeLessThan(0.73);
    }
  });

  it('leaves out what does not move, and says so', () => {
    const data = step(1, 0, 3);
    for (const run of [data.up, data.down])
      for (let k = 0; k < run.samples * run.reads; k++) {
        run.codes[k * 8 + 1] = 0;
        run.codes[k * 8 + 5] = 500 + (k % 3);
      }
    const found = estimateMobility(data);
    expect(found?.quality).toEqual(['ok', 'dead', 'ok', 'ok', 'ok', 'stuck', 'ok', 'ok']);
    expect(Math.abs((found?.mobility_ratio ?? 0) - 1)).toBeLessThan(4 * (found?.stderr_ratio ?? 0));
  });

  it('gives no mobility far outside of the range, or where nothing moves', () => {
    expect(estimateMobility(step(0.05, 0, 1, 2e-3))).toBeNull();
    const still = step(1, 0, 1);
    still.up.codes.fill(3);
    still.down.codes.fill(3);
    expect(estimateMobility(still)).toBeNull();
  });
});
