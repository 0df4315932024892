// What a database has to be for the store: Kysely's dialect, and the meaning of its errors. Everything else in this
// room is written for any of them.
import type { Dialect, Kysely, SelectQueryBuilder } from 'kysely';
import type { Tables } from './database.ts';
import type { StoreErrorCode } from './errors.ts';

/** A row that another process has written. */
export interface StoreChange {
  table: 'job' | 'calibration' | 'device' | 'key';
  id: string;
}

export interface ChangeListener {
  /** What another process has committed. */
  onChange(change: StoreChange): void;
  /** Changes may have gone unheard: look at everything again. */
  onGap?(): void;
}

export interface StorageDialect {
  readonly name: 'sqlite' | 'postgres';
  readonly kysely: Dialect;
  /** The same query; the rows it reads stay as they are until the transaction ends. */
  keepRows<DB, TB extends keyof DB, O>(query: SelectQueryBuilder<DB, TB, O>): SelectQueryBuilder<DB, TB, O>;
  /** The store's code for an error of this database; null when the error is not the database's. */
  classify(error: unknown): StoreErrorCode | null;
  /** Runs `work` on one connection while no other process does so: hosts that start together migrate in turn. */
  alone<T>(db: Kysely<Tables>, work: (db: Kysely<Tables>) => Promise<T>): Promise<T>;
  /** What the tables need beyond the migrations in this database; may be called again and again. */
  prepare(db: Kysely<Tables>): Promise<void>;
  /** Wall milliseconds of the database's clock, which all hosts share; null: there is one process, with a clock. */
  readonly now_ms: ((db: Kysely<Tables>) => Promise<number>) | null;
  /** Listens to other processes until `close`; null where there are none. */
  readonly listen: ((listener: ChangeListener) => Promise<{ close(): Promise<void> }>) | null;
}
