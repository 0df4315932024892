// Records with headers: taken apart whole, and refused as data-loss wherever they do not follow each other.
import { describe, expect, it } from 'vitest';
import { Feature } from '../messages/index.ts';
import { readHeadedRecords, requireFeatures } from './record-headers.ts';
import type { RunRequest } from './types.ts';

const CODE_BYTES = 6;
const RECORD_BYTES = 12 + CODE_BYTES;

/** One record, byte by byte: `index u32, time_us u48, flags u16`, then codes or the number lost. */
function record(index: number, options: { time_us?: number; flags?: number; lost?: number } = {}): number[] {
  const { time_us = 0, lost, flags = lost === undefined ? 0 : 1 } = options;
  const number = (value: number, bytes: number): number[] =>
    Array.from({ length: bytes }, (_, k) => Math.floor(value / 256 ** k) % 256);
  const body = lost === undefined ? Array.from({ length: CODE_BYTES }, () => index % 256) : number(lost, 4);
  const padding = Array.from({ length: CODE_BYTES - body.length }, () => 0);
  return [...number(index, 4), ...number(time_us, 6), ...number(flags, 2), ...body, ...padding];
}
const log = (...records: number[][]): Uint8Array => Uint8Array.from(records.flat());
const read = (bytes: Uint8Array, samples: number, gaps = 0, onFull: RunRequest['onFull'] = 'drop-with-gap') =>
  readHeadedRecords(bytes, RECORD_BYTES, { samples, onFull }, gaps);

describe('records with headers', () => {
  it('are taken apart into headers, states and gaps', () => {
    const late_us = 2 ** 40 + 3;
    const bytes = log(
      record(0, { time_us: 7 }),
      record(1, { lost: 300, time_us: 9 }),
      record(301, { flags: 2 | 0x8000, time_us: late_us }),
      record(302, { lost: 1, time_us: late_us }),
    );
    // A view into a larger buffer, as records of a run may be.
    const view = log([1, 2, 3], [...bytes]).subarray(3);
    const headed = read(view, 303, 2);
    expect(headed.headers).toEqual([
      { index: 0, time_us: 7, isSaturated: false },
      { index: 301, time_us: late_us, isSaturated: true },
    ]);
    expect([...headed.states]).toEqual([...Array<number>(6).fill(0), ...Array<number>(6).fill(301 % 256)]);
    expect(headed.gaps).toEqual([
      { firstSample: 1, lostSamples: 300, time_us: 9 },
      { firstSample: 302, lostSamples: 1, time_us: late_us },
    ]);
    expect(headed.lostSamples).toBe(301);
  });

  it('may be all gap, or all samples', () => {
    expect(read(log(record(0, { lost: 5 })), 5, 1)).toMatchObject({ headers: [], lostSamples: 5 });
    expect(read(log(record(0), record(1)), 2, 0, undefined)).toMatchObject({ gaps: [], lostSamples: 0 });
  });

  it.each<[string, Uint8Array, number, number, RegExp, RunRequest['onFull']?]>([
    [
      'an index that goes back',
      log(record(0), record(1), record(0)),
      3,
      0,
      /record 2 is of sample 0, due was 2/,
    ],
    ['an index that repeats', log(record(0), record(0)), 2, 0, /due was 1/],
    ['a hole without a gap', log(record(0), record(2)), 3, 0, /record 1 is of sample 2, due was 1/],
    ['a gap told too late', log(record(1, { lost: 1 })), 2, 1, /due was 0/],
    ['a gap of nothing', log(record(0, { lost: 0 }), record(0)), 1, 1, /gap of no samples/],
    ['too few samples', log(record(0)), 2, 0, /speak of 1 samples, ordered were 2/],
    ['too many', log(record(0, { lost: 9 })), 2, 1, /speak of 9 samples/],
    ['another number of gaps', log(record(0, { lost: 2 })), 2, 2, /1 gaps arrived, the device counts 2/],
    ['half a record', log(record(0), [0]), 2, 0, /no whole number of records/],
    ['a gap in a run that pauses', log(record(0, { lost: 2 })), 2, 1, /must not drop/, 'pause'],
  ])('are data-loss with %s', (_, bytes, samples, gaps, reason, onFull = 'drop-with-gap') => {
    const attempt = (): unknown => read(bytes, samples, gaps, onFull);
    expect(attempt).toThrow(expect.objectContaining({ code: 'data-loss' }));
    expect(attempt).toThrow(reason);
  });
});

describe('what a run needs of the device', () => {
  const base: RunRequest = { programId: '', samples: 1, initial: 'zero', phases: [] };
  const dropping = { ...base, recordHeader: true, onFull: 'drop-with-gap' } as const;
  const all = Feature.RECORD_HEADER | Feature.DROP_WITH_GAP;

  it('is there', () => {
    requireFeatures(base, 0);
    requireFeatures({ ...base, onFull: 'pause' }, 0);
    requireFeatures({ ...base, recordHeader: true }, Feature.RECORD_HEADER);
    requireFeatures(dropping, all);
  });

  it.each<[RunRequest, number, RegExp]>([
    [{ ...base, onFull: 'drop-with-gap' }, all, /needs recordHeader/],
    [{ ...base, recordHeader: true }, Feature.PATCH, /gives no record headers/],
    [dropping, Feature.RECORD_HEADER, /does not drop/],
  ])('is missed before anything is sent', (request, features, reason) => {
    expect(() => requireFeatures(request, features)).toThrow(expect.objectContaining({ code: 'refused' }));
    expect(() => requireFeatures(request, features)).toThrow(reason);
  });
});
