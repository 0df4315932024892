// The queue: holds, deadlines, retries, cancels across hosts, turns of keys, and the log of every attempt.
import { sql } from 'kysely';
import type { Migration } from './migration.ts';

export const queue: Migration = {
  name: 'queue',
  async up(db) {
    const add = (name: string, type: 'text' | 'bigint') =>
      db.schema.alterTable('job').addColumn(name, type).execute();
    await add('hold', 'text');
    await add('hold_reason', 'text');
    await add('deadline_ms', 'bigint');
    await add('expires_at_ms', 'bigint');
    await add('cancel_requested_at_ms', 'bigint');
    // Jobs of before were admitted with "retry": "never", which was all there was.
    await db.schema
      .alterTable('job')
      .addColumn('retry', 'text', (c) => c.notNull().defaultTo('never'))
      .execute();
    await db.schema
      .alterTable('job')
      .addColumn('queue_key', 'text', (c) => c.notNull().defaultTo(''))
      .execute();
    await sql`update job set queue_key = key_id where key_id is not null`.execute(db);
    await db.schema
      .createIndex('job_turns')
      .on('job')
      .columns(['device', 'state', 'priority', 'queue_key', 'created_at_ms', 'id'])
      .execute();
    await db.schema.createIndex('job_holds').on('job').columns(['device', 'state', 'hold_reason']).execute();
    await db.schema.createIndex('job_expiry').on('job').column('expires_at_ms').execute();
    await db.schema.createIndex('job_of_key').on('job').columns(['queue_key', 'state']).execute();
    await db.schema
      .createTable('job_log')
      .addColumn('job_id', 'text', (c) => c.notNull().references('job.id').onDelete('cascade'))
      .addColumn('attempt', 'integer', (c) => c.notNull())
      .addColumn('lines', 'text', (c) => c.notNull())
      .addPrimaryKeyConstraint('job_log_attempt', ['job_id', 'attempt'])
      .execute();
  },
};
