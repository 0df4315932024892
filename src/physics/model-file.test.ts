// Models as .npz: what leaves comes back, what is wrong is named.
import { describe, expect, it } from 'vitest';
import { decodeModelNpz, encodeModelJson, encodeModelNpz } from './model-file.ts';
import { emptyModel } from './model.ts';
import { encodeNpz } from './npy.ts';

const model = emptyModel(3);
model.couplings.set([0, 0.1, -0.2, 0.1, 0, 0.3, -0.2, 0.3, 0]);
model.biases.set([0.5, 0, -0.5]);
const metadata = { normalisation: 'zero mean', fieldAmplitude: 2 };

describe('model files', () => {
  it('round-trip with metadata, byte for byte the same when written twice', () => {
    const bytes = encodeModelNpz({ model, metadata });
    expect(decodeModelNpz(bytes)).toEqual({ model, metadata });
    expect(encodeModelNpz(decodeModelNpz(bytes))).toEqual(bytes);
  });

  it('take J alone at the reference working point, also as float32', () => {
    const J = { shape: [2, 2], data: Float32Array.of(0, 0.5, 0.5, 0) };
    const read = decodeModelNpz(encodeNpz({ J })).model;
    expect(read.couplings).toEqual(Float64Array.of(0, 0.5, 0.5, 0));
    expect([...read.j2, ...read.j4, ...read.biases, read.noiseTemperature_E0]).toEqual([
      1, 1, 1, 1, 0, 0, 0.1,
    ]);
  });

  it.each([
    ['bad-npz', '/J', { b: { shape: [2], data: Float64Array.of(0, 0) } }],
    ['wrong-shape', '/couplings', { J: { shape: [1, 2], data: Float64Array.of(0, 0) } }],
    ['not-symmetric', '/couplings/1/0', { J: { shape: [2, 2], data: Float64Array.of(0, 1, 2, 0) } }],
    ['not-finite', '/couplings/0/1', { J: { shape: [2, 2], data: Float64Array.of(0, NaN, 0, 0) } }],
    [
      'wrong-shape',
      '/biases',
      { J: { shape: [1, 1], data: Float64Array.of(0) }, b: { shape: [2], data: Float64Array.of(0, 0) } },
    ],
    [
      'bad-npz',
      '/metadata',
      { J: { shape: [1, 1], data: Float64Array.of(0) }, metadata: { shape: [1], data: Uint8Array.of(0x7b) } },
    ],
  ])('refuses with %s at %s', (code, pointer, arrays) => {
    expect(() => decodeModelNpz(encodeNpz(arrays))).toThrow(expect.objectContaining({ code, pointer }));
  });

  it('print JSON whose numbers read back exactly', () => {
    const json = JSON.parse(encodeModelJson({ model, metadata })) as {
      couplings: number[][];
      metadata: unknown;
    };
    expect(Float64Array.from(json.couplings.flat())).toEqual(model.couplings);
    expect(json.metadata).toEqual(metadata);
  });
});
