// Every counter of the link protocol's list reaches the metrics under a name of its own.
import { describe, expect, it } from 'vitest';
import { newLinkCounters } from '../link/session/counters.ts';
import type { DeviceCounters } from '../device/index.ts';
import { linkDetailOf } from './link-detail.ts';

const counters: DeviceCounters = {
  connects: 2,
  connectFailures: {},
  losses: { 'link-lost': 1 },
  operations: 0,
  operationsFailed: {},
  uploads: 5,
  uploadsSkipped: 3,
  uploadsPatched: 4,
  uploadedBytes: 1000,
  samples: 0,
  sampleBytes: 0,
  link: null,
  linkTotals: null,
};

describe('linkDetailOf', () => {
  it('is null before the first session', () => {
    expect(linkDetailOf(counters)).toBeNull();
  });

  it('keeps the counts of ended sessions, and shows round trip and queue of a present one only', () => {
    const totals = {
      ...newLinkCounters(),
      rxCorrupt: { crc: 7 },
      creditStalls: 2,
      suspects: 3,
      patchFallbacks: 1,
    };
    const offline = linkDetailOf({ ...counters, linkTotals: totals });
    expect(offline).toMatchObject({
      damaged: { crc: 7 },
      losses: { 'link-lost': 1 },
      stalls: { send: 0, credit: 2, silence: 3 },
      uploads: { image: 1, patch: 4, none: 3 },
      patchFallbacks: 1,
      now: null,
      device: null,
    });
    const link = { ...newLinkCounters(), rttvar_ms: 4, rto_ms: 50, queuedBytes: 96 };
    const device = {
      rxFrames: 1,
      rxCorrupt: 2,
      rxOversize: 0,
      rxStaleSession: 0,
      rxRejected: 0,
      rxSeqGaps: 0,
      txFrames: 3,
      txReplayBytes: 8,
    };
    const ready = linkDetailOf({ ...counters, link, linkTotals: { ...totals, device } });
    expect(ready).toMatchObject({
      now: { roundTripVariation_s: 0.004, requestTimeout_s: 0.05, queuedBytes: 96 },
      device: { replayedBytes: 8, errors: { corrupt: 2, 'sequence-gap': 0 } },
    });
  });
});
