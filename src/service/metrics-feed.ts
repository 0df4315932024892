// Feeds the metrics from what the rooms count themselves: device counters at every scrape, jobs and calibrations as they end.
import type { Device } from '../device/index.ts';
import {
  effectiveSamples,
  type CalibrationView,
  type JobEvent,
  type JobResult,
  type JobRunner,
  type JobView,
} from '../jobs/index.ts';
import type { DeviceReading, LinkReading, Monitoring } from '../monitoring/index.ts';
import type { Store } from '../store/index.ts';
import { linkDetailOf } from './link-detail.ts';
import { jobBackend } from './schemas/jobs.ts';

const sum = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((a, b) => a + b, 0);

/** A device as a scrape sees it; memory only. */
export function readingOf(
  device: Pick<
    Device,
    'id' | 'state' | 'backend' | 'identity' | 'counters' | 'capabilities' | 'faults' | 'telemetry'
  >,
  expectedBackend: string | null,
): DeviceReading {
  const { identity, state } = device;
  const counters = device.counters();
  return {
    device: device.id,
    backend: device.backend,
    expectedBackend,
    state,
    up: state === 'ready' || state === 'running',
    identity: identity && {
      firmware: identity.firmware,
      chipId: identity.uid,
      schema: identity.schemaHash,
    },
    link: counters.linkTotals && linkReading(counters.linkTotals, counters),
    linkDetail: linkDetailOf(counters),
    latchedFaults: device.faults.length,
    telemetry: telemetryReading(device),
  };
}

function telemetryReading({
  telemetry,
  capabilities,
}: Pick<Device, 'telemetry' | 'capabilities'>): DeviceReading['telemetry'] {
  if (capabilities === null || capabilities.telemetry === null) return null;
  const { latest, reason, maxAge_s } = telemetry.status;
  return {
    at_s: latest && latest.at_ms / 1000,
    maxAge_s,
    isFresh: reason === null,
    limits: capabilities.dieLimits,
    values: latest?.values ?? {},
  };
}

type Counters = ReturnType<Device['counters']>;

/** `link` is what all sessions counted; the round trip is the present one's. */
function linkReading(
  link: NonNullable<Counters['linkTotals']>,
  { connects, link: now }: Counters,
): LinkReading {
  return {
    rxBytes: link.rxBytes,
    txBytes: link.txBytes,
    rxFrames: link.rxFrames,
    txFrames: link.txFrames,
    errors: {
      corrupt: sum(link.rxCorrupt),
      oversize: link.rxOversize,
      rejected: sum(link.rxRejected),
      'stale-session': link.rxStaleSession,
      'sequence-gap': link.rxSeqGaps,
      timeout: link.requestTimeouts,
      digest: link.digestFailures,
    },
    retransmits: link.requestRetries,
    replayedBytes: link.txReplayBytes,
    reconnects: Math.max(0, connects - 1),
    smoothedRoundTrip_s: now === null || now.srtt_ms === null ? null : now.srtt_ms / 1000,
  };
}

/** Reports every job and calibration that ends; returns what stops it. */
export function feedMonitoring(parts: {
  runner: Pick<JobRunner, 'onEvent'>;
  store: Pick<Store, 'blobs'>;
  monitoring: Monitoring;
  onError: (error: unknown) => void;
}): () => void {
  const { runner, store, monitoring, onError } = parts;
  const onEvent = (event: JobEvent): void => {
    if ('elsewhere' in event && event.elsewhere) return;
    if (event.type === 'job.state' && event.job.finishedAt_ms !== null)
      reportJob(event.job, store, monitoring).catch(onError);
    if (event.type === 'calibration.state' && event.calibration.finishedAt_ms !== null)
      reportCalibration(event.calibration, monitoring);
  };
  return runner.onEvent(onEvent);
}

async function reportJob(job: JobView, store: Pick<Store, 'blobs'>, monitoring: Monitoring): Promise<void> {
  const result = job.result as unknown as JobResult | null;
  const seconds = (from: number | null, to: number | null): number | null =>
    from === null || to === null ? null : (to - from) / 1000;
  monitoring.jobFinished({
    device: job.device,
    backend: jobBackend(job, new Map()),
    result: job.state as 'succeeded' | 'failed' | 'cancelled' | 'expired',
    cause: job.cause,
    wait_s: seconds(job.createdAt_ms, job.startedAt_ms),
    run_s: seconds(job.startedAt_ms, job.finishedAt_ms),
    samples: result?.samples.shape[0] ?? 0,
    effectiveSamples: effectiveSamples(result?.earlyStop),
    heat: result === null || result.heat === null ? null : await heatOf(result.heat, store),
  });
}

/** Samples that release heat and samples that absorb it are summed apart: a sum of both can fall, a counter cannot. */
async function heatOf(
  heat: NonNullable<JobResult['heat']>,
  store: Pick<Store, 'blobs'>,
): Promise<{ released_kT: number; absorbed_kT: number; mean_kT: number }> {
  const { mean_kT } = heat;
  if (heat.released_kT !== undefined && heat.absorbed_kT !== undefined)
    return { released_kT: heat.released_kT, absorbed_kT: heat.absorbed_kT, mean_kT };
  const bytes = await store.blobs.get(heat.blob);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let released_kT = 0;
  let absorbed_kT = 0;
  for (let at = 0; at < bytes.byteLength; at += 8) {
    const value = view.getFloat64(at, true);
    if (value > 0) released_kT += value;
    else absorbed_kT -= value;
  }
  return { released_kT, absorbed_kT, mean_kT };
}

function reportCalibration(calibration: CalibrationView, monitoring: Monitoring): void {
  const number = (value: unknown): number | null => (typeof value === 'number' ? value : null);
  const backend = calibration.provenance?.['backend'];
  monitoring.calibrationFinished({
    kind: calibration.kind,
    result: calibration.state === 'succeeded' ? 'succeeded' : 'failed',
    device: calibration.device,
    backend: typeof backend === 'string' ? backend : null,
    at_s: (calibration.finishedAt_ms ?? 0) / 1000,
    noiseTemperature_ratio: number(calibration.values?.['noiseTemperature_ratio']),
    noiseTemperature_stderr: number(calibration.stderr?.['noiseTemperature_ratio']),
  });
}
