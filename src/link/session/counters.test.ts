// Counters of several sessions together.
import { describe, expect, it } from 'vitest';
import { newLinkCounters, sumLinkCounters } from './counters.ts';

describe('sumLinkCounters', () => {
  it('adds every count and every reason, and keeps what is a state from the later session', () => {
    const [earlier, later] = [newLinkCounters(), newLinkCounters()];
    const counts = Object.keys(earlier).filter(
      (key) => typeof earlier[key as 'events'] === 'number' && !['rto_ms', 'queuedBytes'].includes(key),
    ) as 'events'[];
    expect(counts.length).toBeGreaterThan(20);
    for (const [k, key] of counts.entries()) [earlier[key], later[key]] = [k + 1, 1000];
    Object.assign(earlier, { rxCorrupt: { crc: 1, cobs: 2 }, srtt_ms: 5, rto_ms: 50, queuedBytes: 9 });
    Object.assign(later, { rxCorrupt: { crc: 10 }, rxRejected: { echo: 1 }, srtt_ms: 7, rto_ms: 60 });
    const sum = sumLinkCounters(earlier, later);
    expect(counts.map((key) => sum[key])).toEqual(counts.map((_, k) => k + 1001));
    expect(sum).toMatchObject({
      rxCorrupt: { crc: 11, cobs: 2 },
      rxRejected: { echo: 1 },
      srtt_ms: 7,
      rto_ms: 60,
      queuedBytes: 0,
    });
    expect(sumLinkCounters(null, later)).toBe(later);
  });
});
