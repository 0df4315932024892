// Damaged frames against the frame decoder: nothing may be delivered that nobody sent, and an intact frame behind the
// damage is always delivered. Case INDEX of a seed is the same whatever was played before.
import { encodeFrame, FrameKind, StreamDecoder, USB_MAX_PAYLOAD } from '../../src/link/frame/index.ts';
import type { DecodeResult, Frame, StreamDecoderOptions } from '../../src/link/frame/index.ts';
import { FAMILIES, GROWTH_BYTES, Scratch, stuff, type Family, type Sample } from './damage.ts';
import { Draw } from './draw.ts';

/** Cases that share their frames; then new ones are drawn. */
const BLOCK_CASES = 65_536;
const BLOCK_FRAMES = 256;
const KINDS = [FrameKind.hello, FrameKind.rpc, FrameKind.samples, FrameKind.event, FrameKind.log];
/** Payload lengths: mostly small ones, as most traffic, so that many fit into a second; a few of each profile's largest. */
const UART_LARGEST = 632;
const SMALL_BELOW = 40;

interface Known extends Sample {
  frame: Frame;
}

export interface Undetected {
  seed: number;
  index: number;
  family: string;
}

export interface FuzzCount {
  /** Damaged frames by family. */
  frames: Record<string, number>;
  undetected: Undetected[];
  /** Cases after which an intact frame was not delivered. */
  wedged: Undetected[];
}

export interface FuzzCase {
  family: Family;
  sample: Frame;
  other: Frame;
  intact: Uint8Array;
  damaged: Uint8Array;
  results: DecodeResult[];
  isDetected: boolean;
  recovers: boolean;
}

/** The decoder under test; another one shows what this program would notice. */
export type MakeDecoder = (options: StreamDecoderOptions) => Pick<StreamDecoder, 'push'>;

export const noCount = (): FuzzCount => ({
  frames: Object.fromEntries(FAMILIES.map(({ name }) => [name, 0])),
  undetected: [],
  wedged: [],
});

/** Adds `more` to `sum`. */
export function addCount(sum: FuzzCount, more: FuzzCount): void {
  for (const { name } of FAMILIES) sum.frames[name] += more.frames[name];
  sum.undetected.push(...more.undetected);
  sum.wedged.push(...more.wedged);
}

export class FrameFuzz {
  readonly #seed: number;
  readonly #draw = new Draw();
  readonly #decoder: Pick<StreamDecoder, 'push'>;
  readonly #out = new Scratch(4 * (USB_MAX_PAYLOAD + GROWTH_BYTES));
  #block = -1;
  #known: Known[] = [];
  #results: DecodeResult[] = [];
  #delivered: Frame[] = [];

  constructor(seed: number, makeDecoder: MakeDecoder = (options) => new StreamDecoder(options)) {
    this.#seed = seed;
    this.#decoder = makeDecoder({
      role: 'host',
      maxPayload: USB_MAX_PAYLOAD,
      onResult: (result) => {
        if (result.kind === 'frame') this.#delivered.push(result.frame);
        this.#results.push(result);
      },
    });
  }

  /** Plays cases first .. first + count - 1. */
  run(first: number, count: number): FuzzCount {
    const sum = noCount();
    for (let index = first; index < first + count; index += 1) {
      const family = FAMILIES[index % FAMILIES.length];
      const { sample, other } = this.#damage(family, index);
      const recovers = this.#decode(sample);
      const isDetected = this.#allSent(sample, other);
      sum.frames[family.name] += 1;
      const at = { seed: this.#seed, index, family: family.name };
      if (!isDetected) sum.undetected.push(at);
      if (!recovers) sum.wedged.push(at);
    }
    return sum;
  }

  /** Plays one case and tells everything about it. */
  play(index: number): FuzzCase {
    const family = FAMILIES[index % FAMILIES.length];
    const { sample, other } = this.#damage(family, index);
    const damaged = this.#out.bytes.slice(0, this.#out.length);
    const recovers = this.#decode(sample);
    return {
      family,
      sample: sample.frame,
      other: other.frame,
      intact: sample.wire,
      damaged,
      results: this.#results,
      isDetected: this.#allSent(sample, other),
      recovers,
    };
  }

  /** Draws two frames and writes the damaged bytes; they always differ from what was sent. */
  #damage(family: Family, index: number): { sample: Known; other: Known } {
    const block = Math.floor(index / BLOCK_CASES);
    if (block !== this.#block) this.#known = this.#frames(block);
    this.#block = block;
    const draw = this.#draw;
    draw.reseed(this.#seed, index);
    const first = draw.below(BLOCK_FRAMES);
    const sample = this.#known[first];
    const other = this.#known[(first + 1 + draw.below(BLOCK_FRAMES - 1)) % BLOCK_FRAMES];
    do {
      this.#out.length = 0;
      family.damage(this.#out, sample, other, draw);
    } while (isEqual(this.#out.bytes.subarray(0, this.#out.length), sample.wire));
    return { sample, other };
  }

  /** The damaged bytes, a delimiter, the intact frame; false when that last one is not delivered. */
  #decode(sample: Known): boolean {
    this.#delivered = [];
    this.#results = [];
    const { bytes, length } = this.#out;
    const cut = this.#draw.below(4) === 0 ? this.#draw.below(length + 1) : length;
    this.#decoder.push(bytes.subarray(0, cut));
    if (cut < length) this.#decoder.push(bytes.subarray(cut, length));
    this.#decoder.push(DELIMITER);
    this.#decoder.push(sample.wire);
    const last = this.#delivered.pop();
    return last !== undefined && isSame(last, sample.frame) && this.#results.at(-1)?.kind === 'frame';
  }

  #allSent(sample: Known, other: Known): boolean {
    for (const frame of this.#delivered) {
      if (!isSame(frame, sample.frame) && !isSame(frame, other.frame)) return false;
    }
    return true;
  }

  #frames(block: number): Known[] {
    // Frames draw from a sequence of their own: index 2^52 and up is no case.
    const draw = new Draw(this.#seed, 2 ** 52 + block);
    return Array.from({ length: BLOCK_FRAMES }, (_, k) => knownFrame(k, draw));
  }
}

const DELIMITER = new Uint8Array(1);

function knownFrame(k: number, draw: Draw): Known {
  const length = payloadLength(k, draw);
  const payload = new Uint8Array(length);
  const fill = draw.below(4); // zeros, 0xFF, any, any with many zeros
  for (let at = 0; at < length; at += 1) {
    payload[at] = fill === 0 ? 0 : fill === 1 ? 0xff : fill === 3 && draw.below(3) > 0 ? 0 : draw.below(256);
  }
  const kind = KINDS[draw.below(KINDS.length)];
  const session = kind === FrameKind.hello ? 0 : 1 + draw.below(0xffff);
  const frame = { kind, flags: draw.below(16), session, seq: draw.below(0x10000), payload };
  const wire = encodeFrame(frame);
  return { frame, wire, raw: unstuff(wire) };
}

function payloadLength(k: number, draw: Draw): number {
  if (k % 128 === 127) return draw.below(2) === 0 ? USB_MAX_PAYLOAD : draw.below(USB_MAX_PAYLOAD);
  if (k % 32 === 31) return UART_LARGEST;
  if (k % 16 === 15) return draw.below(UART_LARGEST);
  return draw.below(SMALL_BELOW);
}

/** The frame before COBS; checks that stuffing it again gives the same bytes, or the guaranteed families damage others. */
function unstuff(wire: Uint8Array): Uint8Array {
  const raw: number[] = [];
  const end = wire.length - 1;
  for (let at = 0; at < end;) {
    const code = wire[at];
    for (let k = at + 1; k < at + code; k += 1) raw.push(wire[k]);
    at += code;
    if (code < 0xff && at < end) raw.push(0);
  }
  const frame = Uint8Array.from(raw);
  const again = new Scratch(wire.length + 1);
  stuff(frame, again);
  if (!isEqual(again.bytes.subarray(0, again.length), wire)) throw new Error('two encoders of COBS disagree');
  return frame;
}

function isSame(a: Frame, b: Frame): boolean {
  return (
    a.kind === b.kind &&
    a.flags === b.flags &&
    a.session === b.session &&
    a.seq === b.seq &&
    isEqual(a.payload, b.payload)
  );
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at += 1) if (a[at] !== b[at]) return false;
  return true;
}
