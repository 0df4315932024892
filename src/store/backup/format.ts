// What a backup is: a directory with the rows of every table as JSON lines, the blobs they name as files named by digest, the
// keys that sign certificates, and a manifest with the digest of everything. It knows no database: what SQLite wrote
// PostgreSQL reads, and the reverse.
//
//   manifest.json  manifest.sha256  tables/NAME.jsonl  blobs/ab/ab34...  keys/certificate-key.pem  keys/certificate-keys.json
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, readFile, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { StoreError, toStoreError } from '../errors.ts';
import { MIGRATIONS } from '../migrations.ts';

export const FORMAT = 'thermoloop-backup';
export const FORMAT_VERSION = 1;
/** Files of the data directory that are no rows and no blobs. */
export const KEY_FILES = ['certificate-key.pem', 'certificate-keys.json'] as const;

export interface BackupFile {
  /** From the top of the backup. */
  path: string;
  bytes: number;
  /** Hexadecimal. */
  sha256: string;
}

export interface BackupTable extends BackupFile {
  name: string;
  rows: number;
}

export interface BackupManifest {
  format: typeof FORMAT;
  version: number;
  createdAt: string;
  /** Of the program that made it. */
  program: string;
  /** The rows have the columns of this schema. */
  schema: number;
  database: 'sqlite' | 'postgres';
  tables: BackupTable[];
  keys: BackupFile[];
  blobs: { count: number; bytes: number };
  /** The digests and sizes of the blobs, one JSON line each. */
  blobList: BackupFile;
}

/** A step of a long work, for bars. */
export type BackupStep = 'rows' | 'blobs' | 'check';
export type OnBackupProgress = (step: BackupStep, done: number, total: number) => void;

export const blobPath = (digest: string): string => {
  const hex = digest.slice('sha256:'.length);
  return join('blobs', hex.slice(0, 2), hex);
};

/** A backup that cannot be believed; names the file. */
export function badBackup(message: string, cause?: unknown): StoreError {
  return new StoreError('bad-backup', message, { cause });
}

/**
 * Reads and judges the manifest.
 * @throws {StoreError} bad-backup, schema-too-new
 */
export async function readManifest(directory: string): Promise<BackupManifest> {
  const path = join(directory, 'manifest.json');
  let text: string;
  let digest: string;
  try {
    text = await readFile(path, 'utf8');
    digest = (await readFile(join(directory, 'manifest.sha256'), 'utf8')).trim();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'ENOTDIR') throw toStoreError(error, `reading ${path}`);
    throw badBackup(`${directory} is no backup: it has no manifest.json and manifest.sha256`, error);
  }
  if (createHash('sha256').update(text).digest('hex') !== digest)
    throw badBackup(`${path} is damaged: it has not the digest in manifest.sha256`);
  const manifest = parse(text, path);
  if (manifest.version > FORMAT_VERSION)
    throw new StoreError(
      'schema-too-new',
      `the backup has format ${manifest.version}, this program knows ${FORMAT_VERSION}`,
    );
  if (manifest.schema > MIGRATIONS.length)
    throw new StoreError(
      'schema-too-new',
      `the backup has schema ${manifest.schema}, this program knows ${MIGRATIONS.length} and older`,
      { remedy: `Restore it with thermoloop ${manifest.program}, or a newer one.` },
    );
  return manifest;
}

function parse(text: string, path: string): BackupManifest {
  try {
    const manifest = JSON.parse(text) as BackupManifest;
    const files = [...manifest.tables, ...manifest.keys, manifest.blobList];
    const sound =
      manifest.format === FORMAT &&
      Number.isInteger(manifest.version) &&
      Number.isInteger(manifest.schema) &&
      manifest.schema > 0 &&
      manifest.tables.every(({ name }) => /^[a-z_]{1,60}$/.test(name)) &&
      manifest.keys.every(({ path: key }) => KEY_FILES.some((name) => key === `keys/${name}`)) &&
      files.every((file) => typeof file.sha256 === 'string' && !file.path.includes('..'));
    if (sound) return manifest;
  } catch {
    // As a manifest that says something else.
  }
  throw badBackup(`${path} is not the manifest of a thermoloop backup`);
}

/** Holds a file to the manifest. @throws {StoreError} bad-backup, which names it */
export async function checkFile(directory: string, file: BackupFile): Promise<void> {
  const path = join(directory, file.path);
  const hash = createHash('sha256');
  let bytes = 0;
  try {
    for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
      hash.update(chunk);
      bytes += chunk.length;
    }
  } catch (error) {
    throw badBackup(`${path} cannot be read: ${(error as Error).message}`, error);
  }
  if (bytes !== file.bytes || hash.digest('hex') !== file.sha256)
    throw badBackup(`${path} is damaged: it has not the digest in the manifest`);
}

/** A file that is written piece by piece, counted and digested, and synced at its end. */
export class DigestedFile {
  readonly #file: FileHandle;
  readonly #path: string;
  readonly #hash = createHash('sha256');
  #bytes = 0;

  private constructor(file: FileHandle, path: string) {
    this.#file = file;
    this.#path = path;
  }

  /** @param path from `directory` */
  static async create(directory: string, path: string, mode = 0o600): Promise<DigestedFile> {
    return new DigestedFile(await open(join(directory, path), 'wx', mode), path);
  }

  async write(piece: string | Uint8Array): Promise<void> {
    const bytes = typeof piece === 'string' ? Buffer.from(piece) : piece;
    this.#hash.update(bytes);
    this.#bytes += bytes.length;
    await this.#file.writeFile(bytes);
  }

  async end(): Promise<BackupFile> {
    await this.#file.sync();
    await this.#file.close();
    return { path: this.#path, bytes: this.#bytes, sha256: this.#hash.digest('hex') };
  }
}
