import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { PhysicsError } from './errors.ts';
import { decodeLinearSystemNpz } from './linear-system.ts';
import { validateModel } from './model.ts';
import { encodeNpz, type NpyArray } from './npy.ts';

const LIMITS = { unpackedBytesMax: 2 ** 20, unitsMax: 100 };
const square = (...data: number[]): NpyArray => ({
  shape: [Math.sqrt(data.length), Math.sqrt(data.length)],
  data: Float64Array.from(data),
});
const vector = (...data: number[]): NpyArray => ({ shape: [data.length], data: Float64Array.from(data) });
const read = (arrays: Record<string, NpyArray>) => decodeLinearSystemNpz(encodeNpz(arrays), LIMITS);

describe('decodeLinearSystemNpz', () => {
  it('reads the golden file', () => {
    const bytes = new Uint8Array(readFileSync('test/vectors/models/system.npz'));
    const { model, metadata } = decodeLinearSystemNpz(bytes, LIMITS);
    expect(model).toEqual({
      units: 3,
      couplings: Float64Array.of(0, 0.5, 0, 0.5, 0, -1, 0, -1, 0),
      biases: Float64Array.of(-1, -2, 1.5),
      j2: Float64Array.of(1, 1.5, 2),
      j4: Float64Array.of(1e-9, 1e-9, 1e-9),
      noiseTemperature_E0: 0.05,
    });
    expect((metadata['linearSystem'] as { meanMax_x: number }).meanMax_x).toBeCloseTo(11 / 21, 14);
    validateModel(model);
  });

  it('has the gradient A x - b, which is 0 at the solution', () => {
    const { model } = read({ A: square(2, 0.5, 0.5, 1), b: vector(1, -1) });
    const x = [6 / 7, -10 / 7]; // A^-1 b by Cramer's rule, det 1.75
    const slope = x.map(
      (value, i) => 2 * model.j2[i] * value + model.couplings[2 * i + (1 - i)] * x[1 - i] + model.biases[i],
    );
    for (const value of slope) expect(value).toBeCloseTo(0, 14);
  });

  it('takes b = 0 and kT = 0.1 by default, whole numbers, and the rounding of a linear-algebra package', () => {
    const A = { shape: [2, 2], data: BigInt64Array.of(2n, 1n, 1n, 2n) };
    const { model } = read({ A });
    expect([...model.j2, ...model.biases, model.noiseTemperature_E0]).toEqual([1, 1, 0, 0, 0.1]);
    const rounded = read({ A: square(2, 1, 1 + 1e-12, 2) }).model;
    expect(rounded.couplings).toEqual(Float64Array.of(0, 1, 1, 0));
  });

  it.each<[string, Record<string, NpyArray>, string, string, RegExp]>([
    ['no A', { b: vector(1) }, 'bad-npz', '/A', /no member A/],
    ['another member', { A: square(1), J: square(1) }, 'bad-npz', '/J', /unknown member J/],
    [
      'A that is not square',
      { A: { shape: [1, 4], data: new Float64Array(4) } },
      'wrong-shape',
      '/A',
      /\(1, 4\)/,
    ],
    ['A of no rows', { A: { shape: [0, 0], data: new Float64Array(0) } }, 'wrong-shape', '/A', /\(0, 0\)/],
    [
      'A beyond the limit',
      { A: { shape: [101, 101], data: new Float64Array(101 ** 2) } },
      'wrong-shape',
      '/A',
      /101/,
    ],
    ['b of another length', { A: square(1), b: vector(1, 2) }, 'wrong-shape', '/b', /\(2\)/],
    [
      'b as a column',
      { A: square(1), b: { shape: [1, 1], data: Float64Array.of(1) } },
      'wrong-shape',
      '/b',
      /1, 1/,
    ],
    ['NaN in A', { A: square(1, NaN, NaN, 1) }, 'not-finite', '/A/0/1', /NaN/],
    ['infinity in b', { A: square(1), b: vector(Infinity) }, 'not-finite', '/b/0', /Infinity/],
    [
      'a matrix that is not symmetric',
      { A: square(2, 0.5, 0.25, 2) },
      'not-symmetric',
      '/A/1/0',
      /0\.5.*0\.25/,
    ],
    [
      'an indefinite matrix',
      { A: square(1, 2, 2, 1) },
      'not-positive-definite',
      '/A/1/1',
      /pivot 1 .* is -3 /,
    ],
    ['a negative one', { A: square(-2) }, 'not-positive-definite', '/A/0/0', /pivot 0 .* is -2 /],
    ['a singular one', { A: square(1, 1, 1, 1) }, 'not-positive-definite', '/A/1/1', /is 0 /],
    ['numbers of 1e308', { A: square(1, 1e308, 1e308, 1) }, 'not-positive-definite', '/A/1/1', /-Infinity/],
    [
      'two temperatures',
      { A: square(1), kT: vector(1, 2) },
      'wrong-shape',
      '/noiseTemperature_E0',
      /2 numbers/,
    ],
    ['metadata of numbers', { A: square(1), metadata: vector(1) }, 'bad-npz', '/metadata', /metadata/],
  ])('refuses %s, with the number', (_what, arrays, code, pointer, message) => {
    let thrown: unknown;
    try {
      read(arrays);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(PhysicsError);
    expect(thrown).toMatchObject({ code, pointer, message: expect.stringMatching(message) as string });
  });
});
