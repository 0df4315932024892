// What probes find of a chip over time, changes that were noticed, and what certificates have to add.
import type { Migration } from './migration.ts';

export const drift: Migration = {
  name: 'drift',
  async up(db) {
    await db.schema
      .createTable('drift_point')
      .addColumn('id', 'text', (c) => c.primaryKey())
      .addColumn('device', 'text', (c) => c.notNull())
      .addColumn('device_uid', 'text', (c) => c.notNull())
      .addColumn('program', 'text', (c) => c.notNull())
      .addColumn('quantity', 'text', (c) => c.notNull())
      .addColumn('from_ms', 'bigint', (c) => c.notNull())
      .addColumn('to_ms', 'bigint', (c) => c.notNull())
      .addColumn('is_baseline', 'integer', (c) => c.notNull())
      .addColumn('value_ratio', 'double precision', (c) => c.notNull())
      .addColumn('stderr_ratio', 'double precision', (c) => c.notNull())
      .addColumn('largest_ratio', 'double precision', (c) => c.notNull())
      .addColumn('resolution_ratio', 'double precision', (c) => c.notNull())
      .addColumn('chart_ratio', 'double precision', (c) => c.notNull())
      .addColumn('worst', 'text', (c) => c.notNull())
      .execute();
    await db.schema
      .createIndex('drift_point_series')
      .on('drift_point')
      .columns(['device', 'quantity', 'to_ms'])
      .execute();
    await db.schema.createIndex('drift_point_age').on('drift_point').column('to_ms').execute();
    await db.schema
      .createTable('drift_event')
      .addColumn('id', 'text', (c) => c.primaryKey())
      .addColumn('device', 'text', (c) => c.notNull())
      .addColumn('device_uid', 'text', (c) => c.notNull())
      .addColumn('program', 'text', (c) => c.notNull())
      .addColumn('quantity', 'text', (c) => c.notNull())
      .addColumn('element', 'text')
      .addColumn('value_ratio', 'double precision', (c) => c.notNull())
      .addColumn('stderr_ratio', 'double precision', (c) => c.notNull())
      .addColumn('z', 'double precision', (c) => c.notNull())
      .addColumn('last_good_ms', 'bigint', (c) => c.notNull())
      .addColumn('alarm_ms', 'bigint', (c) => c.notNull())
      .addColumn('ended_at_ms', 'bigint')
      .addColumn('calibration', 'text')
      .execute();
    await db.schema
      .createIndex('drift_event_open')
      .on('drift_event')
      .columns(['device_uid', 'ended_at_ms'])
      .execute();
    await db.schema
      .createIndex('drift_event_of_device')
      .on('drift_event')
      .columns(['device', 'id'])
      .execute();
    await db.schema
      .createTable('certificate_addendum')
      .addColumn('job_id', 'text', (c) => c.notNull().references('job.id').onDelete('cascade'))
      .addColumn('event', 'text', (c) => c.notNull())
      .addColumn('signing_key', 'text', (c) => c.notNull())
      .addColumn('document', 'text', (c) => c.notNull())
      .addColumn('created_at_ms', 'bigint', (c) => c.notNull())
      .addPrimaryKeyConstraint('certificate_addendum_key', ['job_id', 'event'])
      .execute();
  },
};
