// Certificates are signed once and kept as they were, so that they outlive keys, versions and restarts unchanged.
import type { Migration } from './migration.ts';

export const certificates: Migration = {
  name: 'certificates',
  async up(db) {
    await db.schema
      .createTable('certificate')
      .addColumn('job_id', 'text', (c) => c.primaryKey().references('job.id').onDelete('cascade'))
      .addColumn('signing_key', 'text', (c) => c.notNull())
      .addColumn('document', 'text', (c) => c.notNull())
      .addColumn('created_at_ms', 'bigint', (c) => c.notNull())
      .execute();
  },
};
