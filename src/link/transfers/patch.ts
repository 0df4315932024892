// Writes what differs between two images as a patch (docs/protocol.md, patches): one span for each run of changed bytes.
// Pure. The decoder is the device's and is written apart from this; golden vectors hold both to the text.
import { atOnce } from '../../clock/slices.ts';

/** Lengths below this fit the two lowest bits of a span's head; longer ones are spelt out behind it. */
const SPELT_LENGTH_MIN = 4;
/** A head is 4 x gap + length below 2^32, so the format reaches so far. */
export const PATCH_IMAGE_MAX_BYTES = 2 ** 30;
const WORD_BYTES = 4;
/** Of an image between two pauses: well below a millisecond. */
const STEP_BYTES = 64 * 1024;
/** Head and length, five bytes each at most. */
const SPAN_OVERHEAD_MAX_BYTES = 10;

/**
 * The patch that turns `base` into `image`, or null when it would be longer than `limit_bytes`, when nothing differs, or
 * when the two are no images of one length.
 */
export function encodePatch(base: Uint8Array, image: Uint8Array, limit_bytes: number): Uint8Array | null {
  return atOnce(patchSteps(base, image, limit_bytes));
}

/** The same with pauses: 10 ms at 1,296 units where about half the bytes differ. */
export function* patchSteps(
  base: Uint8Array,
  image: Uint8Array,
  limit_bytes: number,
): Generator<undefined, Uint8Array | null> {
  const { length } = image;
  if (base.length !== length || length > PATCH_IMAGE_MAX_BYTES) return null;
  const limit = Math.max(0, Math.floor(limit_bytes));
  if (hasMoreChanges(wordsOf(base), wordsOf(image), limit)) return null;
  yield;
  const stream = new Uint8Array(limit + SPAN_OVERHEAD_MAX_BYTES);
  let pauseAt = STEP_BYTES;
  let size = 0;
  let spanEnd = 0;
  let at = 0;
  const [baseWords, imageWords] = [wordsOf(base), wordsOf(image)];
  for (;;) {
    while (at < length && base[at] === image[at]) {
      at += 1;
      if (at % WORD_BYTES === 0) at = skipEqualWords(baseWords, imageWords, at);
    }
    if (at === length) break;
    if (at >= pauseAt) {
      pauseAt = at + STEP_BYTES;
      yield;
    }
    const from = at;
    while (at < length && base[at] !== image[at]) at += 1;
    size = writeHead(stream, size, from - spanEnd, at - from);
    if (size + (at - from) > limit) return null;
    for (let k = from; k < at; k += 1) stream[size++] = image[k];
    spanEnd = at;
  }
  return size === 0 ? null : stream.slice(0, size);
}

/** The whole words of an image, or none when they do not lie as words do. */
function wordsOf({ buffer, byteOffset, length }: Uint8Array): Int32Array {
  if (byteOffset % WORD_BYTES !== 0) return new Int32Array(0);
  return new Int32Array(buffer, byteOffset, Math.floor(length / WORD_BYTES));
}

/** More than `limit` bytes of these words differ: no patch is shorter than what changes. Two other images differ everywhere. */
function hasMoreChanges(base: Int32Array, image: Int32Array, limit: number): boolean {
  const words = Math.min(base.length, image.length);
  let changed = 0;
  for (let word = 0; word < words && changed <= limit; word += 1) {
    const x = base[word] ^ image[word];
    if (x === 0) continue;
    if ((x & 0xff) !== 0) changed += 1;
    if ((x & 0xff00) !== 0) changed += 1;
    if ((x & 0xff0000) !== 0) changed += 1;
    if ((x & 0xff000000) !== 0) changed += 1;
  }
  return changed > limit;
}

/** The next offset, a multiple of the word, whose words differ; most of two images is equal, and words pass faster. */
function skipEqualWords(base: Int32Array, image: Int32Array, at: number): number {
  const words = Math.min(base.length, image.length);
  let word = at / WORD_BYTES;
  while (word < words && base[word] === image[word]) word += 1;
  return word * WORD_BYTES;
}

/** Head and, if it does not fit there, the length; returns where they end. */
function writeHead(stream: Uint8Array, at: number, gap: number, length: number): number {
  const isSpelt = length >= SPELT_LENGTH_MIN;
  const end = writeNumber(stream, at, gap * SPELT_LENGTH_MIN + (isSpelt ? 0 : length));
  return isSpelt ? writeNumber(stream, end, length) : end;
}

/** Unsigned LEB128 below 2^32; returns where it ends. */
function writeNumber(stream: Uint8Array, at: number, value: number): number {
  let rest = value;
  let end = at;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) stream[end++] = (rest % 0x80) | 0x80;
  stream[end++] = rest;
  return end;
}
