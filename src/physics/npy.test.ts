// .npy and .npz: round trips, bytes that NumPy itself wrote, and refusal of everything damaged.
import { describe, expect, it } from 'vitest';
import { zipSync } from 'fflate';
import { PhysicsError } from './errors.ts';
import { decodeNpy, decodeNpz, encodeNpy, encodeNpz } from './npy.ts';

// numpy 2: np.save(f, np.asfortranarray(np.array([[1, 2, 3], [4, 5, 6]], '<i2')))
const header = "\x93NUMPY\x01\x00\x76\x00{'descr': '<i2', 'fortran_order': True, 'shape': (2, 3), }".padEnd(
  127,
);
const fortran = Uint8Array.from([
  ...[...`${header}\n`].map((c) => c.charCodeAt(0)),
  ...[1, 0, 4, 0, 2, 0, 5, 0, 3, 0, 6, 0],
]);

const sample = {
  J: { shape: [2, 2], data: Float64Array.of(0, 0.1, 0.1, 0) },
  x: { shape: [3], data: Float32Array.of(1, -2, 0.5) },
  code: { shape: [1, 2, 1], data: Int16Array.of(-2047, 2047) },
  kT: { shape: [], data: Float64Array.of(0.1) },
};

describe('npy', () => {
  it('round-trips every number type it writes', () => {
    for (const array of Object.values(sample)) expect(decodeNpy(encodeNpy(array))).toEqual(array);
    const big = { shape: [1], data: BigInt64Array.of(-5n) };
    expect(decodeNpy(encodeNpy(big))).toEqual(big);
  });

  it('reads from a Buffer, whose memory belongs to a pool', () => {
    expect(decodeNpy(Buffer.from(encodeNpy(sample.code)))).toEqual(sample.code);
  });

  it('reads Fortran order as NumPy writes it', () => {
    expect(decodeNpy(fortran)).toEqual({ shape: [2, 3], data: Int16Array.of(1, 2, 3, 4, 5, 6) });
  });

  it('aligns the data to 64 bytes and ends the header with a newline', () => {
    const bytes = encodeNpy(sample.x);
    expect((bytes.length - 12) % 64).toBe(0);
    expect(bytes[bytes.length - 13]).toBe(0x0a);
  });

  it('refuses every truncation, other number types and surplus bytes', () => {
    const bytes = encodeNpy(sample.J);
    for (let n = 0; n < bytes.length; n++)
      expect(() => decodeNpy(bytes.subarray(0, n))).toThrow(PhysicsError);
    expect(() => decodeNpy(Uint8Array.of(...bytes, 0))).toThrow(/expected 32/);
    const other = bytes.slice();
    other[10 + "{'descr': '".length] = '>'.charCodeAt(0);
    expect(() => decodeNpy(other)).toThrow(/number type >f8/);
  });

  it('refuses data that do not fill the shape when writing', () => {
    expect(() => encodeNpy({ shape: [3], data: Float64Array.of(1) })).toThrow(PhysicsError);
  });
});

describe('npz', () => {
  it('round-trips, and the same content gives the same bytes', () => {
    const bytes = encodeNpz(sample);
    expect(Object.fromEntries(decodeNpz(bytes))).toEqual(sample);
    expect(encodeNpz(sample)).toEqual(bytes);
    // MS-DOS date and time of the first local header: 1 January 1980, midnight.
    expect([...bytes.subarray(10, 14)]).toEqual([0, 0, 0x21, 0]);
  });

  it('reads deflated members', () => {
    const bytes = zipSync({ 'J.npy': encodeNpy(sample.J) }, { level: 6 });
    expect(decodeNpz(bytes).get('J')).toEqual(sample.J);
  });

  it('refuses every truncation with bad-npz', () => {
    const bytes = encodeNpz(sample);
    for (let n = 0; n < bytes.length; n += 1)
      expect(() => decodeNpz(bytes.subarray(0, n))).toThrow(expect.objectContaining({ code: 'bad-npz' }));
  });

  it('never returns changed numbers when one byte is damaged', () => {
    const bytes = encodeNpz(sample);
    for (let at = 0; at < bytes.length; at++) {
      const damaged = bytes.slice();
      damaged[at] ^= 0x10;
      try {
        const arrays = decodeNpz(damaged);
        for (const [name, array] of arrays)
          if (name in sample) expect(array).toEqual(sample[name as keyof typeof sample]);
      } catch (error) {
        expect(error).toMatchObject({ code: 'bad-npz' });
      }
    }
  });

  it('refuses to unpack more than it is allowed to', () => {
    const bomb = zipSync({ 'J.npy': new Uint8Array(1_000_000) }, { level: 9 });
    expect(() => decodeNpz(bomb, 100_000)).toThrow(/unpacks to more/);
  });

  it('refuses what is no zip at all', () => {
    expect(() => decodeNpz(new TextEncoder().encode('{"couplings": []}'))).toThrow(PhysicsError);
  });
});
