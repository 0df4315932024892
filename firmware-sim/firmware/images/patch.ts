// Applies a patch to the copy of its base image (docs/protocol.md, patches). Written a second time on purpose, apart from
// the host's encoder: golden vectors hold both to the text. A device believes nothing: whatever departs is named.

/** Why a stream is no patch. */
export type PatchDefect =
  /** No span at all. */
  | 'empty'
  /** A number that the end of the stream cuts off, that is 2^32 or above, or that could be written shorter. */
  | 'number-cut-off'
  | 'number-too-large'
  | 'number-not-shortest'
  /** A length was spelt out although it fits the head. */
  | 'length-not-shortest'
  /** A span begins where the one before it ends. */
  | 'spans-touch'
  | 'beyond-image'
  | 'data-cut-off';

const NUMBER_BYTES_MAX = 5;
const NUMBER_LIMIT = 2 ** 32;
/** Lengths below this are in the lowest two bits of the head. */
const SPELT_LENGTH_MIN = 4;

class Defect extends Error {
  readonly defect: PatchDefect;
  constructor(defect: PatchDefect) {
    super(defect);
    this.defect = defect;
  }
}

/** Writes the spans of `stream` into `image`; returns what is wrong with it, and then `image` is worth nothing. */
export function applyPatch(image: Uint8Array, stream: Uint8Array): PatchDefect | null {
  try {
    write(image, stream);
    return null;
  } catch (error) {
    if (error instanceof Defect) return error.defect;
    throw error;
  }
}

function write(image: Uint8Array, stream: Uint8Array): void {
  if (stream.length === 0) throw new Defect('empty');
  const reader = { stream, at: 0 };
  let end = 0;
  for (let isFirst = true; reader.at < stream.length; isFirst = false) {
    const head = readNumber(reader);
    const gap = Math.floor(head / SPELT_LENGTH_MIN);
    const length = readLength(reader, head % SPELT_LENGTH_MIN);
    if (gap === 0 && !isFirst) throw new Defect('spans-touch');
    const from = end + gap;
    end = from + length;
    if (end > image.length) throw new Defect('beyond-image');
    if (reader.at + length > stream.length) throw new Defect('data-cut-off');
    // Spans are short and many: a loop is faster here than a view per span.
    for (let k = 0; k < length; k += 1) image[from + k] = stream[reader.at + k];
    reader.at += length;
  }
}

interface Reader {
  readonly stream: Uint8Array;
  at: number;
}

function readLength(reader: Reader, inHead: number): number {
  if (inHead > 0) return inHead;
  const length = readNumber(reader);
  if (length < SPELT_LENGTH_MIN) throw new Defect('length-not-shortest');
  return length;
}

/** Unsigned LEB128 below 2^32. */
function readNumber(reader: Reader): number {
  let value = 0;
  for (let k = 0, weight = 1; k < NUMBER_BYTES_MAX; k += 1, weight *= 128) {
    if (reader.at >= reader.stream.length) throw new Defect('number-cut-off');
    const byte = reader.stream[reader.at];
    reader.at += 1;
    value += (byte & 0x7f) * weight;
    if (byte < 0x80) {
      if (value >= NUMBER_LIMIT) throw new Defect('number-too-large');
      if (byte === 0 && k > 0) throw new Defect('number-not-shortest');
      return value;
    }
  }
  throw new Defect('number-too-large');
}
