// Captures as the API takes and shows them.
import { z } from 'zod';
import type { CaptureRow } from '../../store/index.ts';
import { digest, pageQuery, time, toTime } from './common.ts';

export const captureRequest = z.strictObject({ device: z.string().min(1).max(100) });
export const captureQuery = pageQuery.extend({
  device: z.string().max(100).optional(),
  job: z.string().max(100).optional().meta({ description: 'Frozen because this job failed' }),
});

export const capture = z
  .object({
    id: z.string(),
    device: z.string(),
    backend: z.string().nullable(),
    why: z.enum(['asked', 'job-failed']),
    job: z.string().nullable(),
    digest,
    bytes: z.int(),
    openedAt: time.meta({ description: 'Of the connection' }),
    createdAt: time,
    replayable: z
      .boolean()
      .meta({ description: 'It begins with the connection: replay:FILE can stand in for the device' }),
    forgottenBytes: z
      .int()
      .meta({ description: 'Of the line, before what is kept: the last 60 s, 16 MB at most' }),
    key: z.string().nullable(),
  })
  .meta({ id: 'Capture' });

export function captureView(row: CaptureRow): z.infer<typeof capture> {
  return {
    id: row.id,
    device: row.device,
    backend: row.backend,
    why: row.why,
    job: row.jobId,
    digest: row.blob,
    bytes: row.bytes,
    openedAt: toTime(row.openedAt_ms),
    createdAt: toTime(row.createdAt_ms),
    replayable: row.droppedBytes === 0,
    forgottenBytes: row.droppedBytes,
    key: row.keyId,
  };
}
