// Jobs: rows whose every change is conditional on the state the writer believes in.
import type { Kysely, SelectQueryBuilder, Updateable } from 'kysely';
import type { JobTable, Tables } from '../database.ts';
import { StoreError } from '../errors.ts';
import type { JobChange, JobFilter, JobPatch, JobRepository, NewJob } from '../repositories.ts';
import { JobState, type JobRow } from '../rows.ts';
import {
  defined,
  fromJson,
  fromNullableJson,
  mapDefined,
  orNotFound,
  paging,
  toNullableJson,
  type Context,
} from './context.ts';
import { jobLog } from './job-log.ts';
import { holdColumns, queueQuestions } from './job-queue.ts';
import { tellWebhooks, type Ending } from './webhooks.ts';

const WAITING: JobState[] = ['queued', 'held'];
const UNFINISHED: JobState[] = [...WAITING, 'running'];
/** What only a job that waits has. */
const LEFT_QUEUE = { expiresAt_ms: null };

export function jobRepository(context: Context): JobRepository {
  const find = async (id: string): Promise<JobRow | null> => {
    const row = await context.db().selectFrom('job').selectAll().where('id', '=', id).executeTakeFirst();
    return row === undefined ? null : toRow(row);
  };
  const get = async (id: string): Promise<JobRow> => orNotFound(await find(id), 'job', id);
  return {
    find,
    get,
    add: (job) => add(context, job),
    async list(filter = {}) {
      return (await listQuery(context.db(), filter).execute()).map(toRow);
    },
    async countByState(device) {
      let query = context
        .db()
        .selectFrom('job')
        .select((e) => ['state', e.fn.countAll().as('count')] as const);
      if (device !== undefined) query = query.where('device', '=', device);
      const rows = await query.groupBy('state').execute();
      const zero = Object.fromEntries(Object.values(JobState).map((s) => [s, 0])) as Record<JobState, number>;
      for (const row of rows) zero[row.state] = Number(row.count);
      return zero;
    },
    async countWaiting(keyId) {
      const row = await context
        .db()
        .selectFrom('job')
        .select((e) => e.fn.countAll().as('count'))
        .where('queue_key', '=', keyId)
        .where('state', 'in', WAITING)
        .executeTakeFirst();
      return Number(row?.count ?? 0);
    },
    async transition(id, from, to, change = {}) {
      const changed = (db: Kysely<Tables>) =>
        db
          .updateTable('job')
          .set(columns({ ...(!WAITING.includes(to) && LEFT_QUEUE), hold: null, ...change, state: to }))
          .set((e) => ({ revision: e('revision', '+', 1) }))
          .where('id', '=', id)
          .where('state', 'in', [from].flat())
          .returningAll()
          .executeTakeFirst();
      const row = await (UNFINISHED.includes(to)
        ? changed(context.db())
        : context.atomic(async (db) => {
            const ended = await changed(db);
            if (ended !== undefined) await tellWebhooks(context, db, endingOf(ended));
            return ended;
          }));
      if (row !== undefined) return toRow(row);
      throw new StoreError(
        'conflict',
        `job ${id} is ${(await get(id)).state}, not ${[from].flat().join(' or ')}`,
      );
    },
    patch: (id, change) => context.atomic((db) => patch(db, id, change)),
    ...queueQuestions(context, toRow),
    ...jobLog(context),
  };
}

/** What a webhook is told: no more than which job, where and how it ended. */
function endingOf({ id, device, state, cause, key_id: owner }: JobTable): Ending {
  return { topic: `job.${state}` as Ending['topic'], owner, data: { job: id, device, state, cause } };
}

async function add(context: Context, job: NewJob): Promise<JobRow> {
  const { labels = {}, hold = null } = job;
  const row: JobTable = {
    id: job.id ?? context.newId(),
    device: job.device,
    state: hold === null ? 'queued' : 'held',
    phase: null,
    cause: null,
    failure: null,
    priority: job.priority ?? 0,
    model: job.model,
    request: JSON.stringify(job.request),
    requirements: toNullableJson(job.requirements ?? null),
    result: null,
    labels: JSON.stringify(labels),
    attempts: '[]',
    samples_blob: null,
    key_id: job.keyId ?? null,
    revision: 1,
    created_at_ms: context.clock.wall_ms(),
    started_at_ms: null,
    finished_at_ms: null,
    ...holdColumns(hold),
    deadline_ms: job.deadline_ms ?? null,
    expires_at_ms: job.expiresAt_ms ?? job.deadline_ms ?? null,
    retry: job.retry ?? 'auto',
    cancel_requested_at_ms: null,
    queue_key: job.keyId ?? '',
  };
  await context.atomic(async (db) => {
    await db.insertInto('job').values(row).execute();
    await addLabels(db, row.id, labels);
  });
  return toRow(row);
}

async function patch(db: Kysely<Tables>, id: string, change: JobPatch): Promise<JobRow> {
  const row = await db
    .updateTable('job')
    .set(columns(change))
    .set((e) => ({ revision: e('revision', '+', 1) }))
    .where('id', '=', id)
    .where('state', 'in', UNFINISHED)
    .returningAll()
    .executeTakeFirst();
  if (row === undefined) {
    const present = await db.selectFrom('job').select('state').where('id', '=', id).executeTakeFirst();
    throw new StoreError('conflict', `job ${id} is ${orNotFound(present, 'job', id).state}`);
  }
  if (change.labels !== undefined) {
    await db.deleteFrom('job_label').where('job_id', '=', id).execute();
    await addLabels(db, id, change.labels);
  }
  return toRow(row);
}

async function addLabels(db: Kysely<Tables>, id: string, labels: Record<string, string>): Promise<void> {
  const rows = Object.entries(labels).map(([name, value]) => ({ job_id: id, name, value }));
  if (rows.length > 0) await db.insertInto('job_label').values(rows).execute();
}

function listQuery(db: Kysely<Tables>, filter: JobFilter): SelectQueryBuilder<Tables, 'job', JobTable> {
  const { limit, compare, direction } = paging(filter);
  let query = db.selectFrom('job').selectAll().orderBy('id', direction).limit(limit);
  if (filter.after !== undefined) query = query.where('id', compare, filter.after);
  if (filter.device !== undefined) query = query.where('device', '=', filter.device);
  if (filter.keyId !== undefined) query = query.where('key_id', '=', filter.keyId);
  if (filter.since_ms !== undefined) query = query.where('created_at_ms', '>=', filter.since_ms);
  if (filter.state !== undefined) query = query.where('state', 'in', [filter.state].flat());
  for (const [name, value] of Object.entries(filter.labels ?? {}))
    query = query.where((e) =>
      e.exists(
        e
          .selectFrom('job_label')
          .select('job_label.job_id')
          .whereRef('job_label.job_id', '=', 'job.id')
          .where('job_label.name', '=', name)
          .where('job_label.value', '=', value),
      ),
    );
  return query;
}

/** The columns of a change; those not named stay. */
function columns(change: JobChange & JobPatch & { state?: JobState }): Updateable<JobTable> {
  return defined({
    state: change.state,
    phase: change.phase,
    cause: change.cause,
    priority: change.priority,
    failure: mapDefined(change.failure, toNullableJson),
    result: mapDefined(change.result, toNullableJson),
    labels: mapDefined(change.labels, (labels) => JSON.stringify(labels)),
    attempts: mapDefined(change.attempts, (attempts) => JSON.stringify(attempts)),
    samples_blob: change.samplesBlob,
    started_at_ms: change.startedAt_ms,
    finished_at_ms: change.finishedAt_ms,
    ...(change.hold !== undefined && holdColumns(change.hold)),
    deadline_ms: change.deadline_ms,
    expires_at_ms: change.expiresAt_ms,
    cancel_requested_at_ms: change.cancelRequestedAt_ms,
  });
}

function toRow(row: JobTable): JobRow {
  return {
    id: row.id,
    device: row.device,
    state: row.state,
    phase: row.phase,
    cause: row.cause,
    failure: fromNullableJson(row.failure),
    hold: fromNullableJson(row.hold),
    priority: row.priority,
    deadline_ms: row.deadline_ms,
    expiresAt_ms: row.expires_at_ms,
    retry: row.retry,
    cancelRequestedAt_ms: row.cancel_requested_at_ms,
    model: row.model,
    request: fromJson(row.request),
    requirements: fromNullableJson(row.requirements),
    result: fromNullableJson(row.result),
    labels: fromJson(row.labels),
    attempts: fromJson(row.attempts),
    samplesBlob: row.samples_blob,
    keyId: row.key_id,
    revision: row.revision,
    createdAt_ms: row.created_at_ms,
    startedAt_ms: row.started_at_ms,
    finishedAt_ms: row.finished_at_ms,
  };
}
