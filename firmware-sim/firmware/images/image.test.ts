// The device's decoder: exactly the format, and a reason for everything else.
import { describe, expect, it } from 'vitest';
import { Code, Detail } from '../../../src/link/messages/index.ts';
import { buildImage, CAPABILITIES, UNITS } from '../board.test-support.ts';
import { decodeField, decodeProgram, programImageBytes } from './image.ts';

const patched = (image: Uint8Array, patch: (view: DataView, bytes: Uint8Array) => void): Uint8Array => {
  const copy = image.slice();
  patch(new DataView(copy.buffer, copy.byteOffset, copy.byteLength), copy);
  return copy;
};
const with16 = (at: number, value: number) => (view: DataView) => view.setUint16(at, value, true);
const with32 = (at: number, value: number) => (view: DataView) => view.setUint32(at, value, true);
const with64 = (at: number, value: number) => (view: DataView) => view.setFloat64(at, value, true);

describe('decodeProgram', () => {
  it('reads every code of every block, with its sign', () => {
    const j2 = [-2047, -1, 0, 1, 2047];
    const j4 = [1, 2, 1024, 2046, 2047];
    const bias = [5, -5, 2000, -2000, 0];
    const couplings = [1, -2, 3, -4, 5, -6, 7, -8, 2047, -2047];
    const decoded = decodeProgram(buildImage({ j2, j4, bias, couplings }), CAPABILITIES);
    if (!decoded.ok) throw new Error(decoded.status.message);
    const { value } = decoded;
    expect([...value.j2Code]).toEqual(j2);
    expect([...value.j4Code]).toEqual(j4);
    expect([...value.biasCode]).toEqual(bias);
    expect([...value.couplingCode]).toEqual(couplings);
    expect(value.noiseTemperatureCode).toBe(3276);
    expect(value.scale).toEqual({
      coupling_E0: 1e-4,
      bias_E0: 1e-4,
      field_E0: 4e-3,
      j2_E0: 6e-4,
      j4_E0: 6e-4,
      noiseTemperature_E0: 3e-5,
      state: 2 ** -10,
    });
  });

  it('has the length that the format states', () => {
    expect(programImageBytes(784)).toBe(464_060);
  });

  const image = buildImage();
  const blockBytes = 9; // 5 codes and a padding code
  const cases: [string, Uint8Array, RegExp][] = [
    ['an empty file', new Uint8Array(0), /0 bytes/],
    ['less than a header', image.subarray(0, 127), /127 bytes/],
    ['another magic', patched(image, with32(0, 1)), /magic/],
    ['another version', patched(image, with16(4, 2)), /version 2/],
    ['a field', buildImage({ kind: 2 }), /kind 2/],
    ['no units', patched(image, with32(8, 0)), /0 units/],
    ['too many units', patched(image, with32(8, UNITS + 1)), /6 units, allowed 1\.\.5/],
    ['another topology', patched(image, with16(12, 2)), /topology 2/],
    ['another packing', patched(image, with16(14, 0)), /packing 0/],
    ['another header length', patched(image, with32(16, 120)), /header length/],
    ['another coupling count', patched(image, with32(20, 9)), /9 couplings/],
    ['a byte too few', image.subarray(0, image.length - 1), /bytes, a program of 5/],
    ['a byte too many', Buffer.concat([image, Buffer.alloc(1)]), /bytes, a program of 5/],
    ['a noise code of 0', patched(image, with16(80, 0)), /noise temperature code 0/],
    ['a noise code of 4096', patched(image, with16(80, 4096)), /noise temperature code 4096/],
    ['the first reserved byte', patched(image, (_, b) => (b[82] = 1)), /byte 82/],
    ['the last reserved byte', patched(image, (_, b) => (b[127] = 1)), /byte 127/],
    ['another state scale', patched(image, with64(72, 2 ** -9)), /state scale/],
    ['a J4 code of 0', buildImage({ j4: [1, 1, 0, 1, 1] }), /J4 code 0 of unit 2/],
    ['a negative J4 code', buildImage({ j4: [1, 1, 1, 1, -1] }), /J4 code -1 of unit 4/],
    ['-2048 in J2', buildImage({ j2: [0, -2048, 0, 0, 0] }), /J2 code is -2048/],
    ['-2048 in the biases', buildImage({ bias: [-2048, 0, 0, 0, 0] }), /bias code is -2048/],
    [
      '-2048 in the couplings',
      buildImage({ couplings: Array.from({ length: 10 }, () => -2048) }),
      /coupling/,
    ],
    ['padding that is not 0', patched(image, (_, b) => (b[128 + blockBytes - 1] = 1)), /J2 .*padding/],
    ['a coupling scale of 0', patched(image, with64(24, 0)), /coupling scale 0/],
    ['a bias scale of NaN', patched(image, with64(32, NaN)), /bias scale NaN/],
    ['a negative field scale', patched(image, with64(40, -1e-3)), /field scale/],
    ['an infinite J2 scale', patched(image, with64(48, Infinity)), /j2 scale Infinity/],
    ['a J4 full scale that is too large', patched(image, with64(56, 1)), /j4 full scale 2047/],
    ['a noise full scale that is too large', patched(image, with64(64, 1e-2)), /noiseTemperature full scale/],
    ['a coupling full scale that is too small', patched(image, with64(24, 1e-12)), /coupling full scale/],
  ];
  it.each(cases)('refuses %s', (_, bytes, reason) => {
    const decoded = decodeProgram(bytes, CAPABILITIES);
    expect(decoded).toMatchObject({
      ok: false,
      status: { code: Code.INVALID_ARGUMENT, detail: Detail.BAD_LAYOUT },
    });
    expect(decoded.ok ? '' : decoded.status.message).toMatch(reason);
  });

  it('accepts a full scale at the edge of the range, rounded either way', () => {
    const edge = (CAPABILITIES.coupling?.fullScaleMax ?? 0) / 2047;
    for (const scale of [edge * (1 - 2 ** -52), edge, edge * (1 + 2 ** -52)]) {
      expect(decodeProgram(patched(image, with64(24, scale)), CAPABILITIES).ok).toBe(true);
    }
  });
});

describe('decodeField', () => {
  it('reads the codes and their scale', () => {
    const field = [-2047, 2047, 0, 1, -1];
    const decoded = decodeField(buildImage({ kind: 2, field }), CAPABILITIES);
    if (!decoded.ok) throw new Error(decoded.status.message);
    expect([...decoded.value.code]).toEqual(field);
    expect(decoded.value).toMatchObject({ units: UNITS, scale_E0: 4e-3 });
  });

  const image = buildImage({ kind: 2 });
  const cases: [string, Uint8Array, RegExp][] = [
    ['a program', buildImage(), /kind 1/],
    ['a coupling count', patched(image, with32(20, 10)), /coupling count/],
    ['a noise code', patched(image, with16(80, 1)), /noise temperature/],
    ['another length', image.subarray(0, image.length - 3), /bytes, a field of 5/],
    ['an unused coupling scale', patched(image, with64(24, 1)), /unused coupling scale/],
    ['an unused noise scale', patched(image, with64(64, NaN)), /unused noiseTemperature scale/],
    ['a scale of 0', patched(image, with64(40, 0)), /field scale 0/],
    ['-2048', buildImage({ kind: 2, field: [0, 0, 0, 0, -2048] }), /field code is -2048/],
  ];
  it.each(cases)('refuses %s', (_, bytes, reason) => {
    const decoded = decodeField(bytes, CAPABILITIES);
    expect(decoded).toMatchObject({ ok: false, status: { detail: Detail.BAD_LAYOUT } });
    expect(decoded.ok ? '' : decoded.status.message).toMatch(reason);
  });
});
