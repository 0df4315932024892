import { describe, expect, it } from 'vitest';
import { seededUniform } from '../../test/support/seeded-random.ts';
import { ditherProgram } from './dither.ts';
import { emptyModel, type Model } from './model.ts';
import { quantise } from './quantise.ts';

const UNITS = 40;

function randomModel(seed: number): Model {
  const uniform = seededUniform(seed);
  const model = emptyModel(UNITS);
  for (let i = 0; i < UNITS; i++)
    for (let j = 0; j < i; j++)
      model.couplings[i * UNITS + j] = model.couplings[j * UNITS + i] = uniform() - 0.5;
  return model;
}

/** Couplings in codes, not rounded, in the order of the codes. */
function exactCodes(model: Model, scale_E0: number): number[] {
  const exact: number[] = [];
  for (let i = 0; i < UNITS; i++)
    for (let j = i + 1; j < UNITS; j++) exact.push(model.couplings[i * UNITS + j] / scale_E0);
  return exact;
}

describe('stochastic roundings', () => {
  const model = randomModel(1);
  const program = quantise(model);
  const exact = exactCodes(model, program.scale.coupling_E0);
  const rounded = (seed: number, mirrored = false): Int16Array =>
    ditherProgram(program, model, { seed: BigInt(seed), mirrored }).couplingCode;

  it('are one of the two codes beside the value, the same for the same seed, and leave the rest alone', () => {
    const codes = rounded(7);
    exact.forEach((v, k) => expect(Math.abs(codes[k] - v)).toBeLessThan(1));
    expect(rounded(7)).toEqual(codes);
    expect(rounded(8)).not.toEqual(codes);
    expect(ditherProgram(program, model, { seed: 7n, mirrored: false })).toEqual({
      ...program,
      couplingCode: codes,
    });
  });

  it('do not move what is a code already: no coupling stays none', () => {
    const sparse = randomModel(2);
    for (let i = 0; i < UNITS; i += 2) sparse.couplings[i] = sparse.couplings[i * UNITS] = 0;
    const of = quantise(sparse);
    const { couplingCode } = ditherProgram(of, sparse, { seed: 3n, mirrored: false });
    const codes = exactCodes(sparse, of.scale.coupling_E0);
    const zeros = codes.flatMap((v, k) => (v === 0 ? [couplingCode[k]] : []));
    expect(zeros).toEqual(Array<number>(zeros.length).fill(0));
    expect(zeros.length).toBeGreaterThan(10);
  });

  // Over all couplings: (mean - v) / sqrt(f (1 - f) / K) has mean square 1; 780 of them give it to 0.051.
  it('have the value as their mean, within its own error', () => {
    const K = 400;
    const sum = new Float64Array(exact.length);
    for (let k = 0; k < K; k++) rounded(1000 + k).forEach((code, at) => (sum[at] += code));
    let square = 0;
    let mean = 0;
    let counted = 0;
    exact.forEach((v, at) => {
      const f = v - Math.floor(v);
      if (f < 0.02 || f > 0.98) return;
      const z = (sum[at] / K - v) / Math.sqrt((f * (1 - f)) / K);
      square += z * z;
      mean += z;
      counted++;
    });
    expect(Math.abs(square / counted - 1)).toBeLessThan(4 * Math.sqrt(2 / counted));
    expect(Math.abs(mean / counted)).toBeLessThan(4 / Math.sqrt(counted));
  });

  // Mean square error of the mean of two: 1/12 independently, 1/24 mirrored, over uniform fractions.
  it('err in opposite directions in a pair', () => {
    const error = (pairOf: (k: number) => [Int16Array, Int16Array]): number => {
      let square = 0;
      for (let k = 0; k < 40; k++) {
        const [a, b] = pairOf(k);
        exact.forEach((v, at) => (square += ((a[at] + b[at]) / 2 - v) ** 2));
      }
      return square / (40 * exact.length);
    };
    const independent = error((k) => [rounded(2 * k), rounded(2 * k + 1)]);
    const mirrored = error((k) => [rounded(2 * k), rounded(2 * k, true)]);
    expect(independent).toBeCloseTo(1 / 12, 2);
    expect(mirrored).toBeCloseTo(1 / 24, 2);
  });

  it('of other seeds have nothing to do with each other', () => {
    const up = (seed: number): number[] => Array.from(rounded(seed), (code, k) => code - exact[k]);
    for (const [a, b] of [
      [5, 6],
      [5, 5 + 2 ** 32],
      [0, 1],
    ]) {
      const [x, y] = [up(a), up(b)];
      const dot = x.reduce((sum, each, k) => sum + each * y[k], 0) / exact.length;
      // Products of two errors of variance 1/6 on average, of 780 pairs.
      expect(Math.abs(dot)).toBeLessThan((4 * (1 / 6)) / Math.sqrt(exact.length));
    }
  });
});
