// What every repository needs, and the small pieces they share: JSON columns, paging, conditional writes.
import type { Kysely } from 'kysely';
import type { Clock } from '../../clock/clock.ts';
import type { Tables } from '../database.ts';
import { StoreError, toStoreError } from '../errors.ts';
import type { StorageDialect } from '../dialect.ts';
import type { Page } from '../page.ts';
import type { Json } from '../rows.ts';

export interface Context {
  /** The connection to ask now; throws where asking would wait for its own transaction. */
  db(): Kysely<Tables>;
  /** Runs several statements as one: in the transaction that is open, or in one of its own. */
  atomic<T>(work: (db: Kysely<Tables>) => Promise<T>): Promise<T>;
  clock: Clock;
  /** Wall milliseconds of the clock that all hosts share; leases go by it. */
  now_ms(): Promise<number>;
  newId(): string;
  dialect: StorageDialect;
}

const LIMIT = 50;
const LIMIT_MAX = 500;

/** Wraps every method of a repository so that it rejects with StoreError only. */
export function guarded<T extends object>(context: Context, name: string, repository: T): T {
  const wrapped = Object.entries(repository).map(([method, call]) => [
    method,
    async (...parameters: unknown[]): Promise<unknown> => {
      try {
        return await (call as (...p: unknown[]) => Promise<unknown>)(...parameters);
      } catch (error) {
        throw toStoreError(error, `${name}.${method}`, (e) => context.dialect.classify(e));
      }
    },
  ]);
  return Object.fromEntries(wrapped) as T;
}

/** Row or `not-found`. */
export function orNotFound<T>(row: T | null | undefined, what: string, id: string): T {
  if (row === null || row === undefined) throw new StoreError('not-found', `there is no ${what} ${id}`);
  return row;
}

/** Limit, comparison and direction of a page by id. */
export function paging(page: Page): {
  limit: number;
  compare: '<' | '>';
  direction: 'asc' | 'desc';
} {
  const oldestFirst = page.order === 'oldest-first';
  return {
    limit: Math.min(Math.max(1, page.limit ?? LIMIT), LIMIT_MAX),
    compare: oldestFirst ? '>' : '<',
    direction: oldestFirst ? 'asc' : 'desc',
  };
}

/** A column of JSON text. */
export function fromJson<T>(text: string): T {
  return JSON.parse(text) as T;
}

/** A nullable column of JSON text. */
export function fromNullableJson<T>(text: string | null): T | null {
  return text === null ? null : fromJson<T>(text);
}

/** JSON text; null stays null. */
export function toNullableJson(value: Json | object | null): string | null {
  return value === null ? null : JSON.stringify(value);
}

/** Drops the entries that are undefined, so that an update leaves their columns alone. */
export function defined<T extends object>(values: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]: Exclude<T[K], undefined> };
}

/** `map(value)` unless the value is undefined. */
export function mapDefined<T, R>(value: T | undefined, map: (value: T) => R): R | undefined {
  return value === undefined ? undefined : map(value);
}
