// PostgreSQL under the store: the database of several hosts. With dialect-postgres-changes.ts the only file that knows it.
import { randomBytes } from 'node:crypto';
import { PostgresDialect, sql, type Kysely } from 'kysely';
import pg from 'pg';
import { sleep, systemClock } from '../clock/clock.ts';
import type { Tables } from './database.ts';
import { listenToChanges, prepareChanges } from './dialect-postgres-changes.ts';
import type { StorageDialect } from './dialect.ts';
import { StoreError, type StoreErrorCode } from './errors.ts';

const CONNECTIONS = 10;
const CONNECT_WITHIN_MS = 5_000;
/** Longer than any statement of the store takes; a server that hangs is an error then. */
const STATEMENT_WITHIN_MS = 30_000;
const LOCK_WITHIN_MS = 5_000;
/** A host that froze inside a transaction keeps the rows of the others locked no longer than this. */
const IDLE_IN_TRANSACTION_MS = 5_000;
const KEEP_ALIVE_AFTER_MS = 10_000;
/** "thermolo" as a number: nobody else's lock. */
const MIGRATION_LOCK = 0x7468_6572_6d6fn;
const MIGRATION_ASK_MS = 100;
const MIGRATION_WITHIN_MS = 60_000;

/** Of 64-bit and exact numbers: times, sizes, counts and fences, all below 2^53. */
const INT8 = 20;
const NUMERIC = 1700;

/** Connects when it is first asked. @param url postgres://user:password@host/database, as libpq and its kin read it */
export function postgresDialect(url: string): StorageDialect {
  const name = `thermoloop ${randomBytes(8).toString('hex')}`;
  const config = connectionConfig(url, name);
  const pool = new pg.Pool({ ...config, max: CONNECTIONS });
  // The query that meets a broken connection fails with it; a connection that breaks while idle is replaced.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  return {
    name: 'postgres',
    kysely: new PostgresDialect({ pool }),
    keepRows: (query) => query.forShare(),
    classify,
    alone,
    prepare: prepareChanges,
    async now_ms(db) {
      const now = sql<{
        now_ms: number;
      }>`select (extract(epoch from clock_timestamp()) * 1000)::bigint as now_ms`;
      return (await now.execute(db)).rows[0].now_ms;
    },
    listen: (listener) => listenToChanges(config, name, listener),
  };
}

/** What every connection is made with. `name` marks the process, so that it can tell its own changes. */
function connectionConfig(url: string, name: string): pg.ClientConfig {
  const named = new URL(url);
  named.searchParams.delete('application_name');
  return {
    connectionString: named.href,
    application_name: name,
    connectionTimeoutMillis: CONNECT_WITHIN_MS,
    statement_timeout: STATEMENT_WITHIN_MS,
    lock_timeout: LOCK_WITHIN_MS,
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_AFTER_MS,
    types: { getTypeParser: parserOf as never },
  };
}

/** Numbers as numbers, everything else as pg has it. */
function parserOf(type: number, format?: 'text'): (text: string) => unknown {
  if (type === INT8 || type === NUMERIC) return Number;
  return pg.types.getTypeParser(type, format) as (text: string) => unknown;
}

async function alone<T>(db: Kysely<Tables>, work: (db: Kysely<Tables>) => Promise<T>): Promise<T> {
  return db.connection().execute(async (one) => {
    const start_ms = systemClock.now_ms();
    const tried = sql<{ mine: boolean }>`select pg_try_advisory_lock(${MIGRATION_LOCK}) as mine`;
    while (!(await tried.execute(one)).rows[0].mine) {
      if (systemClock.now_ms() - start_ms > MIGRATION_WITHIN_MS)
        throw new StoreError('locked', 'another host has been preparing the database for a minute', {
          remedy:
            'Look at the log of that host, or end its session in PostgreSQL; then start this one again.',
        });
      await sleep(systemClock, MIGRATION_ASK_MS);
    }
    try {
      return await work(one);
    } finally {
      // The server lets go of it by itself when the connection is lost.
      await sql`select pg_advisory_unlock(${MIGRATION_LOCK})`.execute(one).catch(() => undefined);
    }
  });
}

/** By SQLSTATE, whole or by class (postgresql.org/docs/current/errcodes-appendix.html). */
const CODES: readonly [RegExp, StoreErrorCode][] = [
  [/^23/, 'conflict'], // integrity constraints
  [/^25P02$/, 'conflict'], // a statement after one that failed in its transaction
  [/^53100$/, 'storage-full'],
  [/^(40001|40P01|55P03)$/, 'storage-busy'], // serialization, deadlock, a lock waited for too long
  [/^(08|53|57P|57014|25P03|28)/, 'storage-unavailable'], // connection, resources, shutdown, time-outs, refused log-in
  [/^3D000$/, 'storage-unavailable'], // no such database
];

/** Errors of a connection that pg makes itself, without a SQLSTATE. */
const BROKEN =
  /^(Connection terminated|Client has encountered a connection error|Client was closed|timeout exceeded when trying to connect|Query read timeout|Cannot use a pool after calling end|Postgres connection has been discarded)/;
const SYSTEM = /^(ECONN|EPIPE|ENOENT|ENOTFOUND|EAI_|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|EACCES)/;

function classify(error: unknown): StoreErrorCode | null {
  if (!(error instanceof Error)) return null;
  // Not "instanceof pg.DatabaseError" alone: Kysely's own errors of a transaction come from here as well.
  if (error.name === 'AbortedTransactionError') return 'conflict';
  const { code, syscall } = error as { code?: unknown; syscall?: unknown };
  if (error instanceof pg.DatabaseError)
    return CODES.find(([pattern]) => pattern.test(String(code)))?.[1] ?? 'storage-failed';
  if (BROKEN.test(error.message)) return 'storage-unavailable';
  const ofSocket =
    syscall === 'connect' || syscall === 'read' || syscall === 'write' || syscall === 'getaddrinfo';
  if (ofSocket && SYSTEM.test(String(code))) return 'storage-unavailable';
  // Several addresses of one name, all refused.
  return error instanceof AggregateError && error.errors.some((one) => classify(one) !== null)
    ? 'storage-unavailable'
    : null;
}
