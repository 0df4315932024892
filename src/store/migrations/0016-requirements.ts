// What was measured of a job's requirements when it was submitted, for its result and its certificate.
import type { Migration } from './migration.ts';

export const requirements: Migration = {
  name: 'requirements',
  async up(db) {
    await db.schema.alterTable('job').addColumn('requirements', 'text').execute();
  },
};
