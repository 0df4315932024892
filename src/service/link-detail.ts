// The counters of a device's link in the words of the metrics.
import type { DeviceCounters } from '../device/index.ts';
import type { LinkDetail } from '../monitoring/index.ts';

const seconds = (time_ms: number | null): number | null => (time_ms === null ? null : time_ms / 1000);

/** Null before the first session. */
export function linkDetailOf(counters: DeviceCounters): LinkDetail | null {
  const { link, linkTotals: totals } = counters;
  if (totals === null) return null;
  return {
    damaged: totals.rxCorrupt,
    rejected: totals.rxRejected,
    losses: counters.losses,
    requests: totals.requests,
    lateReplies: totals.rxLateReplies,
    stalls: { send: totals.sendStalls, credit: totals.creditStalls, silence: totals.suspects },
    sampleGaps: totals.sampleGaps,
    sampleRepairedBytes: totals.sampleRepairBytes,
    now: link && {
      roundTripVariation_s: seconds(link.rttvar_ms),
      requestTimeout_s: link.rto_ms / 1000,
      queuedBytes: link.queuedBytes,
    },
    device: totals.device && {
      rxFrames: totals.device.rxFrames,
      txFrames: totals.device.txFrames,
      errors: {
        corrupt: totals.device.rxCorrupt,
        oversize: totals.device.rxOversize,
        rejected: totals.device.rxRejected,
        'stale-session': totals.device.rxStaleSession,
        'sequence-gap': totals.device.rxSeqGaps,
      },
      replayedBytes: totals.device.txReplayBytes,
    },
    uploads: {
      image: counters.uploads - counters.uploadsPatched,
      patch: counters.uploadsPatched,
      none: counters.uploadsSkipped,
    },
    uploadedBytes: counters.uploadedBytes,
    patchFallbacks: totals.patchFallbacks,
  };
}
