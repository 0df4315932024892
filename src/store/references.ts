// Which blobs rows name. A column that names a blob is called `blob` or ends in `_blob`; that is a rule of the schema, because
// a blob that nothing names is removed, and a backup takes those that are named.
import { sql, type Kysely } from 'kysely';
import type { Tables } from './database.ts';
import type { Digest } from './rows.ts';

/** The table of blobs themselves: no reference. */
const OWN = ['blob', 'blob_chunk'];

export interface ReferringColumn {
  table: string;
  column: string;
}

/** From the database as it is, so that a table of tomorrow is not forgotten. */
export async function referringColumns(db: Kysely<Tables>): Promise<ReferringColumn[]> {
  const tables = await db.introspection.getTables();
  return tables
    .filter(({ name }) => !OWN.includes(name))
    .flatMap(({ name, columns }) =>
      columns
        .filter((column) => /(^|_)blob$/.test(column.name))
        .map((column) => ({ table: name, column: column.name })),
    );
}

/** Whether any row names the blob. */
export async function isReferenced(
  db: Kysely<Tables>,
  columns: readonly ReferringColumn[],
  digest: Digest,
): Promise<boolean> {
  for (const { table, column } of columns) {
    const found =
      await sql`select 1 from ${sql.table(table)} where ${sql.ref(column)} = ${digest} limit 1`.execute(db);
    if (found.rows.length > 0) return true;
  }
  return false;
}

/** Every blob that some row names, once. */
export async function referencedBlobs(db: Kysely<Tables>): Promise<Set<Digest>> {
  const all = new Set<Digest>();
  for (const { table, column } of await referringColumns(db)) {
    const found = await sql<{
      digest: Digest;
    }>`select distinct ${sql.ref(column)} as digest from ${sql.table(table)} where ${sql.ref(column)} is not null`.execute(
      db,
    );
    for (const { digest } of found.rows) all.add(digest);
  }
  return all;
}
