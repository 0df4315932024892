// Rows as JSON lines: which tables go into a backup, in an order in which their references hold, and how values are written.
import { sql, type Kysely } from 'kysely';
import type { Tables } from '../database.ts';

/** What a backup does without: its own schema is in the manifest, blobs are files, tickets live half a minute. */
const LEFT_OUT = ['schema_version', 'blob', 'blob_chunk', 'ticket'];
/** What others refer to. */
const FIRST = ['model', 'job', 'calibration'];
const PAGE_ROWS = 500;
/** Rows are told apart by these many leading columns: every primary key lies within them. */
const KEY_COLUMNS_MAX = 3;

export type Row = Record<string, unknown>;

export interface TableInBackup {
  name: string;
  columns: string[];
}

/** Every table of the database but those left out, so that a table of tomorrow is not forgotten. */
export async function tablesOf(db: Kysely<Tables>): Promise<TableInBackup[]> {
  const tables = await db.introspection.getTables();
  const rank = (name: string): number => (FIRST.includes(name) ? FIRST.indexOf(name) : FIRST.length);
  return tables
    .filter(({ name, isView }) => !isView && !LEFT_OUT.includes(name))
    .map(({ name, columns }) => ({ name, columns: columns.map((column) => column.name) }))
    .sort((a, b) => rank(a.name) - rank(b.name) || (a.name < b.name ? -1 : 1));
}

export async function countRows(db: Kysely<Tables>, table: string): Promise<number> {
  const found = await sql<{ n: number }>`select count(*) as n from ${sql.table(table)}`.execute(db);
  return Number(found.rows[0].n);
}

/** All rows in pages, as JSON lines; call it inside one snapshot. */
export async function* linesOf(
  db: Kysely<Tables>,
  { name, columns }: TableInBackup,
): AsyncGenerator<string[]> {
  const order = sql.join(columns.slice(0, KEY_COLUMNS_MAX).map((column) => sql.ref(column)));
  for (let from = 0; ; from += PAGE_ROWS) {
    const page = await sql<Row>`
      select * from ${sql.table(name)} order by ${order} limit ${PAGE_ROWS} offset ${from}`.execute(db);
    if (page.rows.length > 0) yield page.rows.map((row) => `${JSON.stringify(row, encode)}\n`);
    if (page.rows.length < PAGE_ROWS) return;
  }
}

/** What JSON has no word for: bytes. Buffers come here after their own toJSON. */
function encode(_name: string, value: unknown): unknown {
  const { type, data } = (value ?? {}) as { type?: unknown; data?: unknown };
  if (type === 'Buffer' && Array.isArray(data))
    return { $base64: Buffer.from(data as number[]).toString('base64') };
  return value;
}

export function rowOf(line: string): Row {
  const row = JSON.parse(line) as Row;
  for (const [name, value] of Object.entries(row))
    if (value !== null && typeof value === 'object')
      row[name] = Buffer.from(String((value as { $base64?: unknown }).$base64), 'base64');
  return row;
}
