import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RangeSet } from './range-set.ts';
import { loadWindow_bytes, UploadPlan, type MissingReport } from './upload-plan.ts';

const CHUNK = 12;

/** A device that stores chunks and reports at most `listed` missing ranges. */
class Receiver {
  readonly has = new RangeSet();
  readonly #total: number;
  readonly #listed: number;
  constructor(total: number, listed: number) {
    this.#total = total;
    this.#listed = listed;
  }
  /** LoadAccepted: of the whole image. */
  accepted(): MissingReport {
    return this.#missing(this.#total);
  }
  /** LoadReport: below the highest byte that arrived, or of the whole image. */
  report(belowHighest = false): MissingReport {
    const to = belowHighest ? this.has.end : this.#total;
    return { ...this.#missing(to), received_bytes: this.has.size };
  }
  #missing(to: number): MissingReport {
    const all = this.has.missingIn(0, to);
    return { missing: all.slice(0, this.#listed), moreMissing: all.length > this.#listed };
  }
}

describe('UploadPlan', () => {
  it('completes under any finite pattern of lost chunks and reports, within the window and never early', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 * CHUNK }),
        fc.integer({ min: 1, max: 8 }),
        fc.integer({ min: 1, max: 10 }),
        fc.array(fc.boolean(), { maxLength: 200 }),
        fc.array(fc.tuple(fc.nat(39), fc.nat(5)), { maxLength: 10 }),
        fc.boolean(),
        (total, listed, windowChunks, losses, resumed, belowHighest) => {
          const device = new Receiver(total, listed);
          for (const [chunk, count] of resumed) {
            device.has.add(Math.min(total, chunk * CHUNK), Math.min(total, (chunk + count) * CHUNK));
          }
          const window_bytes = windowChunks * CHUNK;
          const plan = new UploadPlan({ total_bytes: total, chunk_bytes: CHUNK, window_bytes });
          plan.onReport(device.accepted());
          const fate = [...losses];
          const isLost = (): boolean => fate.shift() ?? false;
          for (let round = 0; !plan.isComplete; round += 1) {
            expect(round).toBeLessThan(1000);
            if (plan.needsQuery) plan.onReport(device.accepted());
            let chunk = plan.next() ?? plan.probe();
            for (; chunk !== null; chunk = plan.next()) {
              expect(plan.inFlight_bytes).toBeLessThanOrEqual(window_bytes);
              expect(chunk.from % CHUNK).toBe(0);
              if (!isLost()) device.has.add(chunk.from, chunk.to);
            }
            if (!isLost()) plan.onReport(device.report(belowHighest));
          }
          expect(device.has.includes(0, total)).toBe(true);
        },
      ),
      { seed: 7, numRuns: 500 },
    );
  });

  it('sends each chunk once when nothing is lost, with REPORT_NOW and LAST at the end', () => {
    const device = new Receiver(100, 8);
    const plan = new UploadPlan({ total_bytes: 100, chunk_bytes: CHUNK, window_bytes: 1000 });
    plan.onReport(device.report());
    const chunks = [];
    for (let chunk = plan.next(); chunk !== null; chunk = plan.next()) chunks.push(chunk);
    expect(chunks.map((c) => c.from)).toEqual([0, 12, 24, 36, 48, 60, 72, 84, 96]);
    expect(chunks.map((c) => c.reportNow)).toEqual([...new Array<boolean>(8).fill(false), true]);
    expect(chunks.at(-1)).toEqual({ from: 96, to: 100, reportNow: true, last: true, replay: false });
  });

  it('takes chunks sent before a received one for lost, and leaves those sent after it alone', () => {
    const device = new Receiver(60, 8);
    const plan = new UploadPlan({ total_bytes: 60, chunk_bytes: CHUNK, window_bytes: 1000 });
    plan.onReport(device.report());
    for (let i = 0; i < 4; i += 1) plan.next();
    device.has.add(24, 36); // chunks 0 and 1 lost, 3 on its way
    plan.onReport(device.report());
    const again = [plan.next(), plan.next(), plan.next()];
    expect(again.map((c) => [c?.from, c?.replay])).toEqual([
      [0, true],
      [12, true],
      [48, false],
    ]);
    expect(plan.next()).toBeNull();
  });

  it('condemns nothing by a copy that was sent in doubt while the originals were on their way', () => {
    const device = new Receiver(120, 8);
    const plan = new UploadPlan({ total_bytes: 120, chunk_bytes: CHUNK, window_bytes: 60 });
    plan.onReport(device.report());
    for (let i = 0; i < 5; i += 1) plan.next();
    expect(plan.probe()).toMatchObject({ from: 48, reportNow: true, replay: true }); // the reports were late
    for (let at = 0; at < 60; at += CHUNK) {
      device.has.add(at, at + CHUNK); // one original after the other arrives
      plan.onReport(device.report(true));
      expect(plan.next()?.replay ?? false).toBe(false);
    }
  });

  it('asks for reports itself when its window is smaller than the one that the device goes by', () => {
    const geometry = { total_bytes: 240, chunk_bytes: CHUNK, window_bytes: 96 };
    const asked = (announced_bytes: number): boolean[] => {
      const plan = new UploadPlan({ ...geometry, announced_bytes });
      plan.onReport(new Receiver(240, 8).report());
      return Array.from({ length: 8 }, () => plan.next()?.reportNow ?? false);
    };
    expect(asked(96)).toEqual(new Array<boolean>(8).fill(false));
    expect(asked(5000)).toEqual([false, true, false, true, false, true, false, true]); // every quarter
  });

  it('sends bad pages again although they were reported as received', () => {
    const device = new Receiver(60, 8);
    const plan = new UploadPlan({ total_bytes: 60, chunk_bytes: CHUNK, window_bytes: 1000 });
    plan.onReport({ missing: [], moreMissing: false });
    expect(plan.isComplete).toBe(true);
    plan.resend([{ from: 30, to: 40 }]);
    expect([plan.next()?.from, plan.next()?.from, plan.next()]).toEqual([24, 36, null]);
    device.has.add(0, 60);
    plan.onReport(device.report());
    expect(plan.isComplete).toBe(true);
  });
});

describe('the window of a load', () => {
  it.each([
    ['native USB: what is announced', 524_288, 4068, 0, 524_288],
    ['never below a chunk', 100, 4068, 0, 4068],
    ['115,200 baud: two frames, whatever is announced', 524_288, 624, 115_200, 1248],
    ['3 Mbaud: a tenth of a second', 524_288, 624, 3_000_000, 30_000],
    ['a UART that announces less', 624, 624, 115_200, 624],
  ])('%s', (_what, announced, chunk, baud, window) => {
    expect(loadWindow_bytes(announced, chunk, baud)).toBe(window);
  });
});
