// Calibrations as the API takes and shows them: data with an id and a history, never a side effect.
import { z } from 'zod';
import type { CalibrationView } from '../../jobs/index.ts';
import { CalibrationState, JobCause } from '../../store/index.ts';
import { failure, jsonObject, pageQuery, progress, time, toTime, toTimeOrNull } from './common.ts';

export const calibrationRequest = z
  .strictObject({
    device: z.string().min(1).max(100),
    kind: z.string().min(1).max(100).meta({ description: 'One of calibrationKinds in GET /v1/about' }),
    options: jsonObject.optional().meta({ description: 'Of the kind; noise-temperature: docs/api.md' }),
    onUnmet: z.enum(['reject', 'wait']).optional(),
    force: z
      .boolean()
      .optional()
      .meta({ description: 'Also while faults are planted; provenance.faultsActive then says so' }),
  })
  .meta({ id: 'CalibrationRequest' });

export const calibration = z
  .object({
    id: z.string(),
    kind: z.string(),
    device: z.string(),
    deviceUid: z.string().nullable(),
    backend: z.string().nullable(),
    state: z.enum(Object.values(CalibrationState)),
    cause: z.enum(Object.values(JobCause)).nullable(),
    failure,
    options: jsonObject,
    forced: z.boolean().meta({ description: 'Asked for although faults are planted' }),
    progress,
    values: jsonObject.nullable(),
    stderr: jsonObject.nullable().meta({ description: 'Standard errors, with the names of values' }),
    provenance: jsonObject.nullable(),
    revision: z.int(),
    createdAt: time,
    startedAt: time.nullable(),
    finishedAt: time.nullable(),
  })
  .meta({ id: 'Calibration' });

export const calibrationQuery = pageQuery.extend({
  device: z.string().max(100).optional(),
  kind: z.string().max(100).optional(),
  state: z.enum(Object.values(CalibrationState)).optional(),
});

/** The backend that was measured; null until it ran. */
export function calibrationBackend(row: CalibrationView): string | null {
  const measured = row.provenance?.['backend'];
  return typeof measured === 'string' ? measured : null;
}

export function calibrationView(row: CalibrationView): z.infer<typeof calibration> {
  return {
    id: row.id,
    kind: row.kind,
    device: row.device,
    deviceUid: row.deviceUid,
    backend: calibrationBackend(row),
    state: row.state,
    cause: row.cause,
    failure: row.failure,
    options: row.options,
    forced: row.forced,
    progress: row.progress,
    values: row.values,
    stderr: row.stderr,
    provenance: row.provenance,
    revision: row.revision,
    createdAt: toTime(row.createdAt_ms),
    startedAt: toTimeOrNull(row.startedAt_ms),
    finishedAt: toTimeOrNull(row.finishedAt_ms),
  };
}
