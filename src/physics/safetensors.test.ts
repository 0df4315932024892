import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { PhysicsError } from './errors.ts';
import { decodeModelSafetensors, decodeSafetensors } from './safetensors.ts';
import { seededUniform } from '../../test/support/seeded-random.ts';

const golden = new Uint8Array(readFileSync('test/vectors/models/pair.safetensors'));

/** A file with this header, object or text, before 32 bytes of J (float64 zeros) unless told. */
function file(header: unknown, data: Uint8Array = new Uint8Array(32)): Uint8Array {
  const text = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + text.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  bytes.set(data, 8 + text.length);
  return bytes;
}
const float64 = (...values: number[]) => new Uint8Array(Float64Array.from(values).buffer);
const J = { dtype: 'F64', shape: [2, 2], data_offsets: [0, 32] };
const length = (bytes: Uint8Array, value: bigint): Uint8Array => {
  const out = bytes.slice();
  new DataView(out.buffer).setBigUint64(0, value, true);
  return out;
};

describe('decodeModelSafetensors', () => {
  it('reads the golden file, whose numbers lie unaligned', () => {
    const { model, metadata } = decodeModelSafetensors(golden);
    expect(model).toEqual({
      units: 2,
      couplings: Float64Array.of(0, 0.125, 0.125, 0),
      biases: Float64Array.of(0.5, -0.25),
      j2: Float64Array.of(1, 1),
      j4: Float64Array.of(1, 1),
      noiseTemperature_E0: 0.2,
    });
    expect(metadata).toEqual({ name: 'golden pair', t_f: '2.5' });
  });

  it('takes tensors in any order, a padded header, and names that only look repeated', () => {
    const b = { dtype: 'F64', shape: [2], data_offsets: [32, 48] };
    const header = JSON.stringify({ b, J, __metadata__: { J: 'J', b: '"J":' } });
    const { tensors } = decodeSafetensors(file(`${header}   `, float64(0, 0.5, 0.5, 0, 1, 2)));
    expect([...tensors.keys()]).toEqual(['b', 'J']);
    expect(tensors.get('b')?.data).toEqual(Float64Array.of(1, 2));
  });

  const twice = '{"J":{"dtype":"F64","shape":[2,2],"data_offsets":[0,32]},';
  it.each<[string, Uint8Array, string, string]>([
    ['nothing', new Uint8Array(0), 'bad-safetensors', ''],
    ['half a length', golden.subarray(0, 5), 'bad-safetensors', ''],
    ['a truncated header', golden.subarray(0, 100), 'bad-safetensors', ''],
    ['truncated data', golden.subarray(0, 270), 'bad-safetensors', '/kT'],
    ['data left over', file({ J }, new Uint8Array(40)), 'bad-safetensors', ''],
    ['a huge header', length(golden, 2n ** 64n - 1n), 'bad-safetensors', ''],
    ['a header of 2^53 + 1 bytes', length(golden, 2n ** 53n + 1n), 'bad-safetensors', ''],
    ['an empty header', length(golden, 0n), 'bad-safetensors', ''],
    ['a header that is a list', file([J]), 'bad-safetensors', ''],
    ['a header that begins with a space', file(` ${JSON.stringify({ J })}`), 'bad-safetensors', ''],
    ['a header that is no UTF-8', file('{}').fill(0xff, 8), 'bad-safetensors', ''],
    ['no tensors', file({}, new Uint8Array(0)), 'bad-safetensors', '/J'],
    ['a name twice', file(`${twice}${twice.slice(1, -1)}}`), 'bad-safetensors', '/J'],
    ['a name twice, once escaped', file(`${twice}"\\u004a":null}`), 'bad-safetensors', '/J'],
    ['overlapping tensors', file({ J, b: { ...J, data_offsets: [16, 48] } }), 'bad-safetensors', '/b'],
    ['the same bytes for two', file({ J, b: J }), 'bad-safetensors', '/b'],
    ['a hole', file({ J: { ...J, data_offsets: [8, 40] } }, new Uint8Array(40)), 'bad-safetensors', '/J'],
    ['offsets beyond', file({ J: { ...J, shape: [4, 4], data_offsets: [0, 128] } }), 'bad-safetensors', '/J'],
    ['offsets backwards', file({ J: { ...J, data_offsets: [32, 0] } }), 'bad-safetensors', '/J'],
    ['negative offsets', file({ J: { ...J, data_offsets: [-32, 0] } }), 'bad-safetensors', '/J'],
    ['offsets of 1e308', file({ J: { ...J, data_offsets: [0, 1e308] } }), 'bad-safetensors', '/J'],
    ['a shape of 1e15', file({ J: { ...J, shape: [1e15, 1e15] } }), 'bad-safetensors', '/J'],
    ['a shape of fractions', file({ J: { ...J, shape: [0.5, 8] } }), 'bad-safetensors', '/J'],
    ['a shape that is not the data', file({ J: { ...J, shape: [2, 3] } }), 'bad-safetensors', '/J'],
    ['integers', file({ J: { ...J, dtype: 'I64' } }), 'bad-safetensors', '/J'],
    ['a type that is a list', file({ J: { ...J, dtype: ['F64'] } }), 'bad-safetensors', '/J'],
    ['a tensor that is null', file({ J: null }), 'bad-safetensors', '/J'],
    ['another tensor', file({ W: J }), 'bad-safetensors', '/W'],
    [
      'a tensor __proto__',
      file('{"__proto__":{"dtype":"F64","shape":[4],"data_offsets":[0,32]}}'),
      'bad-safetensors',
      '/__proto__',
    ],
    ['metadata of numbers', file({ J, __metadata__: { t_f: 2.5 } }), 'bad-safetensors', '/__metadata__'],
    ['NaN', file({ J }, float64(0, NaN, NaN, 0)), 'not-finite', '/J/1'],
    ['infinity', file({ J }, float64(0, 0, 0, Infinity)), 'not-finite', '/J/3'],
    ['J that is not square', file({ J: { ...J, shape: [4, 1] } }), 'wrong-shape', '/couplings'],
    [
      'J of no units',
      file({ J: { ...J, shape: [0, 0], data_offsets: [0, 0] } }, new Uint8Array(0)),
      'wrong-shape',
      '/units',
    ],
    ['J that is not symmetric', file({ J }, float64(0, 1, 2, 0)), 'not-symmetric', '/couplings/1/0'],
  ])('refuses %s', (_what, bytes, code, pointer) => {
    let thrown: unknown;
    try {
      decodeModelSafetensors(bytes);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(PhysicsError);
    expect(thrown).toMatchObject({ code, pointer, remedy: expect.stringMatching(/.{10}/) as string });
  });

  it('refuses every truncation, and survives 5,000 damaged files', () => {
    for (let n = 0; n < golden.length; n++)
      expect(() => decodeModelSafetensors(golden.subarray(0, n))).toThrow(PhysicsError);
    const uniform = seededUniform(5);
    for (let round = 0; round < 5000; round++) {
      const bytes = golden.slice();
      const flips = 1 + Math.floor(uniform() * 4);
      for (let k = 0; k < flips; k++)
        bytes[Math.floor(uniform() * bytes.length)] = Math.floor(uniform() * 256);
      try {
        decodeModelSafetensors(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(PhysicsError);
      }
    }
  });
});
