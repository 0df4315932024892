// The one table of metrics: name, type, help, labels. Names are public API. A metric stands here once the part of the
// product that feeds it exists; the registry refuses any other name, and docs and tests are made from this table.

import { linkDetailCatalogue } from './link-detail.ts';
import type { MetricEntry } from './metric-entry.ts';

export type { MetricEntry } from './metric-entry.ts';

const device = ['device', 'backend'] as const;
export const deviceStates = ['connecting', 'ready', 'running', 'offline', 'refused', 'closed'] as const;
export const jobStates = [
  'queued',
  'held',
  'running',
  'succeeded',
  'failed',
  'cancelled',
  'expired',
] as const;
export const finalJobStates = ['succeeded', 'failed', 'cancelled', 'expired'] as const;
export const jobCauses = [
  'none',
  'link-lost',
  'device-fault',
  'thermal-stop',
  'service-restart',
  'requirement-unmet',
  'host-lost',
  'safe-stop',
  'internal',
  'cancelled',
] as const;
export const linkErrorKinds = [
  'corrupt',
  'oversize',
  'rejected',
  'stale-session',
  'sequence-gap',
  'timeout',
  'digest',
] as const;
/** 10 ms to 1 h, factor about 3. */
const durations_s = [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000, 3600];

export const metricCatalogue = {
  thermoloop_build_info: {
    type: 'gauge',
    help: 'Identity of the service; always 1.',
    labels: ['version', 'node'],
  },
  thermoloop_http_request_duration_seconds: {
    type: 'histogram',
    help: 'Duration of HTTP requests by route pattern and class of status; long polls are left out.',
    labels: ['method', 'route', 'status'],
    buckets: [0.005, 0.02, 0.1, 0.5, 2],
  },
  thermoloop_ws_clients: { type: 'gauge', help: 'Open WebSocket clients.', labels: [] },
  thermoloop_ws_slow_clients_total: {
    type: 'counter',
    help: 'WebSocket clients closed with 4008 because they read too slowly.',
    labels: [],
  },
  thermoloop_stale_writes_refused_total: {
    type: 'counter',
    help: 'Writes about work that another host had taken over by then.',
    labels: [],
  },
  thermoloop_device_info: {
    type: 'gauge',
    help: 'Identity of the device in its last handshake; always 1.',
    labels: [...device, 'firmware', 'chip_id', 'schema'],
  },
  thermoloop_expected_backend_info: {
    type: 'gauge',
    help: 'The backend the operator demands; absent without a demand.',
    labels: device,
  },
  thermoloop_device_state: {
    type: 'gauge',
    help: 'State of the device, one-hot.',
    labels: [...device, 'state'],
  },
  thermoloop_link_up: { type: 'gauge', help: 'Whether there is a session with the device.', labels: device },
  thermoloop_link_bytes_total: {
    type: 'counter',
    help: 'Bytes on the wire as the host counts them.',
    labels: [...device, 'direction'],
  },
  thermoloop_link_frames_total: {
    type: 'counter',
    help: 'Frames as the host counts them.',
    labels: [...device, 'direction'],
  },
  thermoloop_link_errors_total: {
    type: 'counter',
    help: 'Damaged, refused or missing frames and requests without an answer, as the host counts them.',
    labels: [...device, 'kind'],
  },
  thermoloop_link_retransmits_total: {
    type: 'counter',
    help: 'Requests repeated and chunks repaired.',
    labels: device,
  },
  thermoloop_link_replayed_bytes_total: { type: 'counter', help: 'Bytes sent again.', labels: device },
  thermoloop_link_reconnects_total: {
    type: 'counter',
    help: 'Sessions after the first one.',
    labels: device,
  },
  thermoloop_link_smoothed_round_trip_seconds: {
    type: 'gauge',
    help: 'Smoothed round trip of requests.',
    labels: device,
  },
  thermoloop_device_latched_faults: {
    type: 'gauge',
    help: 'Faults that the device has latched; runs are refused until they are cleared.',
    labels: device,
  },
  thermoloop_telemetry_timestamp_seconds: {
    type: 'gauge',
    help: 'When the last reading of the sensors came, Unix time of the clock of the device.',
    labels: device,
  },
  thermoloop_telemetry_max_age_seconds: {
    type: 'gauge',
    help: 'Readings older than this are stale; their values are not exported.',
    labels: device,
  },
  thermoloop_die_temperature_celsius: {
    type: 'gauge',
    help: 'Temperature of the die.',
    labels: [...device, 'sensor'],
  },
  thermoloop_board_temperature_celsius: {
    type: 'gauge',
    help: 'Temperature of the board, and of its surroundings.',
    labels: [...device, 'sensor'],
  },
  thermoloop_die_temperature_limit_celsius: {
    type: 'gauge',
    help: 'Limits that the device enforces: derate, above which it idles between batches, and stop.',
    labels: [...device, 'level'],
  },
  thermoloop_supply_volts: { type: 'gauge', help: 'Voltage of a rail.', labels: [...device, 'rail'] },
  thermoloop_supply_amperes: { type: 'gauge', help: 'Current of a rail.', labels: [...device, 'rail'] },
  thermoloop_energy_joules_total: {
    type: 'counter',
    help: 'Electrical energy at the rails since the device was powered on.',
    labels: [...device, 'phase'],
  },
  thermoloop_thermal_hold_seconds_total: {
    type: 'counter',
    help: 'Time that runs idled on the device for its die to cool.',
    labels: device,
  },
  thermoloop_readings_total: { type: 'counter', help: 'Values converted by the device.', labels: device },
  thermoloop_saturated_readings_total: {
    type: 'counter',
    help: 'Values converted that stood at an end of the converter.',
    labels: device,
  },
  ...linkDetailCatalogue,
  thermoloop_jobs: {
    type: 'gauge',
    help: 'Jobs in the store by state.',
    labels: ['state'],
    values: { state: jobStates },
  },
  thermoloop_jobs_total: {
    type: 'counter',
    help: 'Jobs that reached a final state; cause is none unless the job failed.',
    labels: ['result', 'cause'],
    values: { result: finalJobStates, cause: jobCauses },
  },
  thermoloop_job_run_seconds: {
    type: 'histogram',
    help: 'Time from the start of a job to its end.',
    labels: device,
    buckets: durations_s,
  },
  thermoloop_job_wait_seconds: {
    type: 'histogram',
    help: 'Time from submission to the start of a job.',
    labels: device,
    buckets: durations_s,
  },
  thermoloop_samples_total: { type: 'counter', help: 'Samples read off the device.', labels: device },
  thermoloop_effective_samples_total: {
    type: 'counter',
    help: 'Samples over their autocorrelation time, of jobs that measured it (samples.targetEss).',
    labels: device,
  },
  thermoloop_heat_released_kt_total: {
    type: 'counter',
    help: 'Stochastic heat of samples that released heat, in nominal kT.',
    labels: device,
  },
  thermoloop_heat_absorbed_kt_total: {
    type: 'counter',
    help: 'Stochastic heat of samples that absorbed heat, in nominal kT.',
    labels: device,
  },
  thermoloop_heat_per_sample_kt: {
    type: 'gauge',
    help: 'Mean stochastic heat of one sample in the last job that recorded it, in nominal kT.',
    labels: device,
  },
  thermoloop_noise_temperature_ratio: {
    type: 'gauge',
    help: 'Effective over nominal noise temperature, from the last calibration.',
    labels: device,
  },
  thermoloop_noise_temperature_stderr_ratio: {
    type: 'gauge',
    help: 'Standard error of the noise temperature.',
    labels: device,
  },
  thermoloop_calibration_timestamp_seconds: {
    type: 'gauge',
    help: 'When the last calibration of a kind ended, Unix time.',
    labels: [...device, 'kind'],
  },
  thermoloop_calibration_runs_total: {
    type: 'counter',
    help: 'Calibrations that ended.',
    labels: ['kind', 'result'],
    values: { kind: ['noise-temperature'], result: ['succeeded', 'failed'] },
  },
} as const satisfies Record<string, MetricEntry>;

export type MetricName = keyof typeof metricCatalogue;
