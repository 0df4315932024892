// Captures: what was frozen of the line to a device, by the blob that holds it.
import type { CaptureTable } from '../database.ts';
import type { CaptureRepository, CaptureRow } from '../device-use.ts';
import { paging, type Context } from './context.ts';

export function captureRepository(context: Context): CaptureRepository {
  const all = () => context.db().selectFrom('capture').selectAll();
  return {
    async add(row) {
      const values: CaptureTable = {
        id: row.id ?? context.newId(),
        device: row.device,
        backend: row.backend,
        why: row.why,
        job_id: row.jobId,
        blob: row.blob,
        bytes: row.bytes,
        dropped_bytes: row.droppedBytes,
        opened_at_ms: row.openedAt_ms,
        key_id: row.keyId,
        created_at_ms: context.clock.wall_ms(),
      };
      await context.db().insertInto('capture').values(values).execute();
      return toRow(values);
    },
    async find(id) {
      const row = await all().where('id', '=', id).executeTakeFirst();
      return row === undefined ? null : toRow(row);
    },
    async list(filter = {}) {
      const { limit, compare, direction } = paging(filter);
      let query = all().orderBy('id', direction).limit(limit);
      if (filter.after !== undefined) query = query.where('id', compare, filter.after);
      if (filter.device !== undefined) query = query.where('device', '=', filter.device);
      if (filter.jobId !== undefined) query = query.where('job_id', '=', filter.jobId);
      return (await query.execute()).map(toRow);
    },
    async remove(id) {
      const row = await context
        .db()
        .deleteFrom('capture')
        .where('id', '=', id)
        .returningAll()
        .executeTakeFirst();
      return row === undefined ? null : toRow(row);
    },
  };
}

function toRow(row: CaptureTable): CaptureRow {
  return {
    id: row.id,
    device: row.device,
    backend: row.backend,
    why: row.why,
    jobId: row.job_id,
    blob: row.blob,
    bytes: Number(row.bytes),
    droppedBytes: Number(row.dropped_bytes),
    openedAt_ms: Number(row.opened_at_ms),
    keyId: row.key_id,
    createdAt_ms: Number(row.created_at_ms),
  };
}
