// The frame codec against the golden vectors, which another program computed. What a line can do to a frame is in
// stream-decoder.test.ts.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { crc32c, encodeFrame, FrameError, FrameKind, maxWireBytes, StreamDecoder } from './index.ts';
import type { DecodeResult, Frame, FrameKindValue, FrameRole } from './index.ts';

interface Vectors {
  crc32c: { name: string; bytes: string; crc: string }[];
  accepts: {
    name: string;
    role: FrameRole;
    maxPayload: number;
    frameBytes: number;
    canonical: boolean;
    frame: { kind: FrameKindValue; flags: number; session: number; seq: number; payload: string };
    wire: string;
  }[];
  rejects: {
    name: string;
    role: FrameRole;
    maxPayload: number;
    result: string;
    reason: string;
    wire: string;
  }[];
}
const vectors = JSON.parse(
  readFileSync(new URL('../../../test/vectors/frames.json', import.meta.url), 'utf8'),
) as Vectors;
const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'));

function decodeAll(role: FrameRole, maxPayload: number, pieces: Iterable<Uint8Array>): DecodeResult[] {
  const results: DecodeResult[] = [];
  const decoder = new StreamDecoder({ role, maxPayload, onResult: (result) => results.push(result) });
  for (const piece of pieces) decoder.push(piece);
  return results;
}
const frameOf = (vector: Vectors['accepts'][number]): Frame => ({
  ...vector.frame,
  payload: hex(vector.frame.payload),
});
/** A seeded source of whole numbers in 0..below-1: mulberry32. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}
const find = (name: string): Vectors['accepts'][number] => {
  const vector = vectors.accepts.find((v) => v.name.startsWith(name));
  if (vector === undefined) throw new Error(`no vector "${name}"`);
  return vector;
};

describe('CRC-32C', () => {
  it.each(vectors.crc32c)('of $name is $crc', ({ bytes, crc }) => {
    expect(crc32c(hex(bytes))).toBe(Number(crc));
  });

  it('goes on from a seed, and of a message with its own CRC is the constant 0x48674BC7', () => {
    const next = random(5);
    for (let length = 0; length < 70; length += 1) {
      const message = Uint8Array.from({ length }, () => next(256));
      const whole = crc32c(message);
      const cut = next(length + 1);
      expect(crc32c(message.subarray(cut), crc32c(message.subarray(0, cut)))).toBe(whole);
      const trailer = new Uint8Array(4);
      new DataView(trailer.buffer).setUint32(0, whole, true);
      expect(crc32c(trailer, whole)).toBe(0x48674bc7);
    }
  });
});

describe('golden frames', () => {
  it.each(vectors.accepts)('accepts: $name', (vector) => {
    const results = decodeAll(vector.role, vector.maxPayload, [hex(vector.wire)]);
    expect(results).toEqual([{ kind: 'frame', frame: frameOf(vector) }]);
    if (vector.canonical) expect(Buffer.from(encodeFrame(frameOf(vector))).toString('hex')).toBe(vector.wire);
  });

  it.each(vectors.rejects)(
    'refuses as $result, $reason: $name',
    ({ role, maxPayload, result, reason, wire }) => {
      const results = decodeAll(role, maxPayload, [hex(wire)]);
      expect(results.map((r) => ({ result: r.kind, reason: r.kind === 'frame' ? '' : r.reason }))).toEqual([
        { result, reason },
      ]);
    },
  );

  it('cover the sizes at which block boundaries fall', () => {
    const sizes = new Set(vectors.accepts.map((vector) => vector.frameBytes));
    for (const size of [12, 253, 254, 255, 508, 644, 4_088]) expect(sizes).toContain(size);
    expect(maxWireBytes(632)).toBe(648);
    expect(maxWireBytes(4_076)).toBe(4_106);
  });
});

describe('the encoder', () => {
  const frame: Frame = { kind: FrameKind.rpc, flags: 0, session: 1, seq: 0, payload: new Uint8Array(0) };
  it.each([
    { kind: 0 },
    { kind: 7 },
    { flags: 16 },
    { flags: -1 },
    { session: 0 },
    { session: 65_536 },
    { seq: 65_536 },
    { seq: 0.5 },
    { kind: FrameKind.hello },
    { payload: new Uint8Array(65_536) },
  ])('refuses %j', (wrong) => {
    expect(() => encodeFrame({ ...frame, ...wrong } as Frame)).toThrow(FrameError);
  });
});

describe('the stream decoder', () => {
  const small = find('link-protocol 3.5, second');

  it('keeps nothing of the pushed buffer', () => {
    const wire = hex(small.wire);
    const results: DecodeResult[] = [];
    const decoder = new StreamDecoder({ role: 'device', maxPayload: 632, onResult: (r) => results.push(r) });
    for (const [from, to] of [
      [0, 10],
      [10, wire.length],
    ]) {
      const piece = wire.slice(from, to);
      decoder.push(piece);
      piece.fill(0xee);
    }
    expect(results).toEqual([{ kind: 'frame', frame: frameOf(small) }]);
  });

  it('forgets half a frame on reset, and counts what it rejects', () => {
    const results: DecodeResult[] = [];
    const decoder = new StreamDecoder({ role: 'host', maxPayload: 632, onResult: (r) => results.push(r) });
    const wire = hex(small.wire);
    decoder.push(wire.subarray(0, 9));
    decoder.reset();
    decoder.push(wire); // a CHUNK, which a host does not take
    expect(results).toMatchObject([
      { kind: 'rejected', reason: 'wrong-direction', frame: { kind: 3, seq: 4 } },
    ]);
    expect(decoder.counters.rxRejected['wrong-direction']).toBe(1);
  });
});
