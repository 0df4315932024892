// What a link counts (link-protocol section 14): one plain object, so that "cable or code" can be decided from numbers.

import type { LinkCounters as DeviceLinkCounters } from '../messages/index.ts';

/** Everything a link counted since it was opened; section 14. */
export interface LinkCounters {
  rxFrames: number;
  rxBytes: number;
  txFrames: number;
  txBytes: number;
  /** Damaged frames by reason; they are never delivered. */
  rxCorrupt: Record<string, number>;
  rxOversize: number;
  rxStaleSession: number;
  /** Intact frames or messages that were not acceptable, by reason. */
  rxRejected: Record<string, number>;
  /** Frames missing in the device's numbering. */
  rxSeqGaps: number;
  /** Replies that no request waited for any more. */
  rxLateReplies: number;
  /** Bytes of images and patches that were sent again. */
  txReplayBytes: number;
  /** Images that a patch brought, and patches that the device did not take, so that the image followed. */
  patches: number;
  patchFallbacks: number;
  requests: number;
  requestRetries: number;
  requestTimeouts: number;
  srtt_ms: number | null;
  rttvar_ms: number | null;
  rto_ms: number;
  /** Bytes that the port has accepted and not yet handed on. */
  queuedBytes: number;
  /** Times the port was full when there was something to send. */
  sendStalls: number;
  /** Times that the sample stream stood still because its window was exhausted. */
  creditStalls: number;
  /** Times that the link fell silent for 3 s. */
  suspects: number;
  /** Gaps found in sample streams, and the bytes asked for again. */
  sampleGaps: number;
  sampleRepairBytes: number;
  sampleDuplicateBytes: number;
  digestFailures: number;
  events: number;
  logLines: number;
  /** Log lines that the device says it dropped. */
  logLinesDropped: number;
  /** The device's own counts, from its last heartbeat: the other end of the same cable. */
  device: DeviceLinkCounters | null;
}

/** A fresh set of zeros. */
export function newLinkCounters(): LinkCounters {
  return {
    rxFrames: 0,
    rxBytes: 0,
    txFrames: 0,
    txBytes: 0,
    rxCorrupt: {},
    rxOversize: 0,
    rxStaleSession: 0,
    rxRejected: {},
    rxSeqGaps: 0,
    rxLateReplies: 0,
    txReplayBytes: 0,
    patches: 0,
    patchFallbacks: 0,
    requests: 0,
    requestRetries: 0,
    requestTimeouts: 0,
    srtt_ms: null,
    rttvar_ms: null,
    rto_ms: 0,
    queuedBytes: 0,
    sendStalls: 0,
    creditStalls: 0,
    suspects: 0,
    sampleGaps: 0,
    sampleRepairBytes: 0,
    sampleDuplicateBytes: 0,
    digestFailures: 0,
    events: 0,
    logLines: 0,
    logLinesDropped: 0,
    device: null,
  };
}

/** Adds one to a reason of a counter by reason. */
export function countReason(counter: Record<string, number>, reason: string): void {
  counter[reason] = (counter[reason] ?? 0) + 1;
}

/** Two sessions of one device together: counts are added; round trip, queue and the device's own counts are the later one's. */
export function sumLinkCounters(earlier: LinkCounters | null, later: LinkCounters): LinkCounters {
  if (earlier === null) return later;
  const sum = { ...later };
  for (const key of COUNTS) sum[key] = earlier[key] + later[key];
  return {
    ...sum,
    rxCorrupt: sumReasons(earlier.rxCorrupt, later.rxCorrupt),
    rxRejected: sumReasons(earlier.rxRejected, later.rxRejected),
  };
}

/** States, which are not added up. */
type StateName = 'rxCorrupt' | 'rxRejected' | 'srtt_ms' | 'rttvar_ms' | 'rto_ms' | 'queuedBytes' | 'device';
type CountName = Exclude<keyof LinkCounters, StateName>;
const STATES: readonly string[] = [
  'rxCorrupt',
  'rxRejected',
  'srtt_ms',
  'rttvar_ms',
  'rto_ms',
  'queuedBytes',
  'device',
] satisfies StateName[];
const COUNTS = Object.keys(newLinkCounters()).filter((key) => !STATES.includes(key)) as CountName[];

function sumReasons(a: Record<string, number>, b: Record<string, number>): Record<string, number> {
  const sum = { ...a };
  for (const [reason, count] of Object.entries(b)) sum[reason] = (sum[reason] ?? 0) + count;
  return sum;
}
