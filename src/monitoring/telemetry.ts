// Telemetry among the metrics: what the sensors of a device said last. A value that is old, or that a sensor does not give,
// is removed rather than repeated; only the time of the last reading stays, so that its age can be seen.
import type { Metrics } from './metrics.ts';

/** As src/device names them; null: the sensor gives nothing. */
export interface TelemetryReading {
  at_s: number | null;
  maxAge_s: number;
  isFresh: boolean;
  limits: { derate_C: number; trip_C: number } | null;
  values: Readonly<Record<string, number | null | undefined>>;
}

type Labels = Readonly<Record<string, string>>;
interface Shown {
  metric: Parameters<Metrics['gauge']>[0];
  type: 'gauge' | 'counter';
  labels: Labels;
}

const gauge = (metric: Shown['metric'], labels: Labels): Shown => ({ metric, type: 'gauge', labels });
const counter = (metric: Shown['metric'], labels: Labels = {}): Shown => ({
  metric,
  type: 'counter',
  labels,
});

const SHOWN: Readonly<Record<string, Shown>> = {
  dieTemperature_C: gauge('thermoloop_die_temperature_celsius', { sensor: 'die' }),
  boardTemperature_C: gauge('thermoloop_board_temperature_celsius', { sensor: 'board' }),
  ambientTemperature_C: gauge('thermoloop_board_temperature_celsius', { sensor: 'ambient' }),
  coreVoltage_V: gauge('thermoloop_supply_volts', { rail: 'core' }),
  coreCurrent_A: gauge('thermoloop_supply_amperes', { rail: 'core' }),
  ioVoltage_V: gauge('thermoloop_supply_volts', { rail: 'io' }),
  ioCurrent_A: gauge('thermoloop_supply_amperes', { rail: 'io' }),
  idleEnergy_J: counter('thermoloop_energy_joules_total', { phase: 'idle' }),
  programEnergy_J: counter('thermoloop_energy_joules_total', { phase: 'program' }),
  relaxEnergy_J: counter('thermoloop_energy_joules_total', { phase: 'relax' }),
  readEnergy_J: counter('thermoloop_energy_joules_total', { phase: 'read' }),
  readings: counter('thermoloop_readings_total'),
  saturatedReadings: counter('thermoloop_saturated_readings_total'),
  thermalHold_s: counter('thermoloop_thermal_hold_seconds_total'),
};

export function clearTelemetry(metrics: Metrics): void {
  for (const { metric, type } of Object.values(SHOWN)) metrics[type](metric).reset();
  metrics.gauge('thermoloop_telemetry_timestamp_seconds').reset();
  metrics.gauge('thermoloop_telemetry_max_age_seconds').reset();
  metrics.gauge('thermoloop_die_temperature_limit_celsius').reset();
}

export function showTelemetry(metrics: Metrics, of: Labels, reading: TelemetryReading): void {
  const { at_s, maxAge_s, isFresh, limits, values } = reading;
  metrics.gauge('thermoloop_telemetry_max_age_seconds').set(of, maxAge_s);
  if (at_s !== null) metrics.gauge('thermoloop_telemetry_timestamp_seconds').set(of, at_s);
  if (limits !== null) {
    const limit = metrics.gauge('thermoloop_die_temperature_limit_celsius');
    limit.set({ ...of, level: 'derate' }, limits.derate_C);
    limit.set({ ...of, level: 'stop' }, limits.trip_C);
  }
  if (!isFresh) return;
  for (const [name, { metric, type, labels }] of Object.entries(SHOWN)) {
    const value = values[name];
    if (value === null || value === undefined) continue;
    if (type === 'gauge') metrics.gauge(metric).set({ ...of, ...labels }, value);
    // The device's own sum: it begins anew when the device is powered on, as rate() expects of a counter.
    else if (value >= 0) metrics.counter(metric).inc({ ...of, ...labels }, value);
  }
}
