// How far the couplings of a chip have moved since their last calibration, as what the sentinels have stored says.
import type { DriftEventRow, DriftPointRow, Store } from '../../store/index.ts';
import type { MeasuredDrift, Unreadable } from './readings.ts';

/** The last round may be so old. */
const STALE_MS = 2 * 3_600_000;

export async function couplingDriftOf(
  device: string,
  deviceUid: string,
  store: Pick<Store, 'drift'>,
  now_ms: number,
): Promise<MeasuredDrift | Unreadable> {
  const latest = await store.drift.latest(device);
  const point = latest.find((row) => row.quantity === 'coupling' && row.deviceUid === deviceUid) ?? null;
  const events = await store.drift.events({ device });
  const ofCouplings = events.filter((row) => row.quantity === 'coupling' && row.deviceUid === deviceUid);
  return couplingDrift(point, ofCouplings, now_ms);
}

/** @param events of couplings, newest first */
export function couplingDrift(
  point: DriftPointRow | null,
  events: readonly DriftEventRow[],
  now_ms: number,
): MeasuredDrift | Unreadable {
  if (point === null) return NOT_WATCHED;
  const open = events.filter(({ endedAt_ms }) => endedAt_ms === null);
  const ended = events.find(({ endedAt_ms }) => endedAt_ms !== null);
  const calibration = ended?.calibration ?? null;
  const isNew = point.isBaseline || (ended?.endedAt_ms ?? -Infinity) >= point.to_ms;
  if (open.length === 0 && isNew) return { largest_ratio: 0, resolution_ratio: 0, calibration };
  if (now_ms - point.to_ms > STALE_MS) return STALE;
  const moved = open.map(({ value_ratio }) => Math.abs(value_ratio));
  const { largest_ratio, resolution_ratio } = point;
  return { largest_ratio: Math.max(largest_ratio, ...moved), resolution_ratio, calibration };
}

const NOT_WATCHED: Unreadable = {
  code: 'drift-not-watched',
  message: 'no round of probes has looked at the couplings of this chip',
  remedy: 'Wait for the first rounds after a job; GET /v1/devices/{id}/drift says why there are none.',
};
const STALE: Unreadable = {
  code: 'drift-stale',
  message: 'the last round of probes is older than two hours',
  remedy: 'Give probes more of the time of the device: THERMOLOOP_SENTINEL_SHARE.',
};
