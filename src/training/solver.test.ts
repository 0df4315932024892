// The masked solver against brute force: every unknown is a column of an explicit least-squares problem.
import { describe, expect, it } from 'vitest';
import { Matrix, QrDecomposition } from 'ml-matrix';
import { gaussianFrom } from '../../test/support/gaussian.ts';
import { momentsOfData } from './moments.ts';
import { solveCouplings } from './solver.ts';
import { lowestEigenvalues } from './spectrum.ts';
import { denseWiring, hiddenLayerWiring, type Wiring } from './wiring.ts';

const UNITS = 12;
const PATHS = 20;
const STEPS = 12;

/** Random finite paths: x wanders around a pattern, y is noisy and depends on x. */
function randomPaths(seed: number): { x: Float64Array; y: Float64Array; points: number } {
  const next = gaussianFrom(seed);
  const points = PATHS * STEPS;
  const x = new Float64Array(points * UNITS);
  const y = new Float64Array(points * UNITS);
  for (let path = 0; path < PATHS; path++) {
    const state = Float64Array.from(
      { length: UNITS },
      (_, i) => (i % 3 === path % 3 ? 0.9 : -0.3) + 0.3 * next(),
    );
    for (let k = 0; k < STEPS; k++) {
      const at = (path * STEPS + k) * UNITS;
      for (let i = 0; i < UNITS; i++) {
        const before = state[i];
        state[i] += -0.05 * before + 0.2 * next();
        x[at + i] = state[i];
        y[at + i] = (state[i] - before) / 0.05 - 2 * state[i] - 4 * state[i] ** 3;
      }
    }
  }
  return { x, y, points };
}

/** One row per (point, unit) and per ridge term, one column per unknown; solved by Householder QR. */
function bruteForce(seed: number, wiring: Wiring, ridge: number): { couplings: Matrix; biases: number[] } {
  const { x, y, points } = randomPaths(seed);
  const pairs: [number, number][] = [];
  for (let i = 0, k = 0; i < UNITS; i++)
    for (let j = i + 1; j < UNITS; j++, k++) if (wiring.bonds[k] === 1) pairs.push([i, j]);
  const biased = [...wiring.biases.keys()].filter((i) => wiring.biases[i] === 1);
  const rows = points * UNITS;
  const design = Matrix.zeros(rows + pairs.length, pairs.length + biased.length);
  const right = Matrix.zeros(rows + pairs.length, 1);
  for (let k = 0; k < points; k++) {
    pairs.forEach(([i, j], column) => {
      design.set(k * UNITS + i, column, x[k * UNITS + j]);
      design.set(k * UNITS + j, column, x[k * UNITS + i]);
    });
    biased.forEach((i, column) => design.set(k * UNITS + i, pairs.length + column, 1));
    for (let i = 0; i < UNITS; i++) right.set(k * UNITS + i, 0, y[k * UNITS + i]);
  }
  // rho |J|^2 counts every pair twice, in units of an average over the points.
  pairs.forEach((_, column) => design.set(rows + column, column, Math.sqrt(2 * ridge * points)));
  const theta = new QrDecomposition(design).solve(right).to1DArray();
  const couplings = Matrix.zeros(UNITS, UNITS);
  pairs.forEach(([i, j], column) => {
    couplings.set(i, j, theta[column]);
    couplings.set(j, i, theta[column]);
  });
  const biases = new Array<number>(UNITS).fill(0);
  biased.forEach((i, column) => (biases[i] = theta[pairs.length + column]));
  return { couplings, biases };
}

const partial = denseWiring(UNITS);
for (let k = 0; k < partial.bonds.length; k += 3) partial.bonds[k] = 0;
partial.biases.fill(0, 2, 7);
const noBias = denseWiring(UNITS);
noBias.biases.fill(0);

describe('masked solve', () => {
  it.each<[string, Wiring, number]>([
    ['all pairs, all biases', denseWiring(UNITS), 0],
    ['all pairs, all biases, ridge', denseWiring(UNITS), 0.05],
    ['no biases', noBias, 0],
    ['hidden layer of the paper', hiddenLayerWiring(7, 5), 0],
    ['any mask, ridge', partial, 0.02],
  ])('agrees with brute force to 1e-12: %s', (_, wiring, ridge) => {
    const { x, y } = randomPaths(5);
    const solved = solveCouplings(momentsOfData(x, y, UNITS), wiring, { ridge, tolerance: 1e-15 });
    const expected = bruteForce(5, wiring, ridge);
    const wanted = expected.couplings.to1DArray();
    const worst = Math.max(...wanted.map((v, k) => Math.abs(v - solved.couplings[k])));
    const worstBias = Math.max(...expected.biases.map((v, i) => Math.abs(v - solved.biases[i])));
    expect(worst).toBeLessThan(1e-12);
    expect(worstBias).toBeLessThan(1e-12);
    expect(Math.max(...wanted.map(Math.abs))).toBeGreaterThan(0.1); // there was something to find
  });

  it('states the loss it gained', () => {
    const { x, y, points } = randomPaths(8);
    for (const [wiring, ridge] of [
      [denseWiring(UNITS), 0.1],
      [partial, 0.1],
    ] as const) {
      const { couplings, biases, excessSquare } = solveCouplings(momentsOfData(x, y, UNITS), wiring, {
        ridge,
        tolerance: 1e-14,
      });
      let gained = 0;
      for (let k = 0; k < points; k++)
        for (let i = 0; i < UNITS; i++) {
          let predicted = biases[i];
          for (let j = 0; j < UNITS; j++) predicted += couplings[i * UNITS + j] * x[k * UNITS + j];
          gained += ((predicted - y[k * UNITS + i]) ** 2 - y[k * UNITS + i] ** 2) / points;
        }
      expect(excessSquare).toBeCloseTo(gained, 10);
    }
  });

  it('says so when it did not converge, and refuses a wiring of another size', () => {
    const { x, y } = randomPaths(5);
    const moments = momentsOfData(x, y, UNITS);
    expect(() => solveCouplings(moments, partial, { maxIterations: 2 })).toThrow(
      expect.objectContaining({ code: 'not-converged' }),
    );
    expect(() => solveCouplings(moments, denseWiring(5))).toThrow(
      expect.objectContaining({ code: 'wrong-shape' }),
    );
  });
});

describe('lowest eigenvalues', () => {
  it('finds planted ones', () => {
    const units = 150;
    const next = gaussianFrom(2);
    const vector = Float64Array.from({ length: units }, next);
    const length = Math.hypot(...vector);
    const matrix = new Float64Array(units * units);
    for (let i = 0; i < units; i++)
      for (let j = 0; j < units; j++)
        matrix[i * units + j] =
          (-3 * vector[i] * vector[j]) / length ** 2 + (i === j ? 0.01 * (i / units) : 0);
    const [first, second] = lowestEigenvalues(matrix, units, 2);
    expect(first).toBeGreaterThan(-3);
    expect(first).toBeLessThan(-2.99);
    expect(second).toBeGreaterThanOrEqual(0);
    expect(lowestEigenvalues(new Float64Array(4), 2, 2)[0]).toBe(0);
  });
});
