// A look below the service at the end: sample sets by job, which the API shows one of.
// eslint-disable-next-line no-restricted-imports -- below the store on purpose: it cannot testify for itself
import Database from 'better-sqlite3';
import { join } from 'node:path';
import pg from 'pg';
import type { Findings } from './check.ts';
import type { Ledger } from './ledger.ts';

const SETS = 'select job_id, count(*) as times from sample_set group by job_id';

/** Every job that succeeded has one sample set. @param database null: SQLite in the data directory */
export async function checkSampleSets(
  database: string | null,
  dataDir: string,
  ledger: Ledger,
  findings: Findings,
): Promise<void> {
  const rows = database === null ? fromSqlite(join(dataDir, 'thermoloop.db')) : await fromPostgres(database);
  const times = new Map(rows.map((row) => [row.job_id, Number(row.times)]));
  for (const [id, count] of times)
    if (count > 1) findings.doubled.add(`sample set of job ${id}: ${count} times`);
  for (const [id, { state }] of ledger.endedJobs)
    if (state === 'succeeded' && !times.has(id)) findings.lost.add(`sample set of job ${id}`);
}

interface SetsOfJob {
  job_id: string;
  times: number | string;
}

function fromSqlite(file: string): SetsOfJob[] {
  const db = new Database(file, { readonly: true });
  try {
    return db.prepare<[], SetsOfJob>(SETS).all();
  } finally {
    db.close();
  }
}

async function fromPostgres(connectionString: string): Promise<SetsOfJob[]> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    return (await client.query<SetsOfJob>(SETS)).rows;
  } finally {
    await client.end();
  }
}
