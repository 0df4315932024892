// 12-bit codes in pairs, as the device reads and writes them: two codes a, b in three bytes
// `a[7:0] | a[11:8] + b[3:0]<<4 | b[11:4]`, a block of an odd count padded with a zero code.

/** Largest signed code; -2048 does not exist. */
export const CODE_MAX = 2047;
const SIGN_SHIFT = 20; // of a 12-bit code at the bottom of a 32-bit integer

/** Bytes of a block of `count` codes. */
export function packedBytes(count: number): number {
  return 3 * Math.ceil(count / 2);
}

/** Writes codes[from .. from + count) at out[at ..), two's complement; returns the offset behind them. */
export function packCodes(
  codes: Int16Array,
  from: number,
  count: number,
  out: Uint8Array,
  at: number,
): number {
  let offset = at;
  for (let k = 0; k < count; k += 2) {
    const a = codes[from + k];
    const b = k + 1 < count ? codes[from + k + 1] : 0;
    out[offset] = a;
    out[offset + 1] = ((a >> 8) & 0x0f) | ((b & 0x0f) << 4);
    out[offset + 2] = b >> 4;
    offset += 3;
  }
  return offset;
}

/** Reads `count` codes at bytes[at ..); null when one is -2048 or the padding is not zero. */
export function unpackCodes(bytes: Uint8Array, at: number, count: number): Int16Array | null {
  const codes = new Int16Array(count);
  let offset = at;
  for (let k = 0; k < count; k += 2) {
    const a = ((bytes[offset] | (bytes[offset + 1] << 8)) << SIGN_SHIFT) >> SIGN_SHIFT;
    const b = (((bytes[offset + 1] >> 4) | (bytes[offset + 2] << 4)) << SIGN_SHIFT) >> SIGN_SHIFT;
    if (a < -CODE_MAX || b < -CODE_MAX) return null;
    codes[k] = a;
    if (k + 1 < count) codes[k + 1] = b;
    else if (b !== 0) return null;
    offset += 3;
  }
  return codes;
}
