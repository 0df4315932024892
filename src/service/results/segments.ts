// A file as a list of pieces that are made when they are read: literal bytes, a stored blob, or readout codes turned into
// states. So any part of a .npy or .npz can be sent without making the rest, in memory that does not grow with the file.

/** Where the numbers come from: a stored blob, or memory. */
export type BlobReader = (of: 'codes' | 'heat', from: number, to: number) => Promise<Uint8Array>;

export type Segment =
  | { kind: 'bytes'; bytes: Uint8Array; length: number }
  /** The codes or the heat as they are stored. */
  | { kind: 'blob'; of: 'codes' | 'heat'; length: number }
  /** x = code * scale as float32, little-endian. */
  | { kind: 'states'; scale: number; length: number };

/** What is read and turned into states at once, of the bytes of the file: a millisecond of work. A multiple of 4. */
const PIECE_BYTES = 2 ** 21;

export const bytesSegment = (bytes: Uint8Array): Segment => ({ kind: 'bytes', bytes, length: bytes.length });

export const lengthOf = (segments: readonly Segment[]): number =>
  segments.reduce((sum, { length }) => sum + length, 0);

/** The bytes [from, to) of the file, in pieces. */
export async function* readSegments(
  segments: readonly Segment[],
  read: BlobReader,
  from = 0,
  to = lengthOf(segments),
): AsyncGenerator<Uint8Array> {
  let start = 0;
  for (const segment of segments) {
    const first = Math.max(from - start, 0);
    const last = Math.min(to - start, segment.length);
    start += segment.length;
    for (let at = first; at < last;) {
      // Pieces end at whole numbers, also where a range began inside one.
      const end = Math.min(last, at - (at % 4) + PIECE_BYTES);
      yield await piece(segment, read, at, end);
      at = end;
    }
  }
}

async function piece(segment: Segment, read: BlobReader, from: number, to: number): Promise<Uint8Array> {
  if (segment.kind === 'bytes') return segment.bytes.subarray(from, to);
  if (segment.kind === 'blob') return read(segment.of, from, to);
  const first = Math.floor(from / 4);
  const end = Math.ceil(to / 4);
  const codes = int16(await read('codes', 2 * first, 2 * end));
  const states = statesOf(codes, segment.scale);
  return new Uint8Array(states.buffer, from - 4 * first, to - from);
}

/** x of every code, rounded to float32. */
export function statesOf(codes: Int16Array, scale: number): Float32Array<ArrayBuffer> {
  const states = new Float32Array(codes.length);
  for (let k = 0; k < codes.length; k++) states[k] = codes[k] * scale;
  return states;
}

/** Bytes as readout codes, little-endian as the machine is; a copy only where they lie unaligned. */
export function int16(bytes: Uint8Array): Int16Array {
  const aligned = bytes.byteOffset % 2 === 0 ? bytes : new Uint8Array(bytes);
  return new Int16Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / 2);
}

/** Bytes as float64, as int16 does. */
export function float64(bytes: Uint8Array): Float64Array {
  const aligned = bytes.byteOffset % 8 === 0 ? bytes : new Uint8Array(bytes);
  return new Float64Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / 8);
}
