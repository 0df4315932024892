// Sample sets: what was read off a device for a job; the numbers themselves are blobs.
import type { SampleSetTable } from '../database.ts';
import type { SampleSetRepository } from '../repositories.ts';
import type { SampleSetRow } from '../rows.ts';
import { fromJson, type Context } from './context.ts';

export function sampleSetRepository(context: Context): SampleSetRepository {
  const all = () => context.db().selectFrom('sample_set').selectAll();
  const orNull = (row: SampleSetTable | undefined): SampleSetRow | null =>
    row === undefined ? null : toRow(row);
  return {
    async add(row) {
      const values: SampleSetTable = {
        id: row.id ?? context.newId(),
        job_id: row.jobId,
        device: row.device,
        backend: row.backend,
        model: row.model,
        blob: row.blob,
        bytes: row.bytes,
        samples: row.samples,
        units: row.units,
        reads: JSON.stringify(row.reads),
        state_scale: row.stateScale,
        heat_blob: row.heatBlob,
        created_at_ms: row.createdAt_ms ?? context.clock.wall_ms(),
      };
      await context.db().insertInto('sample_set').values(values).execute();
      return toRow(values);
    },
    async find(id) {
      return orNull(await all().where('id', '=', id).executeTakeFirst());
    },
    async findByJob(jobId) {
      return orNull(await all().where('job_id', '=', jobId).orderBy('id', 'desc').executeTakeFirst());
    },
  };
}

function toRow(row: SampleSetTable): SampleSetRow {
  return {
    id: row.id,
    jobId: row.job_id,
    device: row.device,
    backend: row.backend,
    model: row.model,
    blob: row.blob,
    bytes: row.bytes,
    samples: row.samples,
    units: row.units,
    reads: fromJson(row.reads),
    stateScale: row.state_scale,
    heatBlob: row.heat_blob,
    createdAt_ms: row.created_at_ms,
  };
}
