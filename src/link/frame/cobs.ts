// Consistent overhead byte stuffing (Cheshire and Baker, IEEE 769765): makes a frame free of 0x00 at a cost of at
// most one byte in 254, rounded up, whatever the data.

/** Most data bytes one code byte can announce. */
const BLOCK = 254;

/** Largest encoded length of `length` bytes, without the delimiter, in either accepted form (docs/protocol.md). */
export function cobsMaxLength(length: number): number {
  return length + Math.floor(length / BLOCK) + 1;
}

/**
 * Encodes source[0 .. length) into `target` from `targetStart`; returns the position after the last byte written.
 * Canonical form: a block of exactly 254 non-zero bytes at the very end is not followed by a further 0x01.
 */
export function cobsEncode(
  source: Uint8Array,
  length: number,
  target: Uint8Array,
  targetStart: number,
): number {
  let codeAt = targetStart;
  let out = targetStart + 1;
  let code = 1;
  for (let at = 0; at < length; at += 1) {
    const byte = source[at];
    if (byte !== 0) {
      target[out] = byte;
      out += 1;
      code += 1;
      if (code <= BLOCK) continue;
      if (at + 1 === length) break;
    }
    target[codeAt] = code;
    codeAt = out;
    out += 1;
    code = 1;
  }
  target[codeAt] = code;
  return out;
}

/**
 * Decodes source[start .. end), which holds no 0x00, into `target` from 0. Returns the decoded length, or -1 when a
 * code byte points past the end (nothing of the frame may then be used). `target` needs end - start bytes.
 */
export function cobsDecode(source: Uint8Array, start: number, end: number, target: Uint8Array): number {
  let at = start;
  let out = 0;
  while (at < end) {
    const code = source[at];
    const stop = at + code;
    if (stop > end) return -1;
    for (at += 1; at < stop; at += 1) {
      target[out] = source[at];
      out += 1;
    }
    if (code <= BLOCK && at < end) {
      target[out] = 0;
      out += 1;
    }
  }
  return out;
}
