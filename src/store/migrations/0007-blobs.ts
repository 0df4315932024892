// Blobs as rows, cut into chunks: small ones beside the row that names them, and all of them where hosts share nothing else.
// `bytea` is PostgreSQL's name; to SQLite it is as good as any other, a value keeps being bytes.
import type { Migration } from './migration.ts';

export const blobs: Migration = {
  name: 'blobs',
  async up(db) {
    await db.schema
      .createTable('blob')
      .addColumn('digest', 'text', (c) => c.primaryKey())
      .addColumn('bytes', 'bigint', (c) => c.notNull())
      .addColumn('chunk_bytes', 'integer', (c) => c.notNull())
      .addColumn('stored_at_ms', 'bigint', (c) => c.notNull())
      .execute();
    await db.schema
      .createTable('blob_chunk')
      .addColumn('digest', 'text', (c) => c.notNull().references('blob.digest').onDelete('cascade'))
      .addColumn('place', 'integer', (c) => c.notNull())
      .addColumn('content', 'bytea', (c) => c.notNull())
      .addPrimaryKeyConstraint('blob_chunk_place', ['digest', 'place'])
      .execute();
  },
};
