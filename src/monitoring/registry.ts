// The registry behind /metrics: turns plain readings and reports of the other rooms into the metrics of the catalogue.
// Nothing outside this room imports prom-client. A scrape reads memory only, never a device.
import { collectDefaultMetrics, Registry } from 'prom-client';
import { deviceStates, linkErrorKinds, type MetricName } from './catalogue.ts';
import { readLinkDetail, resetLinkDetail, type LinkDetail } from './link-detail.ts';
import { makeMetrics, type Metrics } from './metrics.ts';
import { clearTelemetry, showTelemetry, type TelemetryReading } from './telemetry.ts';

/** What a device counted on its link, plain numbers. */
export interface LinkReading {
  rxBytes: number;
  txBytes: number;
  rxFrames: number;
  txFrames: number;
  errors: Record<(typeof linkErrorKinds)[number], number>;
  retransmits: number;
  replayedBytes: number;
  reconnects: number;
  smoothedRoundTrip_s: number | null;
}

/** One device as it is now. */
export interface DeviceReading {
  device: string;
  /** Null until the first handshake has said it. */
  backend: string | null;
  expectedBackend: string | null;
  state: (typeof deviceStates)[number];
  up: boolean;
  identity: { firmware: string; chipId: string; schema: string } | null;
  link: LinkReading | null;
  latchedFaults: number;
  /** Null without sensors, or without a link. */
  telemetry: TelemetryReading | null;
  /** Null before the first session. */
  linkDetail: LinkDetail | null;
}

export interface JobReport {
  device: string;
  backend: string | null;
  result: 'succeeded' | 'failed' | 'cancelled' | 'expired';
  cause: string | null;
  wait_s: number | null;
  run_s: number | null;
  samples: number;
  /** Null: not measured. */
  effectiveSamples: number | null;
  /** Sums over the samples of the job, kT; null when no heat was recorded. */
  heat: { released_kT: number; absorbed_kT: number; mean_kT: number } | null;
}

export interface CalibrationReport {
  kind: string;
  result: 'succeeded' | 'failed';
  device: string;
  backend: string | null;
  at_s: number;
  noiseTemperature_ratio: number | null;
  noiseTemperature_stderr: number | null;
}

export interface MonitoringOptions {
  version: string;
  node: string;
  /** Read at every scrape: memory only. */
  devices(): readonly DeviceReading[];
  jobsByState(): Promise<Record<string, number>>;
  wsClients(): number;
  /** Counted since the start. */
  staleWritesRefused(): number;
}

export interface Monitoring {
  httpRequest(method: string, route: string, status: number, duration_s: number): void;
  jobFinished(report: JobReport): void;
  calibrationFinished(report: CalibrationReport): void;
  slowClientClosed(): void;
  readonly contentType: string;
  /** The text exposition of the product's metrics and the process's. */
  render(): Promise<string>;
}

/** @returns a registry of its own: several services may live in one process. */
export function createMonitoring(options: MonitoringOptions): Monitoring {
  const registry = new Registry();
  const defaults = new Registry();
  collectDefaultMetrics({ register: defaults });
  // Gauges that end in _total: promtool refuses them, and nobody needs them (observability.md, section 10).
  for (const name of ['handles', 'requests', 'resources']) {
    defaults.removeSingleMetric(`nodejs_active_${name}_total`);
    defaults.removeSingleMetric(`nodejs_active_${name}`);
  }
  const metrics = makeMetrics(registry);
  metrics.gauge('thermoloop_build_info').set({ version: options.version, node: options.node }, 1);
  return {
    contentType: registry.contentType,
    httpRequest(method, route, status, duration_s) {
      metrics
        .histogram('thermoloop_http_request_duration_seconds')
        .observe({ method, route, status: `${Math.floor(status / 100)}xx` }, duration_s);
    },
    jobFinished: (report) => reportJob(metrics, report),
    calibrationFinished: (report) => reportCalibration(metrics, report),
    slowClientClosed: () => metrics.counter('thermoloop_ws_slow_clients_total').inc(),
    async render() {
      readDevices(metrics, options.devices());
      metrics.gauge('thermoloop_ws_clients').set(options.wsClients());
      const stale = metrics.counter('thermoloop_stale_writes_refused_total');
      stale.reset();
      stale.inc(options.staleWritesRefused());
      for (const [state, count] of Object.entries(await options.jobsByState()))
        metrics.gauge('thermoloop_jobs').set({ state }, count);
      return `${await registry.metrics()}\n${await defaults.metrics()}`;
    },
  };
}

function readDevices(metrics: Metrics, devices: readonly DeviceReading[]): void {
  // Old label sets (another firmware, a device that is gone) must vanish: a frozen value is a lie.
  const gauges = [
    'device_info',
    'expected_backend_info',
    'device_state',
    'device_latched_faults',
    'link_up',
    'link_smoothed_round_trip_seconds',
  ];
  const counters = ['bytes', 'frames', 'errors', 'retransmits', 'replayed_bytes', 'reconnects'];
  for (const name of gauges) metrics.gauge(`thermoloop_${name}` as MetricName).reset();
  for (const name of counters) metrics.counter(`thermoloop_link_${name}_total` as MetricName).reset();
  clearTelemetry(metrics);
  resetLinkDetail(metrics);
  for (const reading of devices) readDevice(metrics, reading);
}

function readDevice(metrics: Metrics, reading: DeviceReading): void {
  const { device, link, identity, expectedBackend } = reading;
  const of = { device, backend: reading.backend ?? 'unknown' };
  for (const state of deviceStates)
    metrics.gauge('thermoloop_device_state').set({ ...of, state }, state === reading.state ? 1 : 0);
  metrics.gauge('thermoloop_link_up').set(of, reading.up ? 1 : 0);
  if (expectedBackend !== null)
    metrics.gauge('thermoloop_expected_backend_info').set({ device, backend: expectedBackend }, 1);
  if (identity !== null) {
    const { firmware, chipId: chip_id, schema } = identity;
    metrics.gauge('thermoloop_device_info').set({ ...of, firmware, chip_id, schema }, 1);
  }
  metrics.gauge('thermoloop_device_latched_faults').set(of, reading.latchedFaults);
  if (reading.telemetry !== null) showTelemetry(metrics, of, reading.telemetry);
  if (reading.linkDetail !== null) readLinkDetail(metrics, of, reading.linkDetail);
  if (link === null) return;
  const bytes = metrics.counter('thermoloop_link_bytes_total');
  bytes.inc({ ...of, direction: 'received' }, link.rxBytes);
  bytes.inc({ ...of, direction: 'sent' }, link.txBytes);
  const frames = metrics.counter('thermoloop_link_frames_total');
  frames.inc({ ...of, direction: 'received' }, link.rxFrames);
  frames.inc({ ...of, direction: 'sent' }, link.txFrames);
  for (const kind of linkErrorKinds)
    metrics.counter('thermoloop_link_errors_total').inc({ ...of, kind }, link.errors[kind]);
  metrics.counter('thermoloop_link_retransmits_total').inc(of, link.retransmits);
  metrics.counter('thermoloop_link_replayed_bytes_total').inc(of, link.replayedBytes);
  metrics.counter('thermoloop_link_reconnects_total').inc(of, link.reconnects);
  if (link.smoothedRoundTrip_s !== null)
    metrics.gauge('thermoloop_link_smoothed_round_trip_seconds').set(of, link.smoothedRoundTrip_s);
}

function reportJob(metrics: Metrics, report: JobReport): void {
  const of = { device: report.device, backend: report.backend ?? 'unknown' };
  const cause = report.result === 'failed' ? (report.cause ?? 'internal') : 'none';
  metrics.counter('thermoloop_jobs_total').inc({ result: report.result, cause });
  if (report.wait_s !== null) metrics.histogram('thermoloop_job_wait_seconds').observe(of, report.wait_s);
  if (report.run_s !== null) metrics.histogram('thermoloop_job_run_seconds').observe(of, report.run_s);
  if (report.samples > 0) metrics.counter('thermoloop_samples_total').inc(of, report.samples);
  if (report.effectiveSamples !== null)
    metrics.counter('thermoloop_effective_samples_total').inc(of, report.effectiveSamples);
  if (report.heat === null) return;
  metrics.counter('thermoloop_heat_released_kt_total').inc(of, report.heat.released_kT);
  metrics.counter('thermoloop_heat_absorbed_kt_total').inc(of, report.heat.absorbed_kT);
  metrics.gauge('thermoloop_heat_per_sample_kt').set(of, report.heat.mean_kT);
}

function reportCalibration(metrics: Metrics, report: CalibrationReport): void {
  const { kind, result } = report;
  const of = { device: report.device, backend: report.backend ?? 'unknown' };
  metrics.counter('thermoloop_calibration_runs_total').inc({ kind, result });
  if (result === 'failed') return;
  metrics.gauge('thermoloop_calibration_timestamp_seconds').set({ ...of, kind }, report.at_s);
  if (report.noiseTemperature_ratio !== null)
    metrics.gauge('thermoloop_noise_temperature_ratio').set(of, report.noiseTemperature_ratio);
  if (report.noiseTemperature_stderr !== null)
    metrics.gauge('thermoloop_noise_temperature_stderr_ratio').set(of, report.noiseTemperature_stderr);
}
