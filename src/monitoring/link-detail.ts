// Metrics that tell a bad cable from bad code (link-protocol section 14): what the host counted of the line in detail, and
// the same from the other end of the cable, as the device's heartbeat brings it.
import type { Counter, Gauge } from 'prom-client';
import type { MetricEntry } from './metric-entry.ts';

const device = ['device', 'backend'] as const;

export const linkDetailCatalogue = {
  thermoloop_link_unusable_frames_total: {
    type: 'counter',
    help: 'Frames that were damaged, or intact and not acceptable, by reason.',
    labels: [...device, 'class', 'reason'],
  },
  thermoloop_link_losses_total: {
    type: 'counter',
    help: 'Sessions that ended without being asked to, by reason.',
    labels: [...device, 'reason'],
  },
  thermoloop_link_requests_total: {
    type: 'counter',
    help: 'Requests sent, repeats not counted.',
    labels: device,
  },
  thermoloop_link_late_replies_total: {
    type: 'counter',
    help: 'Replies that no request waited for any more.',
    labels: device,
  },
  thermoloop_link_stalls_total: {
    type: 'counter',
    help: 'Times that the port was full, that the sample stream waited for credit, that the device was silent for 3 s.',
    labels: [...device, 'kind'],
  },
  thermoloop_link_sample_gaps_total: {
    type: 'counter',
    help: 'Gaps found in sample streams.',
    labels: device,
  },
  thermoloop_link_sample_repaired_bytes_total: {
    type: 'counter',
    help: 'Sample bytes asked for again.',
    labels: device,
  },
  thermoloop_link_round_trip_variation_seconds: {
    type: 'gauge',
    help: 'Mean deviation of the round trip of requests.',
    labels: device,
  },
  thermoloop_link_request_timeout_seconds: {
    type: 'gauge',
    help: 'Time after which a request is repeated.',
    labels: device,
  },
  thermoloop_link_queued_bytes: {
    type: 'gauge',
    help: 'Bytes that the port has accepted and not yet handed on.',
    labels: device,
  },
  thermoloop_link_device_frames_total: {
    type: 'counter',
    help: 'Frames as the device counts them since its boot.',
    labels: [...device, 'direction'],
  },
  thermoloop_link_device_errors_total: {
    type: 'counter',
    help: 'Damaged, refused or missing frames as the device counts them since its boot.',
    labels: [...device, 'kind'],
  },
  thermoloop_link_device_replayed_bytes_total: {
    type: 'counter',
    help: 'Sample bytes that the device sent again since its boot.',
    labels: device,
  },
  thermoloop_uploads_total: {
    type: 'counter',
    help: 'Programs brought to the device: as an image, as a patch, or not at all because it had them.',
    labels: [...device, 'way'],
  },
  thermoloop_uploaded_bytes_total: {
    type: 'counter',
    help: 'Bytes of images and patches sent.',
    labels: device,
  },
  thermoloop_patch_fallbacks_total: {
    type: 'counter',
    help: 'Patches that the device did not take, so that the image followed.',
    labels: device,
  },
} as const satisfies Record<string, MetricEntry>;

export type LinkDetailName = keyof typeof linkDetailCatalogue;

/** What a device counted on all its sessions; the round trip and the queue are the present session's, null without one. */
export interface LinkDetail {
  damaged: Readonly<Record<string, number>>;
  rejected: Readonly<Record<string, number>>;
  losses: Readonly<Record<string, number>>;
  requests: number;
  lateReplies: number;
  stalls: { send: number; credit: number; silence: number };
  sampleGaps: number;
  sampleRepairedBytes: number;
  now: { roundTripVariation_s: number | null; requestTimeout_s: number; queuedBytes: number } | null;
  /** From the last heartbeat. */
  device: {
    rxFrames: number;
    txFrames: number;
    errors: Record<'corrupt' | 'oversize' | 'rejected' | 'stale-session' | 'sequence-gap', number>;
    replayedBytes: number;
  } | null;
  uploads: { image: number; patch: number; none: number };
  uploadedBytes: number;
  patchFallbacks: number;
}

interface Metrics {
  counter(name: LinkDetailName): Pick<Counter, 'inc' | 'reset'>;
  gauge(name: LinkDetailName): Pick<Gauge, 'set' | 'reset'>;
}

/** Takes back what an earlier scrape set. */
export function resetLinkDetail(metrics: Metrics): void {
  for (const [name, { type }] of Object.entries(linkDetailCatalogue) as [LinkDetailName, MetricEntry][]) {
    if (type === 'counter') metrics.counter(name).reset();
    else metrics.gauge(name).reset();
  }
}

/** Sets the metrics of one device, whose labels are `of`. */
export function readLinkDetail(metrics: Metrics, of: Record<string, string>, detail: LinkDetail): void {
  const count = (name: LinkDetailName, value: number, labels: Record<string, string> = {}): void =>
    metrics.counter(name).inc({ ...of, ...labels }, value);
  const each = (name: LinkDetailName, label: string, values: Readonly<Record<string, number>>): void => {
    for (const [key, value] of Object.entries(values)) count(name, value, { [label]: key });
  };
  for (const [name, reasons] of [
    ['damaged', detail.damaged],
    ['rejected', detail.rejected],
  ] as const) {
    for (const [reason, value] of Object.entries(reasons)) {
      count('thermoloop_link_unusable_frames_total', value, { class: name, reason });
    }
  }
  each('thermoloop_link_losses_total', 'reason', detail.losses);
  count('thermoloop_link_requests_total', detail.requests);
  count('thermoloop_link_late_replies_total', detail.lateReplies);
  each('thermoloop_link_stalls_total', 'kind', detail.stalls);
  count('thermoloop_link_sample_gaps_total', detail.sampleGaps);
  count('thermoloop_link_sample_repaired_bytes_total', detail.sampleRepairedBytes);
  each('thermoloop_uploads_total', 'way', detail.uploads);
  count('thermoloop_uploaded_bytes_total', detail.uploadedBytes);
  count('thermoloop_patch_fallbacks_total', detail.patchFallbacks);
  readNow(metrics, of, detail.now);
  const { device: other } = detail;
  if (other === null) return;
  each('thermoloop_link_device_frames_total', 'direction', {
    received: other.rxFrames,
    sent: other.txFrames,
  });
  each('thermoloop_link_device_errors_total', 'kind', other.errors);
  count('thermoloop_link_device_replayed_bytes_total', other.replayedBytes);
}

function readNow(metrics: Metrics, of: Record<string, string>, now: LinkDetail['now']): void {
  if (now === null) return;
  const { roundTripVariation_s, requestTimeout_s, queuedBytes } = now;
  if (roundTripVariation_s !== null)
    metrics.gauge('thermoloop_link_round_trip_variation_seconds').set(of, roundTripVariation_s);
  metrics.gauge('thermoloop_link_request_timeout_seconds').set(of, requestTimeout_s);
  metrics.gauge('thermoloop_link_queued_bytes').set(of, queuedBytes);
}
