// Opens a data directory and hands out everything that is kept in it: rows through repositories, blobs by digest.
import { Kysely } from 'kysely';
import { AsyncLocalStorage } from 'node:async_hooks';
import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../clock/clock.ts';
import { blobStore } from './blobs/blobs.ts';
import { openFileBlobs } from './blobs/files.ts';
import type { BlobPlace } from './blobs/place.ts';
import { declareBlobs } from './blobs/declared.ts';
import { rowBlobs } from './blobs/rows.ts';
import type { Tables } from './database.ts';
import { sqliteDialect } from './dialect-sqlite.ts';
import { postgresDialect } from './dialect-postgres.ts';
import type { ChangeListener, StorageDialect, StoreChange } from './dialect.ts';
import { lockDirectory } from './directory-lock.ts';
import { StoreError, toStoreError } from './errors.ts';
import { migrate } from './migrations.ts';
import type { BlobStore, Repositories } from './repositories.ts';
import { activeCalibrationRepository } from './tables/active-calibrations.ts';
import { auditRepository } from './tables/audit.ts';
import { calibrationRepository } from './tables/calibrations.ts';
import { captureRepository } from './tables/captures.ts';
import { certificateRepository } from './tables/certificates.ts';
import { guarded, type Context } from './tables/context.ts';
import { deletionRepository } from './tables/deletion.ts';
import { deviceRepository } from './tables/devices.ts';
import { driftRepository } from './tables/drift.ts';
import { heatRepository } from './tables/heat.ts';
import { idempotencyRepository } from './tables/idempotency.ts';
import { jobRepository } from './tables/jobs.ts';
import { keyRepository } from './tables/keys.ts';
import { leaseRepository } from './tables/leases.ts';
import { modelRepository } from './tables/models.ts';
import { sampleSetRepository } from './tables/sample-sets.ts';
import { smallBlobRepository } from './tables/small-blobs.ts';
import { useLeaseRepository } from './tables/use-leases.ts';
import { ticketRepository } from './tables/tickets.ts';
import { webhookRepository } from './tables/webhooks.ts';
import { createUlidSource } from './ulid.ts';

export interface StoreOptions {
  /** Made when absent. One process per directory. */
  dataDir: string;
  clock: Clock;
  /** postgres://user:password@host/name, for several hosts on one database. Unless told, SQLite in `dataDir`. */
  database?: string;
  /** Where big blobs lie. Files of the data directory unless told; with `database` it has to be told. */
  blobs?: BlobsPlace;
}

/** `database`, or the path of a directory that exists and that other hosts may write to as well. */
export type BlobsPlace = string;

export interface Store extends Repositories {
  readonly blobs: BlobStore;
  readonly dataDir: string;
  readonly dialect: StorageDialect['name'];
  /**
   * Runs `work` in one transaction: all of it is kept or nothing is. Use only the repositories handed in; asking the
   * store itself from inside is refused, because it would wait for its own transaction. Blobs go in before it.
   * Errors of `work` that are not the database's come out unchanged.
   */
  transaction<T>(work: (tx: Repositories) => Promise<T>): Promise<T>;
  /** A new ULID, greater than every one before. */
  newId(): string;
  /** Rejects when the database does not answer; for readiness. */
  check(): Promise<void>;
  /**
   * Tells what other processes have committed; nothing ever where one process has the database (SQLite).
   * @param onGap changes may have been missed meanwhile: look at everything again
   * @returns ends it
   */
  readonly onChange: (onChange: (change: StoreChange) => void, onGap?: () => void) => () => void;
  close(): Promise<void>;
}

/**
 * Opens (and if need be makes or migrates) the data directory.
 * Errors: `locked` names the holder; `schema-too-new`; `storage-unavailable`; `storage-full`; `storage-failed`.
 */
export async function openStore({ dataDir, clock, database, blobs }: StoreOptions): Promise<Store> {
  if (database !== undefined && blobs === undefined) throw undeclaredBlobs();
  makeDirectory(dataDir);
  const lock = lockDirectory(dataDir, clock.wall_ms());
  try {
    const files = await openFiles(dataDir, blobs);
    const dialect =
      database === undefined ? sqliteDialect(join(dataDir, 'thermoloop.db')) : postgresDialect(database);
    const db = new Kysely<Tables>({ dialect: dialect.kysely });
    try {
      await dialect.alone(db, async (one) => {
        await migrate(one, () => clock.wall_ms());
        await dialect.prepare(one);
        if (database !== undefined && blobs !== undefined) await declareBlobs(one, blobs);
      });
      return await makeStore({ dataDir, clock, dialect, db, files, release: () => lock.release() });
    } catch (error) {
      await db.destroy();
      throw toStoreError(error, `opening ${dataDir}`, (e) => dialect.classify(e));
    }
  } catch (error) {
    lock.release();
    throw error;
  }
}

function undeclaredBlobs(): StoreError {
  return new StoreError('storage-failed', "several hosts can use this database, but not each other's files", {
    remedy: 'Say where blobs lie, THERMOLOOP_BLOBS: "database", or a directory that all hosts share.',
  });
}

/** Null when the database has all blobs. */
async function openFiles(dataDir: string, blobs: BlobsPlace | undefined): Promise<BlobPlace | null> {
  if (blobs === 'database') return null;
  return blobs === undefined ? openFileBlobs(join(dataDir, 'blobs')) : openFileBlobs(blobs, { shared: true });
}

function makeDirectory(dataDir: string): void {
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw toStoreError(error, `making the data directory ${dataDir}`);
  }
}

interface Parts {
  dataDir: string;
  clock: Clock;
  dialect: StorageDialect;
  db: Kysely<Tables>;
  files: BlobPlace | null;
  release(): void;
}

async function makeStore(parts: Parts): Promise<Store> {
  const { dataDir, clock, dialect, db } = parts;
  const newId = createUlidSource({
    wall_ms: () => clock.wall_ms(),
    random: randomBytes,
    after: await lastId(db),
  });
  const listeners = new Set<ChangeListener>();
  const listening = await dialect.listen?.({
    onChange: (change) => listeners.forEach((listener) => listener.onChange(change)),
    onGap: () => listeners.forEach((listener) => listener.onGap?.()),
  });
  const open = new AsyncLocalStorage<{ open: boolean }>();
  const outside = (): Kysely<Tables> => {
    if (open.getStore()?.open !== true) return db;
    throw new StoreError('conflict', 'the store was asked inside its own transaction', {
      remedy: 'Use the repositories that the transaction hands in.',
    });
  };
  const context = (connection: () => Kysely<Tables>): Context => ({
    db: connection,
    atomic: (work) => {
      const here = connection();
      return here.isTransaction ? work(here) : here.transaction().execute(work);
    },
    clock,
    now_ms: async () => (dialect.now_ms === null ? clock.wall_ms() : dialect.now_ms(connection())),
    newId,
    dialect,
  });
  const here = context(outside);
  const rows = rowBlobs({ db: outside, atomic: (work) => here.atomic(work), wall_ms: () => clock.wall_ms() });
  return {
    ...repositories(here),
    blobs: blobStore(parts.files === null ? [rows] : [rows, parts.files], (error, doing) =>
      toStoreError(error, doing, (e) => dialect.classify(e)),
    ),
    dataDir,
    dialect: dialect.name,
    newId,
    async transaction(work) {
      const transaction = outside().transaction();
      const scope = { open: true };
      try {
        return await transaction.execute((tx) =>
          open.run(scope, () => work(repositories(context(() => tx)))),
        );
      } catch (error) {
        throw dialect.classify(error) === null
          ? error
          : toStoreError(error, 'transaction', (e) => dialect.classify(e));
      } finally {
        scope.open = false;
      }
    },
    async check() {
      try {
        await outside().selectFrom('schema_version').select('version').executeTakeFirstOrThrow();
      } catch (error) {
        throw toStoreError(error, 'checking the database', (e) => dialect.classify(e));
      }
    },
    onChange(onChange, onGap) {
      const listener = { onChange, onGap };
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async close() {
      await listening?.close();
      await db.destroy();
      parts.release();
    },
  };
}

function repositories(context: Context): Repositories {
  const calibrations = guarded(context, 'calibrations', calibrationRepository(context));
  const active = activeCalibrationRepository(context, calibrations);
  return {
    models: guarded(context, 'models', modelRepository(context)),
    jobs: guarded(context, 'jobs', jobRepository(context)),
    sampleSets: guarded(context, 'sampleSets', sampleSetRepository(context)),
    calibrations,
    keys: guarded(context, 'keys', keyRepository(context)),
    idempotency: guarded(context, 'idempotency', idempotencyRepository(context)),
    tickets: guarded(context, 'tickets', ticketRepository(context)),
    audit: guarded(context, 'audit', auditRepository(context)),
    certificates: guarded(context, 'certificates', certificateRepository(context)),
    leases: guarded(context, 'leases', leaseRepository(context)),
    devices: guarded(context, 'devices', deviceRepository(context)),
    smallBlobs: guarded(context, 'smallBlobs', smallBlobRepository(context)),
    useLeases: guarded(context, 'useLeases', useLeaseRepository(context)),
    activeCalibrations: guarded(context, 'activeCalibrations', active),
    deletion: guarded(context, 'deletion', deletionRepository(context)),
    captures: guarded(context, 'captures', captureRepository(context)),
    webhooks: guarded(context, 'webhooks', webhookRepository(context)),
    heat: guarded(context, 'heat', heatRepository(context)),
    drift: guarded(context, 'drift', driftRepository(context)),
  };
}

/** The greatest id that the store itself has given, so that ids keep rising over a restart with a clock set back. */
async function lastId(db: Kysely<Tables>): Promise<string | undefined> {
  const greatest = await Promise.all(
    (['model', 'sample_set', 'audit'] as const).map((table) =>
      db
        .selectFrom(table)
        .select((e) => e.fn.max('id').as('id'))
        .executeTakeFirst(),
    ),
  );
  return greatest
    .flatMap((row) => row?.id ?? [])
    .sort()
    .at(-1);
}
