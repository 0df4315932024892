// Keys have limits of their own and can be edited: the revision lets two administrators notice each other.
import type { Migration } from './migration.ts';

export const keyLimits: Migration = {
  name: 'key-limits',
  async up(db) {
    await db.schema
      .alterTable('api_key')
      .addColumn('limits', 'text', (c) => c.notNull().defaultTo('{}'))
      .execute();
    await db.schema
      .alterTable('api_key')
      .addColumn('revision', 'integer', (c) => c.notNull().defaultTo(0))
      .execute();
  },
};
