import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CREDIT_IDLE_MS, CREDIT_LATEST_MS, SampleStream } from './sample-stream.ts';

const RTO_MS = 50;

describe('SampleStream', () => {
  it('completes under any finite pattern of lost data and credits, and credit never goes back', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 2000 }),
        fc.integer({ min: 20, max: 400 }),
        fc.integer({ min: 1, max: 60 }),
        fc.array(fc.boolean(), { maxLength: 150 }),
        (total, window, frame, losses) => {
          const fate = [...losses];
          const isLost = (): boolean => fate.shift() ?? false;
          const sizes = { total_bytes: total, window_bytes: window, initialWindow_bytes: window };
          const stream = new SampleStream(sizes, 0);
          let sent = 0;
          let acked = 0;
          let windowEnd = Math.min(window, total);
          for (let now_ms = 0; !stream.isComplete; now_ms += 10) {
            expect(now_ms).toBeLessThan(1e6);
            const to = Math.min(sent + frame, windowEnd);
            if (to > sent && !isLost()) stream.onData(sent, to - sent, now_ms);
            sent = Math.max(sent, to);
            if (now_ms % 1000 === 0) stream.onProduced(total); // heartbeat
            const credit = stream.grant(now_ms, RTO_MS);
            if (credit === null || isLost()) continue;
            expect(credit.ackedTo).toBeGreaterThanOrEqual(acked);
            expect(credit.windowEnd).toBeGreaterThanOrEqual(windowEnd);
            expect(credit.missing.length).toBeLessThanOrEqual(8);
            ({ ackedTo: acked, windowEnd } = credit);
            for (const gap of credit.missing) {
              expect(gap.from).toBeGreaterThanOrEqual(acked); // never what was acknowledged
              if (!isLost()) stream.onData(gap.from, gap.to - gap.from, now_ms);
            }
          }
        },
      ),
      { seed: 8, numRuns: 500 },
    );
  });

  const stream = (): SampleStream =>
    new SampleStream({ total_bytes: 1000, window_bytes: 400, initialWindow_bytes: 400 }, 0);

  it('asks for a gap at once, and again only after a timeout', () => {
    const s = stream();
    s.onData(0, 10, 1);
    s.onData(20, 10, 2);
    expect(s.grant(2, RTO_MS)).toEqual({ ackedTo: 10, windowEnd: 410, missing: [{ from: 10, to: 20 }] });
    s.onData(30, 10, 3);
    expect(s.grant(40, RTO_MS)).toBeNull();
    expect(s.grant(51, RTO_MS)).toBeNull();
    expect(s.grant(2 + CREDIT_LATEST_MS, RTO_MS)?.missing).toEqual([{ from: 10, to: 20 }]);
  });

  it('grants every quarter window, every 50 ms while data flows, and repeats itself when nothing does', () => {
    const s = stream();
    s.onData(0, 99, 1);
    expect(s.grant(1, RTO_MS)).toBeNull();
    s.onData(99, 1, 2);
    expect(s.grant(2, RTO_MS)).toEqual({ ackedTo: 100, windowEnd: 500, missing: [] });
    s.onData(100, 1, 3);
    expect(s.nextDue_ms).toBe(2 + CREDIT_LATEST_MS);
    expect(s.grant(2 + CREDIT_LATEST_MS, RTO_MS)?.ackedTo).toBe(101);
    expect(s.nextDue_ms).toBe(2 + CREDIT_LATEST_MS + CREDIT_IDLE_MS);
    expect(s.grant(s.nextDue_ms, RTO_MS)).toEqual({ ackedTo: 101, windowEnd: 501, missing: [] });
  });

  it('takes a tail for lost only after quiet, and only within the window it granted', () => {
    const s = stream();
    s.onData(0, 100, 0);
    s.onProduced(1000);
    expect(s.grant(10, RTO_MS)?.missing).toEqual([]);
    expect(s.grant(10 + CREDIT_IDLE_MS, RTO_MS)?.missing).toEqual([{ from: 100, to: 500 }]);
  });

  it('counts duplicates as nothing and refuses bytes beyond the run', () => {
    const s = stream();
    expect([s.onData(0, 10, 0), s.onData(5, 10, 0), s.onData(995, 10, 0)]).toEqual([10, 5, -1]);
    expect(s.contiguous).toBe(15);
  });
});
