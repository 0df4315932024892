// A store to be read beside the service that runs on it: no lock is taken, nothing is migrated, nothing is cleaned up.
import { Kysely } from 'kysely';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { blobStore } from '../blobs/blobs.ts';
import { openFileBlobs } from '../blobs/files.ts';
import type { BlobPlace } from '../blobs/place.ts';
import { rowBlobs } from '../blobs/rows.ts';
import type { Tables } from '../database.ts';
import { postgresDialect } from '../dialect-postgres.ts';
import { sqliteDialect } from '../dialect-sqlite.ts';
import { StoreError, toStoreError } from '../errors.ts';
import { MIGRATIONS } from '../migrations.ts';
import type { BlobStore } from '../repositories.ts';

export interface StorePlace {
  dataDir: string;
  /** postgres://...; unless told, SQLite in `dataDir`. */
  database?: string;
  /** As in StoreOptions. */
  blobs?: string;
}

export interface BackupSource {
  db: Kysely<Tables>;
  dialect: 'sqlite' | 'postgres';
  schema: number;
  blobs: BlobStore;
  /** Runs `work` on one state of the database, whatever is written meanwhile. */
  snapshot<T>(work: (db: Kysely<Tables>) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** @throws {StoreError} not-found, schema-too-new, storage-failed, storage-unavailable */
export async function openSource({ dataDir, database, blobs }: StorePlace): Promise<BackupSource> {
  const file = join(dataDir, 'thermoloop.db');
  if (database === undefined && !existsSync(file))
    throw new StoreError('not-found', `there is no database in ${dataDir}`, {
      remedy:
        'Name the data directory of the service with --data, or its PostgreSQL with THERMOLOOP_DATABASE_URL.',
    });
  const dialect = database === undefined ? sqliteDialect(file) : postgresDialect(database);
  const db = new Kysely<Tables>({ dialect: dialect.kysely });
  try {
    const schema = await schemaOf(db);
    return {
      db,
      dialect: dialect.name,
      schema,
      blobs: blobStore(await placesOf(db, dataDir, blobs, schema), (error, doing) =>
        toStoreError(error, doing, (e) => dialect.classify(e)),
      ),
      snapshot: (work) => {
        const transaction = db.transaction();
        // SQLite knows nothing else: a transaction reads the state at its first read.
        return (
          dialect.name === 'postgres' ? transaction.setIsolationLevel('repeatable read') : transaction
        ).execute(work);
      },
      close: () => db.destroy(),
    };
  } catch (error) {
    await db.destroy();
    throw toStoreError(error, `reading the store of ${dataDir}`, (e) => dialect.classify(e));
  }
}

async function schemaOf(db: Kysely<Tables>): Promise<number> {
  const found = await db
    .selectFrom('schema_version')
    .select((e) => e.fn.max('version').as('version'))
    .executeTakeFirst();
  const schema = Number(found?.version ?? 0);
  if (schema <= MIGRATIONS.length) return schema;
  throw new StoreError(
    'schema-too-new',
    `the data directory has schema ${schema}, this program knows ${MIGRATIONS.length} and older`,
  );
}

async function placesOf(
  db: Kysely<Tables>,
  dataDir: string,
  blobs: string | undefined,
  schema: number,
): Promise<[BlobPlace, ...BlobPlace[]]> {
  const places: BlobPlace[] = [];
  if (schema >= BLOB_ROWS_SINCE)
    places.push(
      rowBlobs({ db: () => db, atomic: (work) => db.transaction().execute(work), wall_ms: () => 0 }),
    );
  // As a guest: files half-written belong to the service that runs.
  if (blobs !== 'database')
    places.push(await openFileBlobs(blobs ?? join(dataDir, 'blobs'), { shared: true }));
  return places as [BlobPlace, ...BlobPlace[]];
}

/** The schema that made the table of blobs. */
const BLOB_ROWS_SINCE = MIGRATIONS.findIndex(({ name }) => name === 'blobs') + 1;
