// What a database has to be for the store: Kysely's dialect, and the meaning of its errors. Everything else in this
// room is written for any of them.
import type { Dialect, SelectQueryBuilder } from 'kysely';
import type { StoreErrorCode } from './errors.ts';

export interface StorageDialect {
  readonly name: 'sqlite';
  readonly kysely: Dialect;
  /** The same query; the rows it reads stay as they are until the transaction ends. */
  keepRows<DB, TB extends keyof DB, O>(query: SelectQueryBuilder<DB, TB, O>): SelectQueryBuilder<DB, TB, O>;
  /** The store's code for an error of this database; null when the error is not the database's. */
  classify(error: unknown): StoreErrorCode | null;
}
