// Big bytes as files named by their digest: written under a temporary name, synced, renamed, and the directory synced,
// so that a name always means all of its bytes. A crash leaves at most a temporary file, which the next open removes.
import { randomBytes } from 'node:crypto';
import { mkdir, open, readFile, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { StoreError, toStoreError } from './errors.ts';
import { digestOf } from './model-content.ts';
import type { BlobStore } from './repositories.ts';
import type { Digest } from './rows.ts';

const DIGEST = /^sha256:[0-9a-f]{64}$/;

/** Opens the directory of the blobs and removes what a crash left half-written. */
export async function openBlobs(directory: string): Promise<BlobStore> {
  const temporary = join(directory, 'tmp');
  try {
    await mkdir(temporary, { recursive: true });
    for (const name of await readdir(temporary)) await rm(join(temporary, name), { recursive: true });
    await syncDirectory(directory);
  } catch (error) {
    throw toStoreError(error, 'opening the blobs');
  }
  return new FileBlobs(directory, temporary);
}

class FileBlobs implements BlobStore {
  readonly #directory: string;
  readonly #temporary: string;
  /** Directories whose own entry is known to be on the disk. */
  readonly #synced = new Set<string>();

  constructor(directory: string, temporary: string) {
    this.#directory = directory;
    this.#temporary = temporary;
  }

  async put(bytes: Uint8Array): Promise<Digest> {
    const digest = digestOf(bytes);
    // An existing file is read, not trusted: so a damaged one is healed by the next upload of the same bytes.
    if (await this.#holds(digest)) return digest;
    try {
      await this.#write(this.#pathOf(digest), bytes);
      return digest;
    } catch (error) {
      throw toStoreError(error, 'writing a blob');
    }
  }

  async get(digest: string, options: { verify?: boolean } = {}): Promise<Uint8Array> {
    if (!DIGEST.test(digest)) throw new StoreError('not-found', `${digest} is not the name of a blob`);
    const bytes = await this.#read(digest);
    if (options.verify !== false && digestOf(bytes) !== digest)
      throw new StoreError(
        'corrupt-blob',
        `the file of ${digest} (${bytes.length} bytes) has another digest: ${digestOf(bytes)}`,
      );
    return bytes;
  }

  async has(digest: string): Promise<boolean> {
    if (!DIGEST.test(digest)) return false;
    return stat(this.#pathOf(digest)).then(
      (s) => s.isFile(),
      () => false,
    );
  }

  async #holds(digest: Digest): Promise<boolean> {
    try {
      await this.get(digest);
      return true;
    } catch {
      return false;
    }
  }

  async #read(digest: string): Promise<Uint8Array> {
    try {
      const buffer = await readFile(this.#pathOf(digest));
      return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT')
        throw new StoreError('not-found', `there is no blob ${digest}`, { cause: error });
      throw toStoreError(error, `reading ${digest}`);
    }
  }

  async #write(path: string, bytes: Uint8Array): Promise<void> {
    const parent = join(path, '..');
    if (!this.#synced.has(parent)) {
      await mkdir(parent, { recursive: true });
      await syncDirectory(this.#directory);
      this.#synced.add(parent);
    }
    const temporary = join(this.#temporary, randomBytes(12).toString('hex'));
    try {
      const file = await open(temporary, 'wx', 0o600);
      try {
        await file.writeFile(bytes);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, path);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
    await syncDirectory(parent);
  }

  #pathOf(digest: string): string {
    const hex = digest.slice('sha256:'.length);
    return join(this.#directory, hex.slice(0, 2), hex);
  }
}

/** Makes names in a directory durable. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
