// What the figures of the link bench rest on: the line as arithmetic, and the eyes at its end.
import { describe, expect, it } from 'vitest';
import { encodeFrame, FrameKind } from '../../src/link/frame/index.ts';
import { encodeBulk, encodeEnvelope } from '../../src/link/messages/index.ts';
import { seededUniform } from '../../test/support/seeded-random.ts';
import { FrameWatch } from './frame-watch.ts';
import { LimitedLane } from './limited-lane.ts';

/** A lane of one byte per millisecond, and the times at which its bytes left. */
function lane(options: { rate_Bps?: number; loss?: number; seed?: number } = {}): {
  lane: LimitedLane;
  left_ms: number[];
  arrived: number[];
} {
  const left_ms: number[] = [];
  const arrived: number[] = [];
  const made = new LimitedLane({
    rate_Bps: options.rate_Bps ?? 1000,
    loss: options.loss ?? 0,
    uniform: seededUniform(options.seed ?? 1),
    onLeave: (piece, start_ms, byte_ms) => {
      for (let k = 0; k < piece.length; k += 1) left_ms.push(start_ms + (k + 1) * byte_ms);
    },
    deliver: (piece) => void arrived.push(...piece),
  });
  return { lane: made, left_ms, arrived };
}

describe('a limited lane', () => {
  it('lets byte k go one byte time after byte k-1, and no byte before its time', () => {
    const line = lane();
    line.lane.push(Uint8Array.of(1, 2, 3, 4), 100);
    line.lane.advance(100.9);
    expect(line.left_ms).toEqual([]);
    line.lane.advance(102.5);
    expect([line.left_ms, line.arrived, line.lane.waiting_bytes]).toEqual([[101, 102], [1, 2], 2]);
    line.lane.push(Uint8Array.of(5), 102.6);
    line.lane.advance(200); // driven late: the times are those of the line
    expect(line.left_ms).toEqual([101, 102, 103, 104, 105]);
  });

  it('does not save up time while it is idle', () => {
    const line = lane();
    line.lane.push(Uint8Array.of(1), 0);
    line.lane.advance(1000);
    line.lane.push(Uint8Array.of(2, 3), 1000);
    line.lane.advance(1001.5);
    expect(line.left_ms).toEqual([1, 1001]);
  });

  it('loses the asked share of bytes, each of which takes its time', () => {
    const line = lane({ loss: 0.01 });
    for (let k = 0; k < 100; k += 1) line.lane.push(new Uint8Array(1000).fill(7), 0);
    line.lane.advance(1e6);
    expect(line.left_ms).toHaveLength(100_000);
    const lost = 100_000 - line.arrived.length;
    expect(Math.abs(lost - 1000)).toBeLessThan(5 * Math.sqrt(990)); // binomial
  });

  it('loses the same bytes for the same seed', () => {
    const [a, b, c] = [
      lane({ loss: 0.1, seed: 1 }),
      lane({ loss: 0.1, seed: 1 }),
      lane({ loss: 0.1, seed: 2 }),
    ];
    for (const { lane: each } of [a, b, c]) {
      each.push(
        Uint8Array.from({ length: 200 }, (_, k) => k),
        0,
      );
      each.advance(1000);
    }
    expect(a.arrived).toEqual(b.arrived);
    expect(a.arrived).not.toEqual(c.arrived);
  });
});

describe('the watch at the end of a line', () => {
  const bulk = encodeBulk({ id: 1, offset: 0, data: new Uint8Array(500).fill(9) });
  const chunk = encodeFrame({ kind: FrameKind.chunk, flags: 0, session: 5, seq: 1, payload: bulk });
  const rpc = (body: Parameters<typeof encodeEnvelope>[0]['body']): Uint8Array =>
    encodeFrame({
      kind: FrameKind.rpc,
      flags: 0,
      session: 5,
      seq: 2,
      payload: encodeEnvelope({ requestId: 77, body }),
    });

  it.each([1, 3, 64, 10_000])('sees chunks and stops in pieces of %i bytes', (piece_bytes) => {
    const stops: [number, number][] = [];
    const watch = new FrameWatch((at_ms, id) => stops.push([at_ms, id]));
    const frames = [
      Uint8Array.of(0),
      rpc({ type: 'ping', value: { nonce: 1 } }),
      chunk,
      rpc({ type: 'stopRun', value: { run: 3 } }),
      chunk,
    ];
    const ends = frames.map((_, k) => frames.slice(0, k + 1).reduce((sum, f) => sum + f.length, 0));
    const stream = Buffer.concat(frames);
    for (let at = 0; at < stream.length; at += piece_bytes) {
      watch.take(stream.subarray(at, at + piece_bytes), at, 1); // one byte per millisecond
    }
    expect(stops).toEqual([[ends[3], 77]]);
    expect(watch.takeChunks()).toEqual({ first_ms: ends[2], last_ms: ends[4], frames: 2 });
    expect(watch.takeChunks()).toBeNull();
  });
});
