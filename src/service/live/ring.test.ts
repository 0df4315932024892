import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EventRing, type Numbered } from './ring.ts';

describe('the ring of recent events', () => {
  it('is empty at first, and goes on from the start', () => {
    const ring = new EventRing<Numbered>({ window_ms: 10, bytesMax: 10 });
    expect([ring.last, ring.after(0), ring.holdsAfter(0), ring.holdsAfter(1)]).toEqual([
      0,
      null,
      true,
      false,
    ]);
  });

  it('keeps the last of a time and of a number of bytes, whatever comes, and says what it holds', () => {
    const arrivals = fc.array(fc.record({ pause_ms: fc.nat(40), bytes: fc.integer({ min: 1, max: 60 }) }), {
      maxLength: 4_000,
      minLength: 1,
    });
    fc.assert(
      fc.property(arrivals, (steps) => {
        const ring = new EventRing<Numbered>({ window_ms: 100, bytesMax: 200 });
        const all: Numbered[] = [];
        let at_ms = 0;
        for (const { pause_ms, bytes } of steps) {
          at_ms += pause_ms;
          all.push({ seq: all.length + 1, at_ms, bytes });
          ring.add(all[all.length - 1]);
        }
        let kept = all.filter((event) => event.at_ms >= at_ms - 100);
        while (kept.reduce((sum, { bytes }) => sum + bytes, 0) > 200) kept = kept.slice(1);
        const first = kept[0]?.seq ?? all.length + 1;
        expect(ring.bytes).toBe(kept.reduce((sum, { bytes }) => sum + bytes, 0));
        expect([ring.holdsAfter(first - 1), ring.holdsAfter(first - 2)]).toEqual([true, false]);
        const read: Numbered[] = [];
        for (let e = ring.after(first - 1); e !== null; e = ring.after(e.seq)) read.push(e);
        expect(read).toEqual(kept);
      }),
      { seed: 5, numRuns: 200 },
    );
  });
});
