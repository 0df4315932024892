// Blobs as files named by their digest: written under a temporary name, synced, renamed, and the directory synced, so
// that a name always means all of its bytes. A crash leaves at most a temporary file, which a later open removes.
import { randomBytes } from 'node:crypto';
import { mkdir, open, readFile, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { StoreError, toStoreError } from '../errors.ts';
import type { BlobInfo } from '../repositories.ts';
import type { Digest } from '../rows.ts';
import type { BlobPlace } from './place.ts';

/** A temporary file of this age belongs to no writer any more, whichever host it was. */
const ABANDONED_MS = 24 * 3600 * 1000;

/**
 * Opens the directory of the blobs and removes what a crash left half-written.
 * @param options.shared other hosts write here too: it has to exist (a share that is not mounted is no empty place),
 *   and young temporary files are theirs
 */
export async function openFileBlobs(
  directory: string,
  options: { shared?: boolean } = {},
): Promise<BlobPlace> {
  const shared = options.shared === true;
  const temporary = join(directory, 'tmp');
  try {
    if (shared) await mustBeDirectory(directory);
    await mkdir(temporary, { recursive: true });
    for (const name of await readdir(temporary))
      await removeAbandoned(join(temporary, name), shared ? ABANDONED_MS : 0);
    await syncDirectory(directory);
  } catch (error) {
    throw toStoreError(error, 'opening the blobs');
  }
  return new FileBlobs(directory, temporary);
}

async function mustBeDirectory(directory: string): Promise<void> {
  const there = await stat(directory).then(
    (s) => s.isDirectory(),
    () => false,
  );
  if (!there)
    throw new StoreError('storage-failed', `the shared directory of blobs ${directory} is not there`, {
      remedy: 'Mount the share, or make the directory if this is its first use (THERMOLOOP_BLOBS).',
    });
}

async function removeAbandoned(path: string, age_ms: number): Promise<void> {
  const mtimeMs = await stat(path).then((s) => s.mtimeMs, ignoreAbsent);
  if (mtimeMs === null || Date.now() - mtimeMs < age_ms) return;
  await rm(path, { recursive: true, force: true });
}

class FileBlobs implements BlobPlace {
  readonly #directory: string;
  readonly #temporary: string;
  /** Directories whose own entry is known to be on the disk. */
  readonly #synced = new Set<string>();

  constructor(directory: string, temporary: string) {
    this.#directory = directory;
    this.#temporary = temporary;
  }

  async write(digest: Digest, bytes: Uint8Array): Promise<void> {
    const path = this.#pathOf(digest);
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

  async get(digest: Digest): Promise<Uint8Array | null> {
    const buffer = await readFile(this.#pathOf(digest)).catch(ignoreAbsent);
    return buffer === null ? null : new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  }

  async read(digest: Digest, from: number, to: number): Promise<Uint8Array | null> {
    const file = await open(this.#pathOf(digest), 'r').catch(ignoreAbsent);
    if (file === null) return null;
    try {
      const length = Math.max(0, Math.min(to, (await file.stat()).size) - from);
      const bytes = new Uint8Array(length);
      let filled = 0;
      while (filled < length) {
        const { bytesRead } = await file.read(bytes, filled, length - filled, from + filled);
        if (bytesRead === 0) break;
        filled += bytesRead;
      }
      return bytes.subarray(0, filled);
    } finally {
      await file.close();
    }
  }

  async stat(digest: Digest): Promise<BlobInfo | null> {
    const found = await stat(this.#pathOf(digest)).catch(ignoreAbsent);
    if (found?.isFile() !== true) return null;
    return { digest, bytes: found.size, storedAt_ms: Math.floor(found.mtimeMs) };
  }

  async touch(digest: Digest): Promise<boolean> {
    const now = new Date();
    return (await utimes(this.#pathOf(digest), now, now).then(() => true, ignoreAbsent)) ?? false;
  }

  async delete(digest: Digest, storedBefore_ms = Infinity): Promise<boolean> {
    const path = this.#pathOf(digest);
    if (((await this.stat(digest))?.storedAt_ms ?? Infinity) >= storedBefore_ms) return false;
    // Taken away first, then judged: whoever touches it in between finds it gone and writes it anew, or has made it young.
    const aside = join(this.#temporary, `gone-${randomBytes(12).toString('hex')}`);
    if ((await rename(path, aside).then(() => true, ignoreAbsent)) === null) return false;
    if ((await stat(aside)).mtimeMs >= storedBefore_ms) {
      await rename(aside, path);
      return false;
    }
    await rm(aside);
    await syncDirectory(join(path, '..'));
    return true;
  }

  async *list(): AsyncIterable<BlobInfo> {
    const folders = (await readdir(this.#directory)).filter((name) => /^[0-9a-f]{2}$/.test(name));
    for (const folder of folders.sort())
      for (const name of (await readdir(join(this.#directory, folder))).sort()) {
        if (!/^[0-9a-f]{64}$/.test(name)) continue;
        const info = await this.stat(`sha256:${name}`);
        if (info !== null) yield info;
      }
  }

  #pathOf(digest: Digest): string {
    const hex = digest.slice('sha256:'.length);
    return join(this.#directory, hex.slice(0, 2), hex);
  }
}

function ignoreAbsent(error: unknown): null {
  if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
  throw error;
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
