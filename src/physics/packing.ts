// Packed 12-bit codes: two signed codes a, b in three bytes, `a[7:0] | a[11:8] + b[3:0]<<4 | b[11:4]`; used by
// program images, field images and sample records (docs/protocol.md).
import { PhysicsError } from './errors.ts';

/** Largest magnitude of a signed code; -2048 is not a code. */
export const CODE_MAX = 2047;

/** Bytes of `count` packed codes, padded to an even count. */
export function packedBytes(count: number): number {
  return Math.ceil(count / 2) * 3;
}

/** Packs codes (-2047..2047) into `target` from `offset`; an odd count is padded with a zero code. */
export function packCodes(codes: Int16Array, target: Uint8Array, offset = 0): void {
  for (let k = 0, at = offset; k < codes.length; k += 2, at += 3) {
    const a = checkedCode(codes[k], k) & 0xfff;
    const b = k + 1 < codes.length ? checkedCode(codes[k + 1], k + 1) & 0xfff : 0;
    target[at] = a & 0xff;
    target[at + 1] = (a >> 8) | ((b & 0xf) << 4);
    target[at + 2] = b >> 4;
  }
}

/** Reads `count` codes from `bytes` at `offset` into `target` from `targetOffset`. Throws at -2048 and padding that is not 0. */
export function unpackCodes(
  bytes: Uint8Array,
  offset: number,
  count: number,
  target: Int16Array,
  targetOffset = 0,
): void {
  for (let k = 0, at = offset; k < count; k += 2, at += 3) {
    const middle = bytes[at + 1];
    target[targetOffset + k] = signedCode(bytes[at] | ((middle & 0xf) << 8), k);
    const second = (middle >> 4) | (bytes[at + 2] << 4);
    if (k + 1 < count) target[targetOffset + k + 1] = signedCode(second, k + 1);
    else if (second !== 0) throw badCode('the padding of an odd count is not zero', k + 1);
  }
}

function checkedCode(code: number, index: number): number {
  if (code < -CODE_MAX || code > CODE_MAX) throw badCode(`code ${code} does not fit 12 bits`, index);
  return code;
}

function signedCode(raw: number, index: number): number {
  if (raw === 0x800) throw badCode('code -2048 is not allowed', index);
  return (raw << 20) >> 20;
}

function badCode(message: string, index: number): PhysicsError {
  return new PhysicsError('bad-record', `${message} (code ${index})`, {
    pointer: `/${index}`,
    allowed: { min: -CODE_MAX, max: CODE_MAX },
  });
}
