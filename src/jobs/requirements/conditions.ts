// Reads what jobs require of a device: its sensors as this process hears them, and its active calibration as it is stored.
import type { CalibrationRow, Store } from '../../store/index.ts';
import { NOISE_TEMPERATURE } from '../calibration-port.ts';
import type { RelaxDevice } from '../device-port.ts';
import { couplingDriftOf } from './coupling-drift.ts';
import type { Conditions, Unreadable } from './readings.ts';

export type RequiredDevice = Pick<RelaxDevice, 'id' | 'identity' | 'telemetry'>;

/** As it is now, wall milliseconds. */
export async function conditionsOf(
  device: RequiredDevice,
  store: Pick<Store, 'activeCalibrations' | 'drift'>,
  now_ms: number,
): Promise<Conditions> {
  const { id, identity } = device;
  const drift = identity === null ? undefined : await couplingDriftOf(id, identity.uid, store, now_ms);
  return { noise: await noiseOf(device, store), die: dieOf(device), ...(drift !== undefined && { drift }) };
}

async function noiseOf(
  { id, identity }: RequiredDevice,
  store: Pick<Store, 'activeCalibrations'>,
): Promise<Conditions['noise']> {
  if (identity === null)
    return {
      code: 'not-connected',
      message: `device ${id} has not answered yet, so nobody knows which chip it is`,
      remedy: `Wait until it is ready; GET /v1/devices/${id} shows why it is not.`,
    };
  const row = await store.activeCalibrations.current(identity.uid, NOISE_TEMPERATURE);
  if (row === null || row.finishedAt_ms === null) return NOT_CALIBRATED;
  return {
    calibration: row.id,
    ratio: numberOf(row.values, 'noiseTemperature_ratio'),
    stderr_ratio: numberOf(row.stderr, 'noiseTemperature_ratio'),
    endedAt_ms: row.finishedAt_ms,
  };
}

function dieOf({ telemetry }: RequiredDevice): Conditions['die'] {
  if (telemetry === undefined) return NO_SENSORS;
  const { latest, reason } = telemetry.status;
  if (reason !== null) return reason;
  const temperature_C = latest?.values.dieTemperature_C ?? null;
  return temperature_C === null ? NO_SENSORS : { temperature_C };
}

function numberOf(values: CalibrationRow['values'], name: string): number | null {
  const value = values?.[name];
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

const NOT_CALIBRATED: Unreadable = {
  code: 'not-calibrated',
  message: 'the noise temperature of this chip was never measured',
  remedy: 'Run a calibration of the kind noise-temperature, or submit with "onUnmet": "recalibrate".',
};
const NO_SENSORS: Unreadable = {
  code: 'no-sensors',
  message: 'its telemetry has no die temperature',
  remedy: 'Leave maxDieTemperature_C out: its board or its firmware has no such sensor.',
};
