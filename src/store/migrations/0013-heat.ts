// The heat ledger. Entries name jobs that may be gone: they are accounts, and outlive results.
import type { Migration } from './migration.ts';

export const heat: Migration = {
  name: 'heat',
  async up(db) {
    await db.schema
      .createTable('heat_entry')
      .addColumn('id', 'text', (c) => c.primaryKey())
      .addColumn('device', 'text', (c) => c.notNull())
      .addColumn('backend', 'text')
      .addColumn('job_id', 'text')
      .addColumn('attempt', 'integer')
      .addColumn('key_id', 'text')
      .addColumn('owner', 'text', (c) => c.notNull())
      .addColumn('ended', 'text')
      .addColumn('from_ms', 'bigint', (c) => c.notNull())
      .addColumn('to_ms', 'bigint', (c) => c.notNull())
      .addColumn('hour_ms', 'bigint', (c) => c.notNull())
      .addColumn('at_ms', 'bigint', (c) => c.notNull())
      .addColumn('samples', 'integer', (c) => c.notNull())
      .addColumn('effective_samples', 'double precision')
      .addColumn('idle_joule', 'double precision')
      .addColumn('program_joule', 'double precision')
      .addColumn('relax_joule', 'double precision')
      .addColumn('read_joule', 'double precision')
      .addColumn('energy_reason', 'text')
      .addColumn('released_kt', 'double precision')
      .addColumn('absorbed_kt', 'double precision')
      .addColumn('heat_reason', 'text')
      .addColumn('calibration', 'text')
      .execute();
    const index = (name: string) => db.schema.createIndex(name).on('heat_entry');
    await index('heat_entry_attempt').unique().columns(['job_id', 'attempt']).execute();
    await index('heat_entry_time').columns(['device', 'to_ms']).execute();
    await index('heat_entry_spent').columns(['key_id', 'at_ms']).execute();
    await index('heat_entry_age').column('at_ms').execute();
  },
};
