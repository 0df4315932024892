// The frame codec against the golden vectors, which another program computed, and against what a line can do.
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
  const large = find('maximum of the UART profile, payload of random');

  it('finds the frames whatever the split', () => {
    const wire = Buffer.concat([Buffer.of(0), hex(small.wire), Buffer.of(0, 0), hex(large.wire)]);
    const expected = [small, large].map((v) => ({ kind: 'frame', frame: frameOf(v) }));
    for (let split = 0; split <= wire.length; split += 1) {
      const pieces = [wire.subarray(0, split), wire.subarray(split)];
      expect(decodeAll('device', 632, pieces)).toEqual(expected);
    }
    for (let size = 1; size <= wire.length; size += 1) {
      const pieces = Array.from({ length: Math.ceil(wire.length / size) }, (_, i) =>
        wire.subarray(i * size, (i + 1) * size),
      );
      expect(decodeAll('device', 632, pieces)).toEqual(expected);
    }
  });

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

  it.each(['payload of zeros', 'payload of 0xFF', 'payload of random'])(
    'delivers nothing else under any single bit flip, %s, both profiles',
    (payload) => {
      for (const profile of ['UART', 'USB']) {
        const vector = find(`maximum of the ${profile} profile, ${payload}`);
        const wire = hex(vector.wire);
        const original = JSON.stringify(vector.frame);
        // every bit of the small profile, every 7th of the large one (a prime, so all bit positions occur)
        for (let bit = 0; bit < wire.length * 8; bit += profile === 'UART' ? 1 : 7) {
          wire[bit >> 3] ^= 1 << (bit & 7);
          for (const result of decodeAll(vector.role, vector.maxPayload, [wire])) {
            if (result.kind !== 'frame') continue;
            const { frame } = result;
            const seen = { ...frame, payload: Buffer.from(frame.payload).toString('hex') };
            expect(JSON.stringify(seen), `bit ${bit}`).toBe(original);
          }
          wire[bit >> 3] ^= 1 << (bit & 7);
        }
      }
    },
  );

  it('delivers only what was sent from 20,000 damaged frames', () => {
    const next = random(0x7e57);
    const seen: string[] = [];
    const keyOf = (frame: Frame): string =>
      `${frame.kind} ${frame.flags} ${frame.session} ${frame.seq} ${Buffer.from(frame.payload).toString('hex')}`;
    const decoder = new StreamDecoder({
      role: 'device',
      maxPayload: 632,
      onResult: (result) => result.kind === 'frame' && seen.push(keyOf(result.frame)),
    });
    const sent = new Set<string>();
    let previous: Uint8Array = new Uint8Array(0);
    for (let i = 0; i < 20_000; i += 1) {
      const payload = Uint8Array.from({ length: next(80) }, () => (next(4) === 0 ? 0 : next(256)));
      const frame: Frame = { kind: FrameKind.chunk, flags: next(8), session: 77, seq: i & 0xffff, payload };
      sent.add(keyOf(frame));
      const wire = encodeFrame(frame);
      decoder.push(damage(wire, previous, next));
      previous = wire;
    }
    expect(seen.length).toBeGreaterThan(1_000); // frames beside a damaged one do arrive
    expect(seen.length).toBeLessThan(20_000);
    for (const key of seen) if (!sent.has(key)) throw new Error(`delivered, never sent: ${key}`);
    const { rxCorrupt } = decoder.counters;
    expect(rxCorrupt.crc).toBeGreaterThan(0);
    expect(rxCorrupt.cobs).toBeGreaterThan(0);
  });

  it('delivers a good frame behind 10 MB of noise, with the loss counted', () => {
    const next = random(99);
    const results: DecodeResult[] = [];
    const decoder = new StreamDecoder({ role: 'device', maxPayload: 632, onResult: (r) => results.push(r) });
    const noise = new Uint8Array(100_000);
    for (let i = 0; i < 100; i += 1) {
      for (let at = 0; at < noise.length; at += 1) noise[at] = 1 + next(255); // no delimiter at all
      decoder.push(noise);
    }
    expect(results).toEqual([{ kind: 'corrupt', reason: 'oversize' }]);
    decoder.push(Uint8Array.of(0));
    decoder.push(hex(small.wire));
    expect(results.slice(1)).toEqual([{ kind: 'frame', frame: frameOf(small) }]);
    expect(decoder.counters.rxBytes).toBe(10_000_001 + hex(small.wire).length);
    expect(decoder.counters.rxCorrupt.oversize).toBe(1);
    expect(decoder.counters.rxFrames).toBe(1);
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

/** What lines do: flips, lost, doubled and foreign bytes, bursts, joined halves; one in eight stays intact. */
function damage(wire: Uint8Array, previous: Uint8Array, next: (below: number) => number): Uint8Array {
  const bytes = [...wire];
  const at = next(bytes.length);
  switch (next(8)) {
    case 0:
      break;
    case 1:
    case 2:
      for (let flips = 1 + next(3); flips > 0; flips -= 1) bytes[next(bytes.length)] ^= 1 << next(8);
      break;
    case 3:
      bytes.splice(at, 1 + next(3));
      break;
    case 4:
      bytes.splice(at, 0, bytes[at]);
      break;
    case 5:
      bytes.splice(at, 0, next(256));
      break;
    case 6:
      for (let i = at; i < Math.min(bytes.length, at + 4); i += 1) bytes[i] = next(256);
      break;
    case 7:
      return Uint8Array.from([...previous.subarray(0, next(previous.length + 1)), ...bytes.slice(at)]);
  }
  return Uint8Array.from(bytes);
}
