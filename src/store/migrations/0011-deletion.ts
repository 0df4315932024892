// Deletion and retention. A model that jobs of the past name keeps its row, without name, metadata and content, because the
// jobs go on naming its digest; uploaded again, it is as new.
import type { Migration } from './migration.ts';

export const deletion: Migration = {
  name: 'deletion',
  async up(db) {
    await db.schema.alterTable('model').addColumn('deleted_at_ms', 'bigint').execute();
    await db.schema.createIndex('job_finished').on('job').column('finished_at_ms').execute();
    await db.schema.createIndex('job_model').on('job').columns(['model', 'state']).execute();
    await db.schema.createIndex('model_of_key').on('model').column('key_id').execute();
    await db.schema.createIndex('sample_set_blob').on('sample_set').column('blob').execute();
    await db.schema.createIndex('sample_set_heat').on('sample_set').column('heat_blob').execute();
    await db.schema.createIndex('job_samples').on('job').column('samples_blob').execute();
    await db.schema.createIndex('audit_time').on('audit').column('at_ms').execute();
  },
};
