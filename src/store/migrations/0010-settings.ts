// What all processes on one database have to agree on.
import type { Migration } from './migration.ts';

export const settings: Migration = {
  name: 'settings',
  async up(db) {
    await db.schema
      .createTable('setting')
      .addColumn('name', 'text', (c) => c.primaryKey())
      .addColumn('value', 'text', (c) => c.notNull())
      .execute();
  },
};
