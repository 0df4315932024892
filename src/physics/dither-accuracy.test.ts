// What dithering is for: the covariance kT A^-1 of linear units, averaged over roundings of A, against that of the couplings
// asked for. No sampling: the inverses are exact, so what is left is rounding alone.
import { describe, expect, it } from 'vitest';
import { gaussianFrom } from '../../test/support/gaussian.ts';
import { ditherProgram } from './dither.ts';
import { emptyModel, type Model } from './model.ts';
import { quantise } from './quantise.ts';
import { summarise } from './statistics.ts';

const MATRICES = 20;
const J2_E0 = 1;

/** Couplings such that the spectrum of A = 2 J2 + J keeps off zero: the largest |eigenvalue| of J is about 1.2. */
function randomModel(units: number, seed: number): Model {
  const normal = gaussianFrom(seed);
  const model = emptyModel(units);
  for (let i = 0; i < units; i++)
    for (let j = 0; j < i; j++)
      model.couplings[i * units + j] = model.couplings[j * units + i] = (0.6 * normal()) / Math.sqrt(units);
  return model;
}

/** A^-1 by Gauss and Jordan, with pivots. */
function covariance(units: number, coupling: (i: number, j: number) => number): Float64Array {
  const width = 2 * units;
  const rows = Array.from({ length: units }, (_, i) =>
    Float64Array.from({ length: width }, (_, j) => {
      if (j >= units) return j - units === i ? 1 : 0;
      return i === j ? 2 * J2_E0 : coupling(Math.min(i, j), Math.max(i, j));
    }),
  );
  for (let column = 0; column < units; column++) {
    let pivot = column;
    for (let i = column; i < units; i++)
      if (Math.abs(rows[i][column]) > Math.abs(rows[pivot][column])) pivot = i;
    [rows[column], rows[pivot]] = [rows[pivot], rows[column]];
    const by = rows[column][column];
    rows[column].forEach((value, j) => (rows[column][j] = value / by));
    for (const [i, row] of rows.entries()) {
      const times = row[column];
      if (i !== column) row.forEach((value, j) => (row[j] = value - times * rows[column][j]));
    }
  }
  return Float64Array.from(rows.flatMap((row) => [...row.subarray(units)]));
}

const norm = (of: Float64Array): number => Math.hypot(...of);

/** Relative error of the covariance with codes of so many bits: of the nearest ones (K = 0), or averaged over K roundings. */
function errors(units: number, bits: number, K: number): number[] {
  return Array.from({ length: MATRICES }, (_, matrix) => {
    const model = randomModel(units, 1000 + matrix);
    const exact = covariance(units, (i, j) => model.couplings[i * units + j]);
    const fine = quantise(model);
    const largest = model.couplings.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const scale_E0 = largest / (2 ** (bits - 1) - 1);
    const program = { ...fine, scale: { ...fine.scale, coupling_E0: scale_E0 } };
    const of = (codes: ArrayLike<number>): Float64Array => {
      const at = (i: number, j: number): number => i * units - (i * (i + 1)) / 2 + j - i - 1;
      return covariance(units, (i, j) => codes[at(i, j)] * scale_E0);
    };
    const mean = new Float64Array(units * units);
    const add = (codes: ArrayLike<number>): void =>
      of(codes).forEach((value, k) => (mean[k] += value / Math.max(1, K)));
    if (K === 0)
      add(
        Array.from({ length: units }, (_, i) =>
          Array.from({ length: units - 1 - i }, (_, j) =>
            Math.round(model.couplings[i * units + i + 1 + j] / scale_E0),
          ),
        ).flat(),
      );
    for (let k = 0; k < K; k++) {
      const rounding = { seed: BigInt(1e6 * matrix + Math.floor(k / 2)), mirrored: k % 2 === 1 };
      add(ditherProgram(program, model, rounding).couplingCode);
    }
    return norm(mean.map((value, k) => value - exact[k])) / norm(exact);
  });
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

describe('the covariance of linear units', () => {
  // Medians in % of the nearest codes and of K = 4, 16, 64, as docs/api.md has them: the seeds make them the same anywhere.
  it.each([
    [8, 6, [0.74, 0.36, 0.17, 0.08]],
    [8, 8, [0.17, 0.09, 0.04, 0.02]],
    [32, 6, [1.05, 0.51, 0.27, 0.13]],
  ])('%i units, %i bits: 16 roundings beat the nearest codes, and 64 beat 16', (units, bits, published) => {
    const [nearest, four, sixteen, many] = [0, 4, 16, 64].map((K) => errors(units, bits, K));
    const percent = [nearest, four, sixteen, many].map((of) => (100 * median(of)).toFixed(2));
    expect(percent.map(Number)).toEqual(published);
    // Gains of the same matrices, as logarithms: their mean with its own error.
    const gain = (from: number[], to: number[]) => summarise(from.map((error, k) => Math.log(error / to[k])));
    const first = gain(nearest, sixteen);
    expect(first.mean / first.stderr).toBeGreaterThan(5);
    const second = gain(sixteen, many);
    expect(second.mean / second.stderr).toBeGreaterThan(3);
    // The error of a mean of K goes as 1/sqrt(K): a factor of 4 over the nearest codes at 16 in mirrored pairs, less what
    // is of second order and does not average out.
    expect(Math.exp(first.mean)).toBeGreaterThan(2);
    expect(Math.exp(first.mean)).toBeLessThan(6);
  });
});
