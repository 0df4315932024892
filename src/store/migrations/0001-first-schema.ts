// Schema 1: models, jobs with labels, sample sets, calibrations, keys, idempotency, audit.
import { sql, type CreateTableBuilder, type Kysely } from 'kysely';
import type { Migration } from './migration.ts';

export const firstSchema: Migration = {
  name: 'first schema',
  async up(db) {
    await models(db);
    await jobs(db);
    await sampleSets(db);
    await calibrations(db);
    await access(db);
  },
};

/** Columns that jobs and calibrations share: what waits in a device's queue. */
function queued<T extends string>(table: CreateTableBuilder<T>): CreateTableBuilder<T> {
  return table
    .addColumn('id' as T, 'text', (c) => c.primaryKey())
    .addColumn('device' as T, 'text', (c) => c.notNull())
    .addColumn('state' as T, 'text', (c) => c.notNull())
    .addColumn('cause' as T, 'text')
    .addColumn('failure' as T, 'text')
    .addColumn('priority' as T, 'integer', (c) => c.notNull())
    .addColumn('key_id' as T, 'text')
    .addColumn('revision' as T, 'integer', (c) => c.notNull())
    .addColumn('created_at_ms' as T, 'bigint', (c) => c.notNull())
    .addColumn('started_at_ms' as T, 'bigint')
    .addColumn('finished_at_ms' as T, 'bigint');
}

/** The queue's order, and at most one running row per device. */
async function queueIndexes(db: Kysely<unknown>, table: 'job' | 'calibration'): Promise<void> {
  await db.schema
    .createIndex(`${table}_queue`)
    .on(table)
    .columns(['device', 'state', 'priority', 'created_at_ms'])
    .execute();
  await db.schema
    .createIndex(`${table}_one_running`)
    .unique()
    .on(table)
    .column('device')
    .where(sql.ref('state'), '=', sql.lit('running'))
    .execute();
}

async function models(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('model')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('digest', 'text', (c) => c.notNull().unique())
    .addColumn('name', 'text')
    .addColumn('units', 'integer', (c) => c.notNull())
    .addColumn('blob', 'text', (c) => c.notNull())
    .addColumn('bytes', 'bigint', (c) => c.notNull())
    .addColumn('metadata', 'text', (c) => c.notNull())
    .addColumn('key_id', 'text')
    .addColumn('created_at_ms', 'bigint', (c) => c.notNull())
    .execute();
}

async function jobs(db: Kysely<unknown>): Promise<void> {
  await queued(db.schema.createTable('job'))
    .addColumn('phase', 'text')
    .addColumn('model', 'text', (c) => c.notNull().references('model.digest'))
    .addColumn('request', 'text', (c) => c.notNull())
    .addColumn('result', 'text')
    .addColumn('labels', 'text', (c) => c.notNull())
    .addColumn('attempts', 'text', (c) => c.notNull())
    .addColumn('samples_blob', 'text')
    .execute();
  await queueIndexes(db, 'job');
  await db.schema
    .createTable('job_label')
    .addColumn('job_id', 'text', (c) => c.notNull().references('job.id').onDelete('cascade'))
    .addColumn('name', 'text', (c) => c.notNull())
    .addColumn('value', 'text', (c) => c.notNull())
    .addPrimaryKeyConstraint('job_label_key', ['job_id', 'name'])
    .execute();
  await db.schema.createIndex('job_label_value').on('job_label').columns(['name', 'value']).execute();
}

async function sampleSets(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('sample_set')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('job_id', 'text', (c) => c.notNull().references('job.id').onDelete('cascade'))
    .addColumn('device', 'text', (c) => c.notNull())
    .addColumn('backend', 'text', (c) => c.notNull())
    .addColumn('model', 'text', (c) => c.notNull().references('model.digest'))
    .addColumn('blob', 'text', (c) => c.notNull())
    .addColumn('bytes', 'bigint', (c) => c.notNull())
    .addColumn('samples', 'integer', (c) => c.notNull())
    .addColumn('units', 'integer', (c) => c.notNull())
    .addColumn('reads', 'text', (c) => c.notNull())
    .addColumn('state_scale', 'double precision', (c) => c.notNull())
    .addColumn('heat_blob', 'text')
    .addColumn('created_at_ms', 'bigint', (c) => c.notNull())
    .execute();
  await db.schema.createIndex('sample_set_job').on('sample_set').column('job_id').execute();
}

async function calibrations(db: Kysely<unknown>): Promise<void> {
  await queued(db.schema.createTable('calibration'))
    .addColumn('kind', 'text', (c) => c.notNull())
    .addColumn('device_uid', 'text')
    .addColumn('options', 'text', (c) => c.notNull())
    .addColumn('outcome_values', 'text')
    .addColumn('stderr', 'text')
    .addColumn('provenance', 'text')
    .addColumn('blob', 'text')
    .execute();
  await queueIndexes(db, 'calibration');
  await db.schema
    .createIndex('calibration_of_chip')
    .on('calibration')
    .columns(['device_uid', 'kind', 'state'])
    .execute();
}

async function access(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('api_key')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('name', 'text', (c) => c.notNull())
    .addColumn('role', 'text', (c) => c.notNull())
    .addColumn('scopes', 'text', (c) => c.notNull())
    .addColumn('secret_sha256', 'text', (c) => c.notNull())
    .addColumn('expires_at_ms', 'bigint')
    .addColumn('created_at_ms', 'bigint', (c) => c.notNull())
    .addColumn('revoked_at_ms', 'bigint')
    .addColumn('last_used_at_ms', 'bigint')
    .execute();
  await db.schema
    .createTable('idempotency')
    .addColumn('key_id', 'text', (c) => c.notNull())
    .addColumn('route', 'text', (c) => c.notNull())
    .addColumn('idempotency_key', 'text', (c) => c.notNull())
    .addColumn('body_sha256', 'text', (c) => c.notNull())
    .addColumn('status', 'integer', (c) => c.notNull())
    .addColumn('headers', 'text', (c) => c.notNull())
    .addColumn('body', 'text', (c) => c.notNull())
    .addColumn('created_at_ms', 'bigint', (c) => c.notNull())
    .addColumn('expires_at_ms', 'bigint', (c) => c.notNull())
    .addPrimaryKeyConstraint('idempotency_key_route', ['key_id', 'route', 'idempotency_key'])
    .execute();
  await db.schema.createIndex('idempotency_expiry').on('idempotency').column('expires_at_ms').execute();
  await db.schema
    .createTable('audit')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('at_ms', 'bigint', (c) => c.notNull())
    .addColumn('key_id', 'text')
    .addColumn('action', 'text', (c) => c.notNull())
    .addColumn('target', 'text')
    .addColumn('outcome', 'text', (c) => c.notNull())
    .addColumn('correlation_id', 'text')
    .addColumn('detail', 'text', (c) => c.notNull())
    .execute();
}
