// What only the memory transport promises: the same seed gives the same pieces, and time is the clock's.
import { describe, expect, it } from 'vitest';
import type { Clock } from '../../clock/clock.ts';
import { createMemoryPair } from './memory-port.ts';

/** A clock that moves when told to. */
function handClock(): Clock & { advance(to_ms: number): void } {
  let now = 0;
  let timers: { at: number; callback: () => void }[] = [];
  return {
    now_ms: () => now,
    wall_ms: () => now,
    after(delay_ms, callback) {
      const timer = { at: now + delay_ms, callback };
      timers.push(timer);
      return { cancel: () => (timers = timers.filter((t) => t !== timer)) };
    },
    advance(to_ms) {
      for (let due = timers[0]; due !== undefined && due.at <= to_ms; due = timers[0]) {
        timers.shift();
        now = due.at;
        due.callback();
      }
      now = to_ms;
    },
  };
}
const never = new AbortController().signal;

describe('a memory pair', () => {
  it('splits the same way for the same seed, and another way for another', async () => {
    const piecesOf = async (seed: number): Promise<number[]> => {
      const clock = handClock();
      const [a, b] = createMemoryPair({ seed, maxPieceBytes: 50, clock });
      const sizes: number[] = [];
      b.onData((bytes) => sizes.push(bytes.length));
      await Promise.all([a.open(never), b.open(never)]);
      a.write(new Uint8Array(1_000));
      clock.advance(0);
      return sizes;
    };
    const first = await piecesOf(1);
    expect(first.reduce((sum, size) => sum + size, 0)).toBe(1_000);
    expect(Math.min(...first)).toBeGreaterThan(0);
    expect(Math.max(...first)).toBeLessThanOrEqual(50);
    expect(await piecesOf(1)).toEqual(first);
    expect(await piecesOf(2)).not.toEqual(first);
  });

  it('delivers after the delay of its clock, spoils kept buffers, and loses what nobody reads', async () => {
    const clock = handClock();
    const [a, b] = createMemoryPair({ clock, delay_ms: 20 });
    await a.open(never);
    a.write(Uint8Array.of(1));
    clock.advance(20); // b is not open
    const kept: Uint8Array[] = [];
    b.onData((bytes) => {
      expect([...bytes]).toEqual([2, 3]);
      kept.push(bytes);
    });
    await b.open(never);
    a.write(Uint8Array.of(2, 3));
    clock.advance(39);
    expect(kept).toEqual([]);
    expect(a.queuedBytes).toBe(2);
    clock.advance(40);
    expect(kept).toHaveLength(1);
    expect([...kept[0]]).not.toEqual([2, 3]);
    expect(a.queuedBytes).toBe(0);
  });

  it('delivers what was written before a close, then hangs up', async () => {
    const clock = handClock();
    const [a, b] = createMemoryPair({ clock });
    await Promise.all([a.open(never), b.open(never)]);
    const seen: string[] = [];
    b.onData((bytes) => seen.push(`${bytes.length} bytes`));
    b.onClosed((why) => seen.push(why.code));
    a.write(new Uint8Array(3));
    await a.close();
    clock.advance(0);
    expect(seen).toEqual(['3 bytes', 'disconnected']);
  });
});
