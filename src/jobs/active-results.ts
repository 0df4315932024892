// The results of the calibrations that count on a chip, as procedures and programs take them.
import { calibrationKinds, type CalibrationKind, type MeasuredValues } from '../calibration/index.ts';
import type { CalibrationRow, Store } from '../store/index.ts';

/** Kinds whose blob is part of what they say. */
const WITH_BLOB: ReadonlySet<CalibrationKind> = new Set(['coupling-map', 'full']);

type From = Pick<Store, 'activeCalibrations' | 'blobs'>;

/** Of the chip with this uid, by kind; none while nobody knows which chip it is. */
export async function activeResults(
  store: From,
  uid: string | null,
  now_ms: number,
): Promise<Partial<Record<CalibrationKind, MeasuredValues>>> {
  const results: Partial<Record<CalibrationKind, MeasuredValues>> = {};
  if (uid === null) return results;
  for (const kind of calibrationKinds) {
    const row = await store.activeCalibrations.current(uid, kind);
    if (row === null) continue;
    const pointer = await store.activeCalibrations.find(uid, kind);
    const found = await resultOf(store, row, now_ms);
    if (found !== null) results[kind] = { ...found, pinned: pointer?.pinned ?? false };
  }
  return results;
}

async function resultOf(
  { blobs }: From,
  { kind, values, stderr, blob, finishedAt_ms }: CalibrationRow,
  now_ms: number,
): Promise<MeasuredValues | null> {
  if (values === null || finishedAt_ms === null) return null;
  const measured = { values, stderr: stderr ?? {}, age_s: Math.max(0, (now_ms - finishedAt_ms) / 1000) };
  const named = blob !== null && WITH_BLOB.has(kind as CalibrationKind);
  return named ? { ...measured, blob: await blobs.get(blob) } : measured;
}
