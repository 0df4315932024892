// Tickets for sockets, used up in the database so that no two hosts take the same one; and what the audit is asked by.
import type { Migration } from './migration.ts';

export const tickets: Migration = {
  name: 'tickets',
  async up(db) {
    await db.schema
      .createTable('ticket')
      .addColumn('secret_sha256', 'text', (c) => c.primaryKey())
      .addColumn('key_id', 'text', (c) => c.notNull())
      .addColumn('expires_at_ms', 'bigint', (c) => c.notNull())
      .execute();
    await db.schema.createIndex('ticket_expiry').on('ticket').column('expires_at_ms').execute();
    await db.schema.createIndex('audit_of_key').on('audit').columns(['key_id', 'id']).execute();
    await db.schema.createIndex('audit_of_target').on('audit').columns(['target', 'id']).execute();
  },
};
