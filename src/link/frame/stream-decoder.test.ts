// Everything that can be tried one by one: each bit of a frame, each place of a cut or a stray delimiter, each size of
// piece, each length and each byte value, and noise without end. What is too much for that is drawn in test/fuzz.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { encodeFrame, FrameKind, maxWireBytes, StreamDecoder } from './index.ts';
import { UART_MAX_PAYLOAD, USB_MAX_PAYLOAD } from './index.ts';
import type { DecodeResult, Frame, FrameRole } from './index.ts';

interface Representative {
  name: string;
  role: FrameRole;
  maxPayload: number;
  frame: Frame;
  wire: Uint8Array;
}
interface Vector {
  name: string;
  role: FrameRole;
  maxPayload: number;
  frame: Omit<Frame, 'payload'> & { payload: string };
  wire: string;
}
const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'));
const { accepts } = JSON.parse(
  readFileSync(new URL('../../../test/vectors/frames.json', import.meta.url), 'utf8'),
) as { accepts: Vector[] };
/** The golden frames of the largest size, payloads of zeros, 0xFF and random, in both profiles; and a short one. */
const representatives: Representative[] = accepts
  .filter(({ name }) => /maximum of the (UART|USB) profile, payload|first example/.test(name))
  .map((v) => ({
    ...v,
    name: v.name.replace(/^maximum of the (\w+) profile, /, '$1, ').replace(/:.*/, ''),
    frame: { ...v.frame, payload: hex(v.frame.payload) },
    wire: hex(v.wire),
  }));
const DELIMITER = Uint8Array.of(0);

/** A decoder, and what it reported since the last look. */
function listen(role: FrameRole, maxPayload: number): { decoder: StreamDecoder; take: () => DecodeResult[] } {
  let results: DecodeResult[] = [];
  const decoder = new StreamDecoder({ role, maxPayload, onResult: (result) => results.push(result) });
  const take = (): DecodeResult[] => {
    const taken = results;
    results = [];
    return taken;
  };
  return { decoder, take };
}

/** toEqual is slow over thousands of bytes, thousands of times. */
function isSame(result: DecodeResult | undefined, frame: Frame): boolean {
  if (result?.kind !== 'frame') return false;
  const { kind, flags, session, seq, payload } = result.frame;
  const isHeader =
    kind === frame.kind && flags === frame.flags && session === frame.session && seq === frame.seq;
  return isHeader && Buffer.compare(payload, frame.payload) === 0;
}

function mustBe(isTrue: boolean, what: string): void {
  if (!isTrue) expect.fail(what);
}

describe.each(representatives)('a frame: $name', (sample) => {
  const { role, maxPayload, frame, wire } = sample;

  it('with any single bit flipped is never delivered as another one, and the next frame arrives', () => {
    const { decoder, take } = listen(role, maxPayload);
    const damaged = wire.slice();
    for (let bit = 0; bit < wire.length * 8; bit += 1) {
      damaged[bit >> 3] ^= 1 << (bit & 7);
      decoder.push(damaged);
      decoder.push(DELIMITER);
      decoder.push(wire);
      damaged[bit >> 3] ^= 1 << (bit & 7);
      const results = take();
      mustBe(isSame(results.pop(), frame), `bit ${bit}: the next frame did not arrive`);
      // A flip in the delimiter joins frame and delimiter: nothing. A flip anywhere else is at least one damaged frame.
      for (const result of results) mustBe(result.kind !== 'frame', `bit ${bit}: delivered all the same`);
      mustBe(results.length >= 1, `bit ${bit}: not even counted`);
    }
  });

  it('is found whatever the split', () => {
    const { decoder, take } = listen(role, maxPayload);
    const stream = Buffer.concat([DELIMITER, wire, DELIMITER, DELIMITER, wire]);
    for (let split = 0; split <= stream.length; split += 1) {
      decoder.push(stream.subarray(0, split));
      decoder.push(stream.subarray(split));
      const results = take();
      mustBe(results.length === 2 && results.every((r) => isSame(r, frame)), `split at ${split}`);
    }
    // Sizes of pieces share a decoder: what one leaves behind would be seen in the next.
    for (let size = 1; size <= stream.length; size += 1) {
      for (let at = 0; at < stream.length; at += size) decoder.push(stream.subarray(at, at + size));
      const results = take();
      mustBe(results.length === 2 && results.every((r) => isSame(r, frame)), `pieces of ${size}`);
    }
  });

  it('with a stray delimiter anywhere inside is not delivered, and the next frame arrives', () => {
    const { decoder, take } = listen(role, maxPayload);
    for (let at = 1; at < wire.length - 1; at += 1) {
      decoder.push(wire.subarray(0, at));
      decoder.push(DELIMITER);
      decoder.push(wire.subarray(at));
      decoder.push(wire);
      const results = take();
      mustBe(isSame(results.pop(), frame), `delimiter at ${at}: the next frame did not arrive`);
      mustBe(results.every((r) => r.kind === 'corrupt') && results.length === 2, `delimiter at ${at}`);
    }
  });

  it('cut short anywhere takes one frame with it at the most', () => {
    const { decoder, take } = listen(role, maxPayload);
    for (let at = 1; at < wire.length; at += 1) {
      decoder.push(wire.subarray(0, at)); // the sender rebooted, and gives no leading delimiter
      decoder.push(wire);
      decoder.push(wire);
      const results = take();
      mustBe(isSame(results.at(-1), frame), `cut at ${at}: the second frame did not arrive`);
      mustBe(
        results.filter((r) => r.kind === 'frame').every((r) => isSame(r, frame)),
        `cut at ${at}`,
      );
    }
  });
});

describe('every length and every byte', () => {
  const frameOf = (payload: Uint8Array): Frame => ({
    kind: FrameKind.chunk,
    flags: 0,
    session: 9,
    seq: 1,
    payload,
  });

  it.each([
    ['zeros', () => 0],
    ['0xFF', () => 255],
    ['a ramp with zeros', (k: number) => k & 255],
  ])('payloads of 0 to the maximum, %s, go through', (_name, byteAt) => {
    const { decoder, take } = listen('device', USB_MAX_PAYLOAD);
    for (let length = 0; length <= USB_MAX_PAYLOAD; length += 1) {
      const frame = frameOf(Uint8Array.from({ length }, (_, k) => byteAt(k)));
      const wire = encodeFrame(frame);
      mustBe(wire.length <= maxWireBytes(length), `length ${length}: ${wire.length} wire bytes`);
      mustBe(wire.indexOf(0) === wire.length - 1, `length ${length}: a zero inside`);
      decoder.push(wire);
      const results = take();
      mustBe(results.length === 1 && isSame(results[0], frame), `length ${length}`);
    }
  });

  it.each([UART_MAX_PAYLOAD, USB_MAX_PAYLOAD])(
    'one byte more than %i is refused and does no harm',
    (maxPayload) => {
      const { decoder, take } = listen('device', maxPayload);
      for (const fill of [0, 255]) {
        const largest = frameOf(new Uint8Array(maxPayload).fill(fill));
        decoder.push(encodeFrame(frameOf(new Uint8Array(maxPayload + 1).fill(fill))));
        expect(take()).toMatchObject([{ kind: 'corrupt' }]);
        decoder.push(encodeFrame(largest));
        expect(isSame(take()[0], largest)).toBe(true);
      }
    },
  );

  it('each byte value alone, in a payload, and as noise before a delimiter', () => {
    const { decoder, take } = listen('device', UART_MAX_PAYLOAD);
    for (let value = 0; value < 256; value += 1) {
      for (const length of [1, 2, 253, 254, 255]) {
        const frame = frameOf(new Uint8Array(length).fill(value));
        decoder.push(encodeFrame(frame));
        expect(isSame(take()[0], frame), `${length} times ${value}`).toBe(true);
      }
      decoder.push(Uint8Array.of(value, 0));
      const noise = take();
      expect(noise.length).toBe(value === 0 ? 0 : 1);
      expect(noise.every((r) => r.kind === 'corrupt')).toBe(true);
    }
  });
});

describe('noise', () => {
  const PIECE = 100_000;
  const PIECES = 100; // 10 MB
  const { frame, wire, role } = representatives[0];

  /** 10 MB of bytes from a seed (xorshift32), every value or every value but zero; what `each` sees is reused. */
  function pour(withZeros: boolean, each: (piece: Uint8Array) => void): void {
    const piece = new Uint8Array(PIECE);
    let state = 99;
    for (let k = 0; k < PIECES; k += 1) {
      for (let at = 0; at < PIECE; at += 1) {
        state ^= state << 13;
        state ^= state >>> 17;
        state ^= state << 5;
        piece[at] = withZeros ? state & 255 : 1 + ((state >>> 8) % 255);
      }
      each(piece);
    }
  }

  it.each([
    ['without a delimiter', false],
    ['with delimiters in it', true],
  ])('10 MB %s, then one good frame: delivered, counted, in bounded memory', (_name, withZeros) => {
    let delivered: Frame[] = [];
    let corrupt = 0;
    const decoder = new StreamDecoder({
      role,
      maxPayload: UART_MAX_PAYLOAD,
      onResult: (result) => {
        if (result.kind === 'frame') delivered.push(result.frame);
        if (result.kind === 'corrupt') corrupt += 1;
      },
    });
    const before = process.memoryUsage().arrayBuffers;
    let most = 0;
    pour(withZeros, (piece) => {
      decoder.push(piece);
      most = Math.max(most, process.memoryUsage().arrayBuffers - before);
    });
    expect(delivered).toEqual([]);
    decoder.push(DELIMITER);
    decoder.push(wire);
    expect(delivered).toEqual([frame]);
    delivered = [];
    expect(decoder.counters.rxBytes).toBe(PIECE * PIECES + 1 + wire.length);
    if (withZeros) expect(corrupt).toBeGreaterThan(10_000);
    else expect({ corrupt, ...decoder.counters.rxCorrupt }).toMatchObject({ corrupt: 1, oversize: 1 });
    // A decoder that kept the noise would hold all 10 MB.
    expect(most).toBeLessThan(2_000_000);
  });
});
