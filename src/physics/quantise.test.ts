// Codes, scales, packed bytes and images: sizes and bytes of the format, rounding within half a code, ranges refused.
import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { uniformFrom } from '../../test/support/gaussian.ts';
import {
  decodeFieldImage,
  decodeProgramImage,
  encodeFieldImage,
  encodeProgramImage,
  programImageBytes,
} from './image.ts';
import { emptyModel, type Model } from './model.ts';
import { packCodes, packedBytes, unpackCodes } from './packing.ts';
import { dequantise, noiseTemperatureCodeForRatio, quantise, quantiseField } from './quantise.ts';
import { decodeSamples, stateOf } from './samples.ts';

function randomModel(units: number, seed = 1): Model {
  const uniform = uniformFrom(seed);
  const next = (): number => 2 * uniform() - 1;
  const model = emptyModel(units);
  for (let i = 0; i < units; i++) {
    model.biases[i] = next();
    for (let j = i + 1; j < units; j++)
      model.couplings[i * units + j] = model.couplings[j * units + i] = 0.061 * next();
  }
  return model;
}

describe('quantise', () => {
  it('keeps 25 % headroom, and uniform blocks carry no error', () => {
    const model = randomModel(9);
    const program = quantise(model);
    const largest = Math.max(...model.couplings.map(Math.abs));
    expect((2047 * program.scale.coupling_E0) / largest).toBeGreaterThanOrEqual(1.25);
    expect((2047 * program.scale.coupling_E0) / largest).toBeLessThan(1.2515);
    const back = dequantise(program);
    expect(back.j2[3]).toBeCloseTo(1, 14);
    expect(back.noiseTemperature_E0).toBeCloseTo(0.1, 14);
    const worst = Math.max(...model.couplings.map((v, k) => Math.abs(v - back.couplings[k])));
    expect(worst).toBeLessThanOrEqual(program.scale.coupling_E0 / 2 + 1e-15);
  });

  it('takes the smallest full scale of the device when the model asks for less', () => {
    const range = { fullScaleMin_E0: 1, fullScaleMax_E0: 10 };
    const program = quantise(randomModel(4), { coupling: range, stateScale: 2 ** -10 });
    expect(program.scale.coupling_E0).toBeCloseTo(1 / 2047, 15);
  });

  it('never leaves a full scale one rounding outside the range of the device', () => {
    const uniform = uniformFrom(9);
    for (let k = 0; k < 300; k++) {
      const low = uniform();
      const model = emptyModel(3); // no couplings and biases: their blocks take the smallest full scale
      const range = { fullScaleMin_E0: low, fullScaleMax_E0: 1.25 };
      const all = {
        coupling: range,
        bias: range,
        field: range,
        j2: range,
        j4: range,
        noiseTemperature: range,
      };
      const { scale } = quantise(model, { ...all, stateScale: 2 ** -10 });
      const fullScales = [scale.coupling_E0, scale.bias_E0, scale.field_E0, scale.j2_E0, scale.j4_E0].map(
        (s) => s * 2047,
      );
      for (const full of [...fullScales, scale.noiseTemperature_E0 * 4095]) {
        expect(full).toBeGreaterThanOrEqual(low);
        expect(full).toBeLessThanOrEqual(1.25);
      }
    }
  });

  it.each<[string, string, (m: Model) => void]>([
    [
      'coupling-out-of-range',
      '/couplings/1/3',
      (m) => (m.couplings[1 * 5 + 3] = m.couplings[3 * 5 + 1] = -0.9),
    ],
    ['bias-out-of-range', '/biases/4', (m) => (m.biases[4] = 9)],
    ['potential-out-of-range', '/j2/0', (m) => (m.j2[0] = -9)],
    ['potential-out-of-range', '/j4/0', (m) => (m.j4[0] = 1e-5)],
    ['noise-temperature-out-of-range', '/noiseTemperature_E0', (m) => (m.noiseTemperature_E0 = 3)],
  ])('refuses %s at %s', (code, pointer, change) => {
    const model = randomModel(5);
    change(model);
    const range = { fullScaleMin_E0: 0.01, fullScaleMax_E0: 2 };
    const ranges = {
      coupling: { fullScaleMin_E0: 0.01, fullScaleMax_E0: 1 },
      bias: range,
      j2: range,
      j4: range,
      noiseTemperature: range,
      stateScale: 2 ** -10,
    };
    expect(() => quantise(model, ranges)).toThrow(expect.objectContaining({ code, pointer }));
  });

  it('names the noise temperature code of a ratio and its limits', () => {
    const program = quantise(randomModel(3));
    expect(noiseTemperatureCodeForRatio(program, 1)).toBe(program.noiseTemperatureCode);
    expect(noiseTemperatureCodeForRatio(program, 1.25)).toBe(4095);
    expect(() => noiseTemperatureCodeForRatio(program, 1.3)).toThrow(/does not fit/);
    expect(() => noiseTemperatureCodeForRatio(program, NaN)).toThrow(/does not fit/);
  });
});

describe('packed codes', () => {
  it('lays two codes in three bytes', () => {
    const bytes = new Uint8Array(3);
    packCodes(Int16Array.of(0x123, -1), bytes);
    expect([...bytes]).toEqual([0x23, 0xf1, 0xff]);
  });

  it('round-trips any codes', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -2047, max: 2047 }), { maxLength: 9 }), (values) => {
        const codes = Int16Array.from(values);
        const bytes = new Uint8Array(packedBytes(codes.length));
        packCodes(codes, bytes);
        const back = new Int16Array(codes.length);
        unpackCodes(bytes, 0, codes.length, back);
        expect(back).toEqual(codes);
      }),
      { seed: 12, numRuns: 200 },
    );
  });

  it('refuses -2048 and padding that is not zero', () => {
    expect(() => packCodes(Int16Array.of(-2048), new Uint8Array(3))).toThrow(/12 bits/);
    expect(() => unpackCodes(Uint8Array.of(0, 8, 0), 0, 2, new Int16Array(2))).toThrow(/-2048/);
    expect(() => unpackCodes(Uint8Array.of(1, 0x10, 0), 0, 1, new Int16Array(1))).toThrow(/padding/);
  });
});

describe('images', () => {
  it('have the sizes of the format and read back', () => {
    expect(programImageBytes(784)).toBe(464_060);
    const program = quantise(randomModel(7));
    const image = encodeProgramImage(program);
    expect(new TextDecoder().decode(image.subarray(0, 4))).toBe('TLIM');
    expect(decodeProgramImage(image)).toEqual(program);
  });

  it('refuses a damaged header, a cut image and a J4 code of zero', () => {
    const image = encodeProgramImage(quantise(randomModel(4)));
    for (const at of [0, 4, 6, 12, 14, 16, 20, 90]) {
      const damaged = image.slice();
      damaged[at] ^= 0x40;
      expect(() => decodeProgramImage(damaged)).toThrow(expect.objectContaining({ code: 'bad-image' }));
    }
    expect(() => decodeProgramImage(image.subarray(0, image.length - 1))).toThrow(/length/);
    const flat = image.slice().fill(0, 128 + 6, 128 + 12);
    expect(() => decodeProgramImage(flat)).toThrow(/J4/);
  });

  it('carry fields on their own scale', () => {
    const { code, scale_E0 } = quantiseField(Float64Array.of(5.6, -0.8, 0));
    const image = encodeFieldImage(code, scale_E0, 2 ** -10);
    expect(image.length).toBe(128 + 6);
    expect(decodeFieldImage(image)).toEqual({ code, scale_E0, stateScale: 2 ** -10 });
    expect(code[0] * scale_E0).toBeCloseTo(5.6, 12);
    expect(() => quantiseField(Float64Array.of(NaN))).toThrow(
      expect.objectContaining({ code: 'not-finite' }),
    );
    const range = { fullScaleMin_E0: 0, fullScaleMax_E0: 5 };
    expect(() => quantiseField(Float64Array.of(5.6), range)).toThrow(
      expect.objectContaining({ code: 'field-out-of-range', pointer: '/field/0' }),
    );
  });
});

describe('sample records', () => {
  it('unpack to [samples][reads][units]', () => {
    const codes = Int16Array.from({ length: 2 * 2 * 3 }, (_, k) => k - 6);
    const bytes = new Uint8Array(4 * 6);
    for (let k = 0; k < 4; k++) packCodes(codes.subarray(3 * k, 3 * k + 3), bytes, 6 * k);
    const shape = { units: 3, reads: 2, samples: 2 };
    expect(decodeSamples(bytes, shape)).toEqual(codes);
    expect(stateOf(codes, shape, 0.5, 1, 0)).toEqual(Float64Array.of(0, 0.5, 1));
    expect(() => decodeSamples(bytes.subarray(1), shape)).toThrow(
      expect.objectContaining({ code: 'bad-record' }),
    );
  });
});
