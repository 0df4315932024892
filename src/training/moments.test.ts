// The noise-free moments against what they stand for: exact equilibria, a finer grid, and a plain simulation of the
// noising process that builds x and y step by step from their definitions.
import { describe, expect, it } from 'vitest';
import { gaussianFrom } from '../../test/support/gaussian.ts';
import { summarise } from '../physics/index.ts';
import { fieldShare, meanPath, STANDARD_PROTOCOL, STANDARD_RESOLUTION } from './fokker-planck.ts';
import { momentsOfData, noiseFreeMoments, type Moments } from './moments.ts';

function average(values: Float64Array): number {
  return (
    values.reduce((a, v, k) => a + (k === 0 || k === values.length - 1 ? v / 2 : v), 0) / (values.length - 1)
  );
}

/** C_ij and Y_ij (i != j) from the low rank. */
function entry(moments: Moments, left: Float64Array, i: number, j: number): number {
  let sum = 0;
  for (let k = 0; k < moments.rank; k++)
    sum += left[i * moments.rank + k] * moments.factor[j * moments.rank + k];
  return sum;
}

describe('mean path of a noised unit', () => {
  it('is thermal noise without field', () => {
    const path = meanPath(0);
    for (const k of [0, 250, 500]) {
      expect(path.mean[k]).toBeCloseTo(0, 12);
      expect(path.meanSquare[k]).toBeCloseTo(0.040878, 5); // exact one-unit curve at kT = 0.1
    }
  });

  it('starts in equilibrium with a strong field', () => {
    const weight = (x: number): number => Math.exp(-(x * x + x ** 4 - 5.6 * x) / 0.1);
    let [z, m, s] = [0, 0, 0];
    for (let x = -1; x < 2; x += 1e-4) {
      z += weight(x);
      m += weight(x) * x;
      s += weight(x) * x * x;
    }
    const path = meanPath(5.6);
    expect(path.mean[0]).toBeCloseTo(m / z, 5);
    expect(path.meanSquare[0]).toBeCloseTo(s / z, 5);
    expect(path.response[0]).toBeCloseTo(-5.6, 3); // at rest y is minus the applied field
  });

  it('is odd in the field', () => {
    const [up, down] = [meanPath(1.3), meanPath(-1.3)];
    expect(average(up.mean)).toBeCloseTo(-average(down.mean), 5);
    expect(average(up.response)).toBeCloseTo(-average(down.response), 4);
  });

  it('does not depend on the grid at 1e-4', () => {
    for (const field of [5.6, -0.85]) {
      const coarse = meanPath(field);
      const fine = meanPath(field, STANDARD_PROTOCOL, { cells: 1200, steps: 1000 });
      for (const key of ['mean', 'response', 'meanSquare'] as const)
        expect(Math.abs(average(coarse[key]) / average(fine[key]) - 1)).toBeLessThan(1e-4);
    }
  });

  it('relaxes at the exact rates of the uncoupled unit once the field is gone', () => {
    // Slowest odd mode of the Fokker-Planck operator at kT = 0.1: tau = 0.411.
    const path = meanPath(0.05);
    const dt = STANDARD_PROTOCOL.duration / STANDARD_RESOLUTION.steps;
    const tau = (-100 * dt) / Math.log(path.mean[500] / path.mean[400]);
    expect(tau).toBeCloseTo(0.411, 3);
  });
});

describe('noise-free moments', () => {
  it('agree with simulated noising paths, y from its definition', () => {
    const images = [Float64Array.of(2, -1), Float64Array.of(-0.8, 3)];
    const exact = noiseFreeMoments(images);
    const next = gaussianFrom(20);
    const { kT, duration } = STANDARD_PROTOCOL;
    const steps = 1000;
    const dt = duration / steps;
    const names = ['m0', 'm1', 'y0', 'y1', 'C00', 'C11', 'C01', 'Y01', 'Y10'] as const;
    // One row per pair of paths, one path of every image: independent values.
    const rows = Array.from({ length: 1000 }, () => {
      const sums = Object.fromEntries(names.map((n) => [n, 0])) as Record<(typeof names)[number], number>;
      for (const field of images) {
        const x = [0, 0];
        const y = [0, 0];
        const move = (share: number): void => {
          for (const i of [0, 1]) {
            const before = x[i];
            const force = share * field[i] - 2 * before - 4 * before ** 3;
            x[i] += dt * force + Math.sqrt(2 * kT * dt) * next();
            y[i] = (x[i] - before) / dt - 2 * x[i] - 4 * x[i] ** 3;
          }
        };
        for (let k = 0; k < steps; k++) move(1);
        for (let k = 0; k < steps; k++) {
          move(fieldShare(STANDARD_PROTOCOL, k * dt));
          const values = [
            x[0],
            x[1],
            y[0],
            y[1],
            x[0] ** 2,
            x[1] ** 2,
            x[0] * x[1],
            y[0] * x[1],
            y[1] * x[0],
          ];
          names.forEach((n, at) => (sums[n] += values[at] / (steps * images.length)));
        }
      }
      return sums;
    });
    const wanted: Record<(typeof names)[number], number> = {
      m0: exact.mean[0],
      m1: exact.mean[1],
      y0: exact.meanResponse[0],
      y1: exact.meanResponse[1],
      C00: exact.diagonal[0] + entry(exact, exact.factor, 0, 0),
      C11: exact.diagonal[1] + entry(exact, exact.factor, 1, 1),
      C01: entry(exact, exact.factor, 0, 1),
      Y01: entry(exact, exact.response, 0, 1),
      Y10: entry(exact, exact.response, 1, 0),
    };
    for (const name of names) {
      const { mean, stderr } = summarise(rows.map((r) => r[name]));
      // Four standard errors, and 0.3 % for the simulation's own step.
      expect(Math.abs(mean - wanted[name]), name).toBeLessThan(4 * stderr + 0.003 * Math.abs(wanted[name]));
    }
  });

  it('centre themselves', () => {
    const m = noiseFreeMoments([Float64Array.of(1, -2, 0.5), Float64Array.of(0, 1, -1)]);
    for (const [i, j] of [
      [0, 1],
      [2, 1],
      [1, 1],
    ]) {
      let [centred, response] = [0, 0];
      for (let k = 0; k < m.rank; k++) {
        centred += m.centredFactor[i * m.rank + k] * m.centredFactor[j * m.rank + k];
        response += m.response[i * m.rank + k] * m.centredFactor[j * m.rank + k];
      }
      expect(centred).toBeCloseTo(entry(m, m.factor, i, j) - m.mean[i] * m.mean[j], 12);
      expect(response).toBeCloseTo(entry(m, m.response, i, j) - m.meanResponse[i] * m.mean[j], 12);
    }
    expect(Math.min(...m.diagonal)).toBeGreaterThan(0.01); // what is left is thermal noise
  });

  it('do not change with the rank tolerance beyond it', () => {
    const fields = [Float64Array.of(1, -2, 5)];
    const [low, high] = [1e-5, 1e-12].map((tolerance) => noiseFreeMoments(fields, { tolerance }));
    expect(high.rank).toBeGreaterThanOrEqual(low.rank);
    expect(entry(low, low.factor, 0, 2)).toBeCloseTo(entry(high, high.factor, 0, 2), 5);
  });

  it('of explicit data are plain averages', () => {
    const m = momentsOfData(Float64Array.of(1, 2, 3, 5), Float64Array.of(1, 0, 0, 1), 2);
    expect([...m.mean, ...m.meanResponse]).toEqual([2, 3.5, 0.5, 0.5]);
    expect(entry(m, m.factor, 0, 1)).toBeCloseTo((1 * 2 + 3 * 5) / 2, 14);
    expect(entry(m, m.response, 0, 1)).toBeCloseTo((1 * 2 + 0 * 5) / 2, 14);
  });
});
