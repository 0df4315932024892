// Which calibration counts on a chip, how it came to that, and what changed between two, as the API shows it.
import { z } from 'zod';
import type { CalibrationDiff } from '../../calibration/index.ts';
import type { ActiveCalibrationRow, CalibrationMoveRow, CalibrationRow } from '../../store/index.ts';
import { time, toTime, toTimeOrNull } from './common.ts';

export const activeCalibration = z
  .object({
    kind: z.string(),
    id: z.string(),
    pinned: z.boolean().meta({ description: 'New calibrations do not take its place' }),
    measuredAt: time.nullable(),
    age_s: z.number().nullable().meta({ description: 'Since it was measured, wall time' }),
    movedAt: time.nullable().meta({ description: 'null: the latest one, and nobody ever moved the pointer' }),
    revision: z.int(),
  })
  .meta({ id: 'ActiveCalibration' });
export type ActiveCalibration = z.infer<typeof activeCalibration>;

export const calibrationMove = z.object({
  kind: z.string(),
  calibration: z.string(),
  previous: z.string().nullable(),
  pinned: z.boolean(),
  why: z.enum(['measured', 'asked']).meta({ description: 'measured: a new one took over by itself' }),
  key: z.string().nullable(),
  at: time,
});

export const activeCalibrations = z
  .object({
    device: z.string(),
    deviceUid: z.string(),
    active: z.array(activeCalibration).meta({ description: 'By kind' }),
    history: z.array(calibrationMove).meta({ description: 'The last 50 moves, newest first' }),
  })
  .meta({ id: 'ActiveCalibrations' });

export const activateRequest = z.strictObject({
  id: z.string().min(1).max(100).meta({ description: 'A calibration of this chip that succeeded' }),
  pin: z.boolean().default(false).meta({ description: 'Keep it also when a new one is measured' }),
});

export const diffParams = z.strictObject({ a: z.string().min(1).max(100), b: z.string().min(1).max(100) });
export const DIFF_LIMIT_MAX = 5_000;
export const diffQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(DIFF_LIMIT_MAX).default(50),
});

export const calibrationDiff = z
  .object({
    a: z.string(),
    b: z.string(),
    kind: z.string(),
    sameChip: z.boolean(),
    compared: z.int().meta({ description: 'Elements that both know with an error bar' }),
    notCompared: z.int().meta({ description: 'Numbers that only one has, or that have no error bar' }),
    chiSquare: z.number().meta({
      description: 'Sum of z^2; about `compared` when nothing changed and elements are independent',
    }),
    changes: z
      .array(
        z.object({
          element: z.string().meta({ description: 'JSON Pointer into values' }),
          a: z.number(),
          b: z.number(),
          change: z.number(),
          stderr: z.number().meta({ description: 'Combined: sqrt(sa^2 + sb^2)' }),
          z: z.number(),
        }),
      )
      .meta({ description: 'The largest |z| first' }),
  })
  .meta({ id: 'CalibrationDiff' });

export function activeView(
  pointer: ActiveCalibrationRow | null,
  { id, kind, finishedAt_ms }: CalibrationRow,
  now_ms: number,
): ActiveCalibration {
  return {
    kind,
    id,
    pinned: pointer?.pinned ?? false,
    measuredAt: toTimeOrNull(finishedAt_ms),
    age_s: finishedAt_ms === null ? null : Math.max(0, (now_ms - finishedAt_ms) / 1000),
    movedAt: toTimeOrNull(pointer?.movedAt_ms ?? null),
    revision: pointer?.revision ?? 0,
  };
}

export function moveView(move: CalibrationMoveRow): z.infer<typeof calibrationMove> {
  const { kind, calibration, previous, pinned, why, keyId: key, at_ms } = move;
  return { kind, calibration, previous, pinned, why, key, at: toTime(at_ms) };
}

export function diffView(
  a: CalibrationRow,
  b: CalibrationRow,
  { changes, chiSquare, notCompared }: CalibrationDiff,
  limit: number,
): z.infer<typeof calibrationDiff> {
  return {
    a: a.id,
    b: b.id,
    kind: a.kind,
    sameChip: a.deviceUid === b.deviceUid,
    compared: changes.length,
    notCompared,
    chiSquare,
    changes: changes.slice(0, limit),
  };
}
