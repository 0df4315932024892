// What a line may do to a frame, by family. In the guaranteed families CRC-32C leaves nothing to chance
// (docs/protocol.md, section CRC); of the others one frame in 2^32 may pass at the most.
//
// The guarantees speak of the frame before COBS, so those families damage the frame and stuff it again; the others damage
// the bytes on the wire, code bytes and delimiter included.
import type { Draw } from './draw.ts';

/** One frame, before COBS and on the wire (with its delimiter). */
export interface Sample {
  raw: Uint8Array;
  wire: Uint8Array;
}

/** Bytes that are written over by the next case. */
export class Scratch {
  readonly bytes: Uint8Array;
  length = 0;

  constructor(capacity: number) {
    this.bytes = new Uint8Array(capacity);
  }

  set(source: Uint8Array): void {
    this.bytes.set(source);
    this.length = source.length;
  }

  append(source: Uint8Array, from: number, to: number): void {
    for (let at = from; at < to; at += 1) this.bytes[this.length + at - from] = source[at];
    this.length += to - from;
  }
}

type Damage = (out: Scratch, sample: Sample, other: Sample, draw: Draw) => void;
/** Frames up to this many bytes before COBS: every pattern of up to 5 flipped bits is found. */
export const FIVE_FLIPS_MAX_BYTES = 655;

export interface Family {
  name: string;
  guaranteed: boolean;
  /** Writes the damaged wire bytes. */
  damage: Damage;
}

const guaranteed = (name: string, hurt: (frame: Uint8Array, draw: Draw) => void): Family => ({
  name,
  guaranteed: true,
  damage: (out, sample, _other, draw) => {
    const frame = sample.raw.slice();
    hurt(frame, draw);
    stuff(frame, out);
  },
});
const onTheWire = (name: string, damage: Damage): Family => ({ name, guaranteed: false, damage });

export const FAMILIES: readonly Family[] = [
  guaranteed('flips-1-3', (frame, draw) => flip(frame, frame.length, 1 + draw.below(3), draw)),
  guaranteed('flips-4-5', (frame, draw) => {
    const count = frame.length <= FIVE_FLIPS_MAX_BYTES ? 4 + draw.below(2) : 3;
    flip(frame, frame.length, count, draw);
  }),
  guaranteed('flips-odd', (frame, draw) => flip(frame, frame.length, 5 + 2 * draw.below(20), draw)),
  guaranteed('burst-32', (frame, draw) => burst(frame, frame.length, 1 + draw.below(32), draw)),
  onTheWire('wire-flips', (out, { wire }, _other, draw) => {
    out.set(wire);
    flip(out.bytes, wire.length, 1 + draw.below(8), draw);
  }),
  onTheWire('code-byte', (out, { wire }, _other, draw) => {
    out.set(wire);
    out.bytes[someCodeByte(wire, draw)] ^= 1 + draw.below(255);
  }),
  onTheWire('drop', (out, { wire }, _other, draw) => {
    const from = draw.below(wire.length);
    const to = Math.min(wire.length, from + 1 + draw.below(8));
    out.append(wire, 0, from);
    out.append(wire, to, wire.length);
  }),
  onTheWire('insert', (out, { wire }, _other, draw) => {
    const at = draw.below(wire.length);
    out.append(wire, 0, at);
    for (let count = 1 + draw.below(4); count > 0; count -= 1) {
      out.bytes[out.length] = draw.below(256);
      out.length += 1;
    }
    out.append(wire, at, wire.length);
  }),
  onTheWire('duplicate', (out, { wire }, _other, draw) => {
    const from = draw.below(wire.length);
    out.append(wire, 0, Math.min(wire.length, from + 1 + draw.below(64)));
    out.append(wire, from, wire.length);
  }),
  onTheWire('swap', (out, { wire }, _other, draw) => {
    // Two neighbouring pieces change places, as when writes are reordered.
    const from = draw.below(wire.length - 1);
    const middle = from + 1 + draw.below(wire.length - from - 1);
    const to = middle + 1 + draw.below(wire.length - middle);
    out.append(wire, 0, from);
    out.append(wire, middle, to);
    out.append(wire, from, middle);
    out.append(wire, to, wire.length);
  }),
  onTheWire('splice', (out, sample, other, draw) => {
    out.append(sample.wire, 0, 1 + draw.below(sample.wire.length - 1));
    out.append(other.wire, 1 + draw.below(other.wire.length - 1), other.wire.length);
  }),
  onTheWire('join', (out, sample, other, draw) => {
    // The delimiter is lost, perhaps with some bytes before it.
    const lost = draw.below(2) === 0 ? 1 : 1 + draw.below(sample.wire.length - 1);
    out.append(sample.wire, 0, sample.wire.length - lost);
    out.append(other.wire, 0, other.wire.length);
  }),
  onTheWire('burst-wire', (out, { wire }, _other, draw) => {
    out.set(wire);
    burst(out.bytes, wire.length, 33 + draw.below(200), draw);
  }),
  onTheWire('noise', (out, { wire }, _other, draw) => {
    // A window of the frame is replaced by noise of any length.
    const from = draw.below(wire.length);
    const to = Math.min(wire.length, from + 1 + draw.below(32));
    out.append(wire, 0, from);
    for (let count = draw.below(40); count > 0; count -= 1) {
      out.bytes[out.length] = draw.below(256);
      out.length += 1;
    }
    out.append(wire, to, wire.length);
  }),
];

/** Most bytes that a family adds to the wire bytes of two frames. */
export const GROWTH_BYTES = 64;

/** Flips `count` different bits of bytes[0 .. length). */
function flip(bytes: Uint8Array, length: number, count: number, draw: Draw): void {
  const before = new Map<number, number>();
  for (let flips = 0; flips < count;) {
    const bit = draw.below(length * 8);
    const at = bit >> 3;
    if (!before.has(at)) before.set(at, bytes[at]);
    const original = before.get(at) ?? 0;
    const mask = 1 << (bit & 7);
    if (((bytes[at] ^ original) & mask) !== 0) continue; // flipped already
    bytes[at] ^= mask;
    flips += 1;
  }
}

/** A window of `bits` bits, in the order of the wire (least significant first), both ends flipped, the inside at random. */
function burst(bytes: Uint8Array, length: number, bits: number, draw: Draw): void {
  const size = Math.min(bits, length * 8);
  const start = draw.below(length * 8 - size + 1);
  for (let k = 0; k < size; k += 1) {
    const isEnd = k === 0 || k === size - 1;
    if (isEnd || draw.below(2) === 1) bytes[(start + k) >> 3] ^= 1 << ((start + k) & 7);
  }
}

/** The place of one of the code bytes of a stuffed frame. */
function someCodeByte(wire: Uint8Array, draw: Draw): number {
  let blocks = 0;
  for (let at = 0; at < wire.length - 1; at += wire[at]) blocks += 1;
  let at = 0;
  for (let skip = draw.below(blocks); skip > 0; skip -= 1) at += wire[at];
  return at;
}

/** COBS as the textbook has it, with the delimiter, apart from the codec under test. */
export function stuff(frame: Uint8Array, out: Scratch): void {
  const { bytes } = out;
  let codeAt = 0;
  let next = 1;
  for (let at = 0; at < frame.length; at += 1) {
    if (next - codeAt === 255) {
      bytes[codeAt] = 255;
      codeAt = next;
      next += 1;
    }
    if (frame[at] === 0) {
      bytes[codeAt] = next - codeAt;
      codeAt = next;
      next += 1;
    } else {
      bytes[next] = frame[at];
      next += 1;
    }
  }
  bytes[codeAt] = next - codeAt;
  bytes[next] = 0;
  out.length = next + 1;
}
