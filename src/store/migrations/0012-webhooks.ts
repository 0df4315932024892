// Webhooks, and what is still to be delivered to them: rows written with the ending they tell of.
import type { Migration } from './migration.ts';

export const webhooks: Migration = {
  name: 'webhooks',
  async up(db) {
    await db.schema
      .createTable('webhook')
      .addColumn('id', 'text', (c) => c.primaryKey())
      .addColumn('key_id', 'text', (c) => c.notNull())
      .addColumn('url', 'text', (c) => c.notNull())
      .addColumn('topics', 'text', (c) => c.notNull())
      .addColumn('secret', 'text', (c) => c.notNull())
      .addColumn('created_at_ms', 'bigint', (c) => c.notNull())
      .addColumn('failing_since_ms', 'bigint')
      .addColumn('disabled_at_ms', 'bigint')
      .addColumn('disabled_why', 'text')
      .execute();
    await db.schema.createIndex('webhook_disabled').on('webhook').column('disabled_at_ms').execute();
    await db.schema
      .createTable('webhook_delivery')
      .addColumn('id', 'text', (c) => c.primaryKey())
      .addColumn('webhook_id', 'text', (c) => c.notNull().references('webhook.id').onDelete('cascade'))
      .addColumn('topic', 'text', (c) => c.notNull())
      .addColumn('owner', 'text')
      .addColumn('body', 'text', (c) => c.notNull())
      .addColumn('state', 'text', (c) => c.notNull())
      .addColumn('attempts', 'integer', (c) => c.notNull())
      .addColumn('next_at_ms', 'bigint', (c) => c.notNull())
      .addColumn('last_error', 'text')
      .addColumn('created_at_ms', 'bigint', (c) => c.notNull())
      .addColumn('ended_at_ms', 'bigint')
      .execute();
    await db.schema
      .createIndex('webhook_delivery_due')
      .on('webhook_delivery')
      .columns(['state', 'next_at_ms'])
      .execute();
    await db.schema
      .createIndex('webhook_delivery_of_hook')
      .on('webhook_delivery')
      .columns(['webhook_id', 'id'])
      .execute();
    await db.schema
      .createIndex('webhook_delivery_ended')
      .on('webhook_delivery')
      .column('ended_at_ms')
      .execute();
  },
};
