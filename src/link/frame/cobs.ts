// Consistent overhead byte stuffing (Cheshire and Baker, IEEE 769765): makes a frame free of 0x00 at a cost of at
// most one byte in 254, rounded up, whatever the data.

/** Most data bytes one code byte can announce. */
const BLOCK = 254;
/** From here on a native copy or search is faster than a loop over bytes. */
const LONG = 24;

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
  let at = 0;
  let out = targetStart;
  let zeroAt = -1;
  for (;;) {
    // Runs of zeros are common (weak couplings) and need no search.
    for (; at < length && source[at] === 0; at += 1, out += 1) target[out] = 1;
    if (zeroAt < at) zeroAt = nextZero(source, at, length);
    const count = Math.min(zeroAt - at, BLOCK);
    target[out] = count + 1;
    copy(source, at, at + count, target, out + 1);
    out += count + 1;
    at += count;
    if (at === length) return out;
    if (count < BLOCK) at += 1; // the zero that this block stands for
  }
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
    copy(source, at + 1, stop, target, out);
    out += code - 1;
    at = stop;
    if (code <= BLOCK && at < end) {
      target[out] = 0;
      out += 1;
    }
  }
  return out;
}

/** Where the next zero is, from `at` on; `length` when there is none. */
function nextZero(source: Uint8Array, at: number, length: number): number {
  const near = Math.min(at + LONG, length);
  for (let k = at; k < near; k += 1) if (source[k] === 0) return k;
  const found = near < length ? source.indexOf(0, near) : -1;
  return found < 0 || found > length ? length : found;
}

/** Copies source[from .. to) to target[at ..). */
function copy(source: Uint8Array, from: number, to: number, target: Uint8Array, at: number): void {
  if (to - from >= LONG) target.set(source.subarray(from, to), at);
  else for (let k = from; k < to; k += 1) target[at + k - from] = source[k];
}
