// Makes a backup while the service runs: rows of one moment, then the blobs they name. It is written under another name and
// gets its own when it is whole and on the disk, so an interrupted one is never taken for a backup.
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { syncDirectory } from '../blobs/files.ts';
import { StoreError, isStoreError, toStoreError } from '../errors.ts';
import { referencedBlobs } from '../references.ts';
import type { Digest } from '../rows.ts';
import {
  DigestedFile,
  FORMAT,
  FORMAT_VERSION,
  KEY_FILES,
  blobPath,
  type BackupFile,
  type BackupManifest,
  type BackupTable,
  type OnBackupProgress,
} from './format.ts';
import { openSource, type BackupSource, type StorePlace } from './source.ts';
import { countRows, linesOf, tablesOf } from './tables.ts';

/** Jobs may be deleted while their blobs are copied: then the rows are read again. */
const ATTEMPTS = 5;

export interface BackupOptions {
  from: StorePlace;
  /** A path where nothing is yet. */
  to: string;
  program: string;
  wall_ms: number;
  onProgress?: OnBackupProgress;
}

/** @throws {StoreError} not-empty, not-found, corrupt-blob, storage-full, ... */
export async function writeBackup(options: BackupOptions): Promise<BackupManifest> {
  const to = resolve(options.to);
  const partial = `${to}.partial`;
  if (existsSync(to)) throw new StoreError('not-empty', `${to} exists already`);
  const source = await openSource(options.from);
  try {
    await rm(partial, { recursive: true, force: true });
    await mkdir(join(partial, 'blobs'), { recursive: true, mode: 0o700 });
    const manifest = await writeAll(source, partial, options);
    await rename(partial, to);
    await syncDirectory(dirname(to));
    return manifest;
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    throw toStoreError(error, `writing the backup ${to}`);
  } finally {
    await source.close();
  }
}

async function writeAll(
  source: BackupSource,
  directory: string,
  options: BackupOptions,
): Promise<BackupManifest> {
  const progress = options.onProgress ?? (() => undefined);
  const copied = new Map<Digest, number>();
  for (let attempt = 1; ; attempt++) {
    const { tables, digests } = await writeRows(source, directory, progress);
    try {
      await copyBlobs(source, directory, digests, copied, progress);
      const keys = await copyKeys(options.from.dataDir, directory);
      return await writeManifest(directory, {
        format: FORMAT,
        version: FORMAT_VERSION,
        createdAt: new Date(options.wall_ms).toISOString(),
        program: options.program,
        schema: source.schema,
        database: source.dialect,
        tables,
        keys,
        blobs: {
          count: digests.length,
          bytes: digests.reduce((sum, one) => sum + (copied.get(one) ?? 0), 0),
        },
        blobList: await writeList(directory, digests, copied),
      });
    } catch (error) {
      // A blob that is not there: its row was deleted meanwhile, or the store is damaged.
      if (!isStoreError(error, 'not-found') || attempt === ATTEMPTS) throw error;
    }
  }
}

async function writeRows(
  source: BackupSource,
  directory: string,
  progress: OnBackupProgress,
): Promise<{ tables: BackupTable[]; digests: Digest[] }> {
  await rm(join(directory, 'tables'), { recursive: true, force: true });
  await mkdir(join(directory, 'tables'), { mode: 0o700 });
  return source.snapshot(async (db) => {
    const all = await tablesOf(db);
    let total = 0;
    for (const { name } of all) total += await countRows(db, name);
    let done = 0;
    const tables: BackupTable[] = [];
    for (const table of all) {
      const file = await DigestedFile.create(directory, `tables/${table.name}.jsonl`);
      let rows = 0;
      for await (const lines of linesOf(db, table)) {
        await file.write(lines.join(''));
        rows += lines.length;
        progress('rows', (done += lines.length), total);
      }
      tables.push({ name: table.name, rows, ...(await file.end()) });
    }
    const digests = [...(await referencedBlobs(db))].sort();
    return { tables, digests };
  });
}

async function copyBlobs(
  source: BackupSource,
  directory: string,
  digests: readonly Digest[],
  copied: Map<Digest, number>,
  progress: OnBackupProgress,
): Promise<void> {
  let done = 0;
  for (const digest of digests) {
    if (!copied.has(digest)) {
      // Verified on the way: a damaged blob must not become the good copy.
      const bytes = await source.blobs.get(digest);
      const path = blobPath(digest);
      await mkdir(join(directory, dirname(path)), { recursive: true, mode: 0o700 });
      const file = await DigestedFile.create(directory, path);
      await file.write(bytes);
      copied.set(digest, (await file.end()).bytes);
    }
    progress('blobs', ++done, digests.length);
  }
}

async function writeList(
  directory: string,
  digests: readonly Digest[],
  copied: ReadonlyMap<Digest, number>,
): Promise<BackupFile> {
  const file = await DigestedFile.create(directory, 'blobs.jsonl');
  for (const digest of digests)
    await file.write(`${JSON.stringify({ digest, bytes: copied.get(digest) })}\n`);
  return file.end();
}

async function copyKeys(dataDir: string, directory: string): Promise<BackupFile[]> {
  await mkdir(join(directory, 'keys'), { recursive: true, mode: 0o700 });
  const keys: BackupFile[] = [];
  for (const name of KEY_FILES) {
    if (!existsSync(join(dataDir, name))) continue;
    const file = await DigestedFile.create(directory, `keys/${name}`);
    await file.write(await readFile(join(dataDir, name)));
    keys.push(await file.end());
  }
  return keys;
}

async function writeManifest(directory: string, manifest: BackupManifest): Promise<BackupManifest> {
  const text = `${JSON.stringify(manifest, null, 2)}\n`;
  const digest = createHash('sha256').update(text).digest('hex');
  await writeFile(join(directory, 'manifest.json'), text, { mode: 0o600, flush: true });
  await writeFile(join(directory, 'manifest.sha256'), `${digest}\n`, { mode: 0o600, flush: true });
  for (const folder of ['tables', 'blobs', 'keys', '.']) await syncDirectory(join(directory, folder));
  return manifest;
}
