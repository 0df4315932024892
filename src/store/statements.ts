// Prepared statements of SQLite, kept by their text: compiling one takes longer than running it, and the store says the same few
// hundred things all day.
import type { SqliteDatabase, SqliteStatement } from 'kysely';

/** Texts with lists of different lengths are many; the ones in use stay. */
const KEPT = 400;

/** A database whose statements are prepared once. Only for queries that are read to their end at once. */
export class KeptStatements implements SqliteDatabase {
  readonly #database: SqliteDatabase;
  /** The oldest use first. */
  readonly #kept = new Map<string, SqliteStatement>();

  constructor(database: SqliteDatabase) {
    this.#database = database;
  }

  prepare(sql: string): SqliteStatement {
    const statement = this.#kept.get(sql) ?? this.#database.prepare(sql);
    this.#kept.delete(sql);
    this.#kept.set(sql, statement);
    if (this.#kept.size > KEPT) {
      const [oldest] = this.#kept.keys();
      this.#kept.delete(oldest);
    }
    return statement;
  }

  close(): void {
    this.#kept.clear();
    this.#database.close();
  }
}
