// Whoever uploaded a model owns it, also those who came after the first: its content is the same, and so are their rights.
import { sql } from 'kysely';
import type { Migration } from './migration.ts';

export const modelOwners: Migration = {
  name: 'model-owners',
  async up(db) {
    await db.schema
      .createTable('model_owner')
      .addColumn('digest', 'text', (c) => c.notNull())
      .addColumn('key_id', 'text', (c) => c.notNull())
      .addPrimaryKeyConstraint('model_owner_pk', ['digest', 'key_id'])
      .execute();
    await db.schema.createIndex('model_owner_key').on('model_owner').column('key_id').execute();
    await sql`insert into model_owner (digest, key_id)
      select digest, key_id from model where key_id is not null and deleted_at_ms is null`.execute(db);
  },
};
