// SQLite under the store: the only file that knows which database it is. Settings as measured in docs/adr (WAL,
// synchronous=FULL: a commit that was answered is on the disk).
import Database from 'better-sqlite3';
import { SqliteDialect, SqliteDriver, type DatabaseConnection, type SqliteDialectConfig } from 'kysely';
import type { StorageDialect } from './dialect.ts';
import { toStoreError, type StoreErrorCode } from './errors.ts';
import { KeptStatements } from './statements.ts';

const BUSY_TIMEOUT_MS = 5_000;

/** Opens (and makes) the database file. */
export function sqliteDialect(file: string): StorageDialect & { database: Database.Database } {
  try {
    const database = new Database(file, { timeout: BUSY_TIMEOUT_MS });
    database.pragma('journal_mode = WAL');
    database.pragma('synchronous = FULL');
    database.pragma('foreign_keys = ON');
    // What is deleted is overwritten, not just forgotten: models and results can be confidential.
    database.pragma('secure_delete = ON');
    return {
      name: 'sqlite',
      kysely: new Dialect({ database: new KeptStatements(database) }),
      // Transactions take turns on the one connection there is.
      keepRows: (query) => query,
      alone: (db, work) => work(db), // the directory is locked
      prepare: () => Promise.resolve(),
      now_ms: null,
      listen: null,
      classify,
      database,
    };
  } catch (error) {
    throw toStoreError(error, `opening ${file}`, classify);
  }
}

/**
 * Holds an exclusive lock on a file until `release` or the end of the process, however it ends; null when somebody
 * else holds it. The operating system's lock through SQLite, because Node has no flock of its own.
 */
export function tryLockFile(file: string): { release(): void } | null {
  const database = new Database(file, { timeout: 0 });
  try {
    database.exec('BEGIN EXCLUSIVE');
    return { release: () => database.close() };
  } catch (error) {
    database.close();
    if (classify(error) === 'locked') return null;
    throw toStoreError(error, `locking ${file}`, classify);
  }
}

class Dialect extends SqliteDialect {
  readonly #config: SqliteDialectConfig;
  constructor(config: SqliteDialectConfig) {
    super(config);
    this.#config = config;
  }
  override createDriver(): SqliteDriver {
    return new Driver(this.#config);
  }
}

// A full disk makes SQLite roll back by itself; the second rollback must not hide the first error.
class Driver extends SqliteDriver {
  override async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    try {
      await super.rollbackTransaction(connection);
    } catch (error) {
      if (!/no transaction is active/.test(String(error))) throw error;
    }
  }
}

function classify(error: unknown): StoreErrorCode | null {
  if (!(error instanceof Database.SqliteError)) return null;
  const { code } = error;
  if (code === 'SQLITE_FULL') return 'storage-full';
  if (code.startsWith('SQLITE_CONSTRAINT')) return 'conflict';
  if (code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED')) return 'locked';
  return 'storage-failed';
}
