import { describe, expect, it } from 'vitest';
import { decodeModelContent, encodeModelContent, modelDigest, type ModelContent } from './index.ts';

function example(): ModelContent {
  return {
    units: 3,
    couplings: Float64Array.of(0, 0.5, -0.25, 0.5, 0, 0.125, -0.25, 0.125, 0),
    biases: Float64Array.of(0.1, 0, -0.3),
    j2: Float64Array.of(1, 1, -1),
    j4: Float64Array.of(1, 2, 3),
    noiseTemperature_E0: 0.1,
  };
}

describe('canonical content of a model', () => {
  it('comes back as it was', () => {
    const bytes = encodeModelContent(example());
    expect(bytes).toHaveLength(24 + 8 * (9 + 3));
    expect(decodeModelContent(bytes)).toEqual(example());
  });

  it('has a digest that never changes', () => {
    // Made apart from this code, with Python's struct and hashlib, from the layout in model-content.ts.
    expect(modelDigest(example())).toBe(
      'sha256:225a916a8ebf23573ec38170597941c3b5fd58cb9de4171b79b98dcd2c94f68b',
    );
  });

  it('does not tell -0 from 0, but every other change', () => {
    const minusZero = { ...example(), biases: Float64Array.of(0.1, -0, -0.3) };
    expect(modelDigest(minusZero)).toBe(modelDigest(example()));
    const moved = { ...example(), biases: Float64Array.of(0.1, Number.MIN_VALUE, -0.3) };
    expect(modelDigest(moved)).not.toBe(modelDigest(example()));
  });

  it('that is cut short, or something else, is refused', () => {
    const bytes = encodeModelContent(example());
    expect(() => decodeModelContent(bytes.subarray(0, -1))).toThrow(/not canonical/);
    expect(() => decodeModelContent(new Uint8Array(5))).toThrow(/not canonical/);
    expect(() => decodeModelContent(Uint8Array.of(1, ...bytes.subarray(1)))).toThrow(/not canonical/);
  });
});
