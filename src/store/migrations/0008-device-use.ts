// Devices in the hands of people: exclusive use for a time, the calibration that counts with the history of the
// pointer, and captures of the line.
import { sql } from 'kysely';
import type { Migration } from './migration.ts';

export const deviceUse: Migration = {
  name: 'device-use',
  async up(db) {
    await db.schema
      .createTable('use_lease')
      .addColumn('id', 'text', (c) => c.primaryKey())
      .addColumn('device', 'text', (c) => c.notNull())
      .addColumn('key_id', 'text', (c) => c.notNull())
      .addColumn('purpose', 'text')
      .addColumn('created_at_ms', 'bigint', (c) => c.notNull())
      .addColumn('expires_at_ms', 'bigint', (c) => c.notNull())
      .addColumn('ended_at_ms', 'bigint')
      .addColumn('ended_by', 'text')
      .addColumn('revision', 'bigint', (c) => c.notNull())
      .execute();
    await db.schema
      .createIndex('use_lease_one_per_device')
      .unique()
      .on('use_lease')
      .column('device')
      .where(sql.ref('ended_at_ms'), 'is', null)
      .execute();
    await db.schema
      .createTable('active_calibration')
      .addColumn('device_uid', 'text', (c) => c.notNull())
      .addColumn('kind', 'text', (c) => c.notNull())
      .addColumn('calibration', 'text', (c) => c.notNull().references('calibration.id'))
      .addColumn('pinned', 'integer', (c) => c.notNull())
      .addColumn('revision', 'bigint', (c) => c.notNull())
      .addColumn('moved_at_ms', 'bigint', (c) => c.notNull())
      .addPrimaryKeyConstraint('active_calibration_of_chip', ['device_uid', 'kind'])
      .execute();
    await db.schema
      .createTable('calibration_move')
      .addColumn('id', 'text', (c) => c.primaryKey())
      .addColumn('device_uid', 'text', (c) => c.notNull())
      .addColumn('kind', 'text', (c) => c.notNull())
      .addColumn('calibration', 'text', (c) => c.notNull())
      .addColumn('previous', 'text')
      .addColumn('pinned', 'integer', (c) => c.notNull())
      .addColumn('why', 'text', (c) => c.notNull())
      .addColumn('key_id', 'text')
      .addColumn('at_ms', 'bigint', (c) => c.notNull())
      .execute();
    await db.schema
      .createIndex('calibration_move_of_chip')
      .on('calibration_move')
      .columns(['device_uid', 'id'])
      .execute();
    await db.schema
      .createTable('capture')
      .addColumn('id', 'text', (c) => c.primaryKey())
      .addColumn('device', 'text', (c) => c.notNull())
      .addColumn('backend', 'text')
      .addColumn('why', 'text', (c) => c.notNull())
      .addColumn('job_id', 'text')
      .addColumn('blob', 'text', (c) => c.notNull())
      .addColumn('bytes', 'bigint', (c) => c.notNull())
      .addColumn('dropped_bytes', 'bigint', (c) => c.notNull())
      .addColumn('opened_at_ms', 'bigint', (c) => c.notNull())
      .addColumn('key_id', 'text')
      .addColumn('created_at_ms', 'bigint', (c) => c.notNull())
      .execute();
    await db.schema.createIndex('capture_of_job').on('capture').column('job_id').execute();
  },
};
