// What a link counts, as viewers see it: enough to tell a bad cable from a busy device.
import { z } from 'zod';
import type { DeviceCounters } from '../../device/index.ts';

const count = z.int();
export const linkStats = z.object({
  device: z.string(),
  connected: z.boolean(),
  connects: count.meta({
    description: 'Sessions since the service was started; the counts below span all of them',
  }),
  roundTrip_s: z.number().nullable().meta({ description: 'Smoothed, of the present session' }),
  requestTimeout_s: z.number().nullable(),
  queuedBytes: z.number().nullable(),
  sentFrames: count,
  sentBytes: count,
  receivedFrames: count,
  receivedBytes: count,
  damagedFrames: count.meta({
    description: 'Received with a wrong check sum or length; they are never delivered',
  }),
  rejectedFrames: count,
  requests: count,
  retries: count,
  timeouts: count,
  stalls: count.meta({ description: 'Times that sending or the sample stream stood still' }),
  sampleGaps: count,
  sampleRepairedBytes: count,
  digestFailures: count,
  operations: count,
  samples: count,
  sampleBytes: count,
});

const sum = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((total, n) => total + n, 0);
const seconds = (time_ms: number | null): number | null => (time_ms === null ? null : time_ms / 1000);

/** Null before the first session. */
export function linkStatsView(device: string, counters: DeviceCounters): z.infer<typeof linkStats> | null {
  const { link: now, linkTotals: all } = counters;
  if (all === null) return null;
  return {
    device,
    connected: now !== null,
    connects: counters.connects,
    roundTrip_s: seconds(now?.srtt_ms ?? null),
    requestTimeout_s: seconds(now?.rto_ms ?? null),
    queuedBytes: now?.queuedBytes ?? null,
    sentFrames: all.txFrames,
    sentBytes: all.txBytes,
    receivedFrames: all.rxFrames,
    receivedBytes: all.rxBytes,
    damagedFrames: sum(all.rxCorrupt) + all.rxOversize,
    rejectedFrames: sum(all.rxRejected) + all.rxStaleSession,
    requests: all.requests,
    retries: all.requestRetries,
    timeouts: all.requestTimeouts,
    stalls: all.sendStalls + all.creditStalls,
    sampleGaps: all.sampleGaps,
    sampleRepairedBytes: all.sampleRepairBytes,
    digestFailures: all.digestFailures,
    operations: counters.operations,
    samples: counters.samples,
    sampleBytes: counters.sampleBytes,
  };
}
