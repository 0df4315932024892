// Opens a data directory and hands out everything that is kept in it: rows through repositories, blobs by digest.
import type { Clock } from '../clock/clock.ts';
import type { BlobStore, Repositories } from './repositories.ts';

export interface StoreOptions {
  /** Made when absent. One process per directory. */
  dataDir: string;
  clock: Clock;
}

export interface Store extends Repositories {
  readonly blobs: BlobStore;
  readonly dataDir: string;
  /**
   * Runs `work` in one transaction: all of it is kept or nothing is. Use only the repositories handed in; asking the
   * store itself from inside is refused, because it would wait for its own transaction. Blobs go in before it.
   */
  transaction<T>(work: (tx: Repositories) => Promise<T>): Promise<T>;
  /** A new ULID, greater than every one before. */
  newId(): string;
  /** Rejects when the database does not answer; for readiness. */
  check(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Opens (and if need be makes or migrates) the data directory.
 * Errors: `locked` names the holder; `schema-too-new`; `storage-full`.
 */
export function openStore(_options: StoreOptions): Promise<Store> {
  throw new Error('not written yet');
}
