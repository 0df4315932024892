// Letting go: rows that are removed for good, what of them is left (the digest of a model that old jobs name), and which blobs
// nobody names any more. The bytes themselves go after the commit, see retention.ts.
import type { Kysely } from 'kysely';
import type { Tables } from '../database.ts';
import { StoreError } from '../errors.ts';
import { isReferenced, referencedBlobs, referringColumns, type ReferringColumn } from '../references.ts';
import type { DeletionRepository } from '../repositories.ts';
import { JobState, type Digest } from '../rows.ts';
import { orNotFound, type Context } from './context.ts';

const LIVE: JobState[] = [JobState.queued, JobState.held, JobState.running];

export function deletionRepository(context: Context): DeletionRepository {
  let columns: Promise<ReferringColumn[]> | null = null;
  return {
    job: (id) => context.atomic((db) => deleteJob(db, id)),
    model: (digest) => context.atomic((db) => deleteModel(db, digest, context.clock.wall_ms())),
    modelOf: (digest, keyId) =>
      context.atomic((db) => disownModel(db, digest, keyId, context.clock.wall_ms())),
    capture: (id) =>
      context.atomic(async (db) => {
        const row = await db.deleteFrom('capture').where('id', '=', id).returning('blob').executeTakeFirst();
        return [orNotFound(row, 'capture', id).blob];
      }),
    async jobsFinishedBefore(at_ms, limit) {
      const rows = await context
        .db()
        .selectFrom('job')
        .select('id')
        .where('finished_at_ms', '<', at_ms)
        .where('state', 'not in', LIVE)
        .orderBy('finished_at_ms', 'asc')
        .limit(limit)
        .execute();
      return rows.map(({ id }) => id);
    },
    async capturesBefore(at_ms, limit) {
      const rows = await context
        .db()
        .selectFrom('capture')
        .select('id')
        .where('created_at_ms', '<', at_ms)
        .orderBy('id', 'asc')
        .limit(limit)
        .execute();
      return rows.map(({ id }) => id);
    },
    async auditBefore(at_ms, limit) {
      const old = context
        .db()
        .selectFrom('audit')
        .select('id')
        .where('at_ms', '<', at_ms)
        .orderBy('at_ms', 'asc')
        .limit(limit);
      const gone = await context.db().deleteFrom('audit').where('id', 'in', old).executeTakeFirst();
      return Number(gone.numDeletedRows);
    },
    async isReferenced(digest) {
      columns ??= referringColumns(context.db());
      return isReferenced(context.db(), await columns, digest);
    },
    referenced: () => referencedBlobs(context.db()),
    storedBytes: (keyId) => storedBytes(context.db(), keyId),
  };
}

async function deleteJob(db: Kysely<Tables>, id: string): Promise<Digest[]> {
  const job = orNotFound(
    await db.selectFrom('job').select(['state', 'samples_blob']).where('id', '=', id).executeTakeFirst(),
    'job',
    id,
  );
  if (LIVE.includes(job.state)) throw new StoreError('conflict', `job ${id} is ${job.state}`);
  const sets = await db
    .selectFrom('sample_set')
    .select(['blob', 'heat_blob'])
    .where('job_id', '=', id)
    .execute();
  await forgetAnswers(db, `/v1/jobs/${id}`);
  // Labels, samples, certificate and log go with it (on delete cascade).
  await db.deleteFrom('job').where('id', '=', id).execute();
  return distinct([job.samples_blob, ...sets.flatMap((set) => [set.blob, set.heat_blob])]);
}

async function deleteModel(db: Kysely<Tables>, digest: string, now_ms: number): Promise<Digest[]> {
  const model = orNotFound(
    await db
      .selectFrom('model')
      .select(['blob'])
      .where('digest', '=', digest as Digest)
      .where('deleted_at_ms', 'is', null)
      .executeTakeFirst(),
    'model',
    digest,
  );
  const needed = await db
    .selectFrom('job')
    .select('id')
    .where('model', '=', digest as Digest)
    .where('state', 'in', LIVE)
    .limit(1)
    .executeTakeFirst();
  if (needed !== undefined) throw new StoreError('conflict', `job ${needed.id} needs model ${digest}`);
  await forgetAnswers(db, `/v1/models/${digest}`);
  await db
    .deleteFrom('model_owner')
    .where('digest', '=', digest as Digest)
    .execute();
  await db
    .updateTable('model')
    .set({ name: null, metadata: '{}', blob: '' as Digest, bytes: 0, deleted_at_ms: now_ms })
    .where('digest', '=', digest as Digest)
    .execute();
  return distinct([model.blob]);
}

async function disownModel(
  db: Kysely<Tables>,
  digest: string,
  keyId: string,
  now_ms: number,
): Promise<Digest[]> {
  const named = digest as Digest;
  // Held until the commit: whoever uploads it meanwhile comes before the count, or after the deletion.
  await db
    .updateTable('model')
    .set((e) => ({ units: e.ref('units') }))
    .where('digest', '=', named)
    .execute();
  await db.deleteFrom('model_owner').where('digest', '=', named).where('key_id', '=', keyId).execute();
  await forgetAnswers(db, `/v1/models/${digest}`, keyId);
  const others = await db
    .selectFrom('model_owner')
    .select('key_id')
    .where('digest', '=', named)
    .limit(1)
    .executeTakeFirst();
  return others === undefined ? deleteModel(db, digest, now_ms) : [];
}

/** Kept answers to requests with an Idempotency-Key repeat what was sent: their body goes, so that a repeat makes nothing anew. */
async function forgetAnswers(db: Kysely<Tables>, location: string, keyId?: string): Promise<void> {
  let kept = db
    .updateTable('idempotency')
    .set({ body: JSON.stringify({ deleted: true, location }) })
    .where('headers', 'like', `%"${location}"%`);
  if (keyId !== undefined) kept = kept.where('key_id', '=', keyId);
  await kept.execute();
}

async function storedBytes(db: Kysely<Tables>, keyId: string): Promise<number> {
  const models = await db
    .selectFrom('model')
    .innerJoin('model_owner', 'model_owner.digest', 'model.digest')
    .select((e) => e.fn.sum('model.bytes').as('bytes'))
    .where('model_owner.key_id', '=', keyId)
    .executeTakeFirst();
  const samples = await db
    .selectFrom('sample_set')
    .innerJoin('job', 'job.id', 'sample_set.job_id')
    .select((e) => e.fn.sum('sample_set.bytes').as('bytes'))
    .where('job.key_id', '=', keyId)
    .executeTakeFirst();
  return Number(models?.bytes ?? 0) + Number(samples?.bytes ?? 0);
}

function distinct(digests: (Digest | null)[]): Digest[] {
  return [...new Set(digests.filter((digest) => digest !== null))];
}
