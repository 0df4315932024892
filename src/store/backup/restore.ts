// Puts a backup into an empty place: everything is checked first, then blobs and keys are written, and last the rows, in one
// transaction at the schema they come from, which is then brought to that of this program like any older database.
import { Kysely } from 'kysely';
import { createReadStream, existsSync, readdirSync } from 'node:fs';
import { copyFile, mkdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { blobStore } from '../blobs/blobs.ts';
import { declareBlobs } from '../blobs/declared.ts';
import { openFileBlobs, syncDirectory } from '../blobs/files.ts';
import type { BlobPlace } from '../blobs/place.ts';
import { rowBlobs } from '../blobs/rows.ts';
import type { Tables } from '../database.ts';
import { postgresDialect } from '../dialect-postgres.ts';
import { sqliteDialect } from '../dialect-sqlite.ts';
import { StoreError, toStoreError } from '../errors.ts';
import { MIGRATIONS, migrate } from '../migrations.ts';
import { digestOf } from '../model-content.ts';
import type { Digest } from '../rows.ts';
import {
  badBackup,
  blobPath,
  checkFile,
  readManifest,
  type BackupManifest,
  type OnBackupProgress,
} from './format.ts';
import { rowOf, type Row } from './tables.ts';
import type { StorePlace } from './source.ts';

const INSERT_ROWS = 100;

export interface RestoreOptions {
  /** A directory that writeBackup made. */
  from: string;
  /** A data directory that is not there or empty, and an empty database. */
  to: StorePlace;
  wall_ms: number;
  onProgress?: OnBackupProgress;
}

/** @throws {StoreError} bad-backup (names the file), schema-too-new, not-empty, storage-full, ... */
export async function restoreBackup(options: RestoreOptions): Promise<BackupManifest> {
  const { to } = options;
  const dataDir = resolve(to.dataDir);
  if (to.database !== undefined && to.blobs === undefined)
    throw new StoreError('storage-failed', 'a PostgreSQL is named, but not where blobs lie', {
      remedy: 'Set THERMOLOOP_BLOBS: "database", or a directory that all hosts share.',
    });
  if (existsSync(dataDir) && readdirSync(dataDir).length > 0)
    throw new StoreError('not-empty', `${dataDir} is not empty`);
  const manifest = await readManifest(options.from);
  const blobs = await checkAll(manifest, options);
  const partial = `${dataDir}.partial`;
  await rm(partial, { recursive: true, force: true });
  try {
    await mkdir(partial, { recursive: true, mode: 0o700 });
    await fill({ ...to, dataDir: partial }, manifest, blobs, options);
    await rename(partial, dataDir);
    await syncDirectory(dirname(dataDir));
    return manifest;
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    throw toStoreError(error, `restoring ${options.from}`);
  }
}

/** Holds every file to its digest before anything is written. */
async function checkAll(
  manifest: BackupManifest,
  { from, onProgress }: RestoreOptions,
): Promise<{ digest: Digest; bytes: number }[]> {
  for (const file of [...manifest.tables, ...manifest.keys, manifest.blobList]) await checkFile(from, file);
  const blobs: { digest: Digest; bytes: number }[] = [];
  for await (const line of linesIn(join(from, manifest.blobList.path)))
    blobs.push(JSON.parse(line) as { digest: Digest; bytes: number });
  let done = 0;
  for (const { digest, bytes } of blobs) {
    const path = join(from, blobPath(digest));
    const size = await stat(path).then(
      (found) => found.size,
      () => null,
    );
    if (size === null) throw badBackup(`${path} is missing`);
    if (size !== bytes) throw badBackup(`${path} is damaged: it has ${size} bytes instead of ${bytes}`);
    await checkFile(from, { path: blobPath(digest), bytes, sha256: digest.slice('sha256:'.length) });
    onProgress?.('check', ++done, blobs.length);
  }
  return blobs;
}

async function fill(
  to: StorePlace,
  manifest: BackupManifest,
  blobs: readonly { digest: Digest; bytes: number }[],
  options: RestoreOptions,
): Promise<void> {
  const { dataDir, database } = to;
  const wall_ms = (): number => options.wall_ms;
  const dialect =
    database === undefined ? sqliteDialect(join(dataDir, 'thermoloop.db')) : postgresDialect(database);
  const db = new Kysely<Tables>({ dialect: dialect.kysely });
  try {
    await dialect.alone(db, async (one) => {
      if ((await one.introspection.getTables()).length > 0)
        throw new StoreError('not-empty', 'the database has tables already');
      await migrate(one, wall_ms, MIGRATIONS.slice(0, manifest.schema));
      await insertAll(one, manifest, options);
      await migrate(one, wall_ms);
      await dialect.prepare(one);
      if (database !== undefined && to.blobs !== undefined) await declareBlobs(one, to.blobs);
    });
    const rows = rowBlobs({ db: () => db, atomic: (work) => db.transaction().execute(work), wall_ms });
    const files = to.blobs === 'database' ? null : await filesOf(to);
    await copyBlobs(blobStore(files === null ? [rows] : [rows, files]), blobs, options);
    for (const { path } of manifest.keys)
      await copyFile(join(options.from, path), join(dataDir, path.slice('keys/'.length)));
    await syncDirectory(dataDir);
  } catch (error) {
    throw toStoreError(error, 'filling the store', (e) => dialect.classify(e));
  } finally {
    await db.destroy();
  }
}

function filesOf({ dataDir, blobs }: StorePlace): Promise<BlobPlace> {
  return blobs === undefined ? openFileBlobs(join(dataDir, 'blobs')) : openFileBlobs(blobs, { shared: true });
}

async function copyBlobs(
  into: ReturnType<typeof blobStore>,
  blobs: readonly { digest: Digest; bytes: number }[],
  { from, onProgress }: RestoreOptions,
): Promise<void> {
  let done = 0;
  for (const { digest } of blobs) {
    const path = join(from, blobPath(digest));
    const bytes = await readFile(path);
    if (digestOf(bytes) !== digest) throw badBackup(`${path} is damaged: it has another digest`);
    await into.put(bytes);
    onProgress?.('blobs', ++done, blobs.length);
  }
}

/** All rows or none. */
async function insertAll(
  db: Kysely<Tables>,
  manifest: BackupManifest,
  { from, onProgress }: RestoreOptions,
): Promise<void> {
  const total = manifest.tables.reduce((sum, { rows }) => sum + rows, 0);
  let done = 0;
  await db.transaction().execute(async (tx) => {
    for (const { name, path } of manifest.tables) {
      let batch: Row[] = [];
      const flush = async (): Promise<void> => {
        if (batch.length > 0)
          await tx
            .insertInto(name as keyof Tables)
            .values(batch)
            .execute();
        onProgress?.('rows', (done += batch.length), total);
        batch = [];
      };
      for await (const line of linesIn(join(from, path))) {
        const row = elsewhere(name, rowOf(line));
        if (row !== null) batch.push(row);
        if (batch.length === INSERT_ROWS) await flush();
      }
      await flush();
    }
  });
}

/** What is true only where the backup was made. */
function elsewhere(table: string, row: Row): Row | null {
  // Where blobs lie is decided anew.
  if (table === 'setting' && row['name'] === 'blobs') return null;
  // Whoever held a device is not here; its fence must go on rising.
  if (table === 'device_lease') return { ...row, lease_until_ms: 0 };
  return row;
}

async function* linesIn(path: string): AsyncGenerator<string> {
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Infinity }))
    if (line !== '') yield line;
}
