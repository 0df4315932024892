// The ring: nothing lost, nothing beyond the credit, repeats of what was asked for.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SampleRing } from './sample-ring.ts';

const byteAt = (offset: number): number => (offset * 31 + (offset >> 8)) & 0xff;
const stretch = (from: number, length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, k) => byteAt(from + k));
const credit = (ackedTo: number, windowEnd: number, missing: [number, number][] = []) => ({
  ackedTo: BigInt(ackedTo),
  windowEnd: BigInt(windowEnd),
  missing: missing.map(([from, to]) => ({ from: BigInt(from), to: BigInt(to) })),
});

describe('SampleRing', () => {
  it('delivers every byte once, in order, within the window, whatever the pieces', () => {
    const piece = fc.record({
      grow: fc.nat(40),
      take: fc.integer({ min: 1, max: 30 }),
      ahead: fc.nat(80),
      ack: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
        const ring = new SampleRing(64, 10);
        let [windowEnd, got] = [10, 0];
        for (const { grow, take, ahead, ack } of pieces) {
          ring.append(stretch(ring.producedTo, Math.min(grow, ring.freeBytes)));
          for (let slice = ring.next(take); slice !== null; slice = ring.next(take)) {
            expect(slice.offset).toBe(got);
            expect(slice.replay).toBe(false);
            expect([...slice.data]).toEqual([...stretch(got, slice.data.length)]);
            got += slice.data.length;
            expect(got).toBeLessThanOrEqual(windowEnd);
          }
          expect(got).toBe(Math.min(ring.producedTo, windowEnd));
          windowEnd = Math.max(windowEnd, got + ahead);
          ring.credit(credit(ack ? got : 0, got + ahead));
        }
      }),
      { seed: 2, numRuns: 200 },
    );
  });

  it('never loses a byte that is not consumed', () => {
    const ring = new SampleRing(16, 100);
    ring.append(stretch(0, 16));
    expect(ring.freeBytes).toBe(0);
    expect(() => ring.append(stretch(16, 1))).toThrow(RangeError);
    ring.next(100);
    ring.credit(credit(10, 100));
    expect(ring.freeBytes).toBe(10);
  });

  it('repeats missing ranges first, across the seam, and only what was sent and is still there', () => {
    const ring = new SampleRing(16, 100);
    ring.append(stretch(0, 16));
    ring.next(100);
    ring.credit(credit(12, 100));
    ring.append(stretch(16, 10)); // wraps
    ring.next(4); // 16 .. 20
    ring.credit(
      credit(12, 100, [
        [8, 18],
        [19, 40],
      ]),
    );
    const taken = [ring.next(4), ring.next(4), ring.next(4), ring.next(4)];
    expect(taken.map((s) => s && [s.offset, s.data.length, s.replay])).toEqual([
      [12, 4, true],
      [16, 2, true],
      [19, 1, true],
      [20, 4, false],
    ]);
    for (const s of taken)
      expect([...(s?.data ?? [])]).toEqual([...stretch(s?.offset ?? 0, s?.data.length ?? 0)]);
  });

  it('ignores a credit that goes back', () => {
    const ring = new SampleRing(100, 10);
    ring.append(stretch(0, 50));
    ring.next(100);
    ring.credit(credit(8, 30));
    ring.credit(credit(2, 5));
    expect(ring.freeBytes).toBe(58);
    expect(ring.next(100)).toMatchObject({ offset: 10, replay: false });
    expect(ring.sentTo).toBe(30);
  });

  it('does not free what was never sent', () => {
    const ring = new SampleRing(20, 5);
    ring.append(stretch(0, 20));
    ring.next(100);
    ring.credit(credit(20, 5));
    expect(ring.freeBytes).toBe(5);
  });
});
