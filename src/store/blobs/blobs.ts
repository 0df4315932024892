// Blobs by digest over one or more places: looked for in each, written to the last, never believed without their digest.
import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { StoreError, toStoreError } from '../errors.ts';
import type { BlobInfo, BlobStore } from '../repositories.ts';
import type { Digest } from '../rows.ts';
import type { BlobPlace } from './place.ts';

const SLICE_BYTES = 2 ** 20;
const DIGEST = /^sha256:[0-9a-f]{64}$/;

/**
 * @param places looked through in this order; `put` writes to the last one
 * @param toError makes a StoreError of what a place throws
 */
export function blobStore(
  places: readonly [BlobPlace, ...BlobPlace[]],
  toError: (error: unknown, doing: string) => StoreError = toStoreError,
): BlobStore {
  return new Blobs(places, toError);
}

class Blobs implements BlobStore {
  readonly #places: readonly BlobPlace[];
  readonly #main: BlobPlace;
  readonly #toError: (error: unknown, doing: string) => StoreError;

  constructor(
    places: readonly [BlobPlace, ...BlobPlace[]],
    toError: (error: unknown, doing: string) => StoreError,
  ) {
    this.#places = places;
    this.#main = places[places.length - 1];
    this.#toError = toError;
  }

  put(bytes: Uint8Array, known: { digest?: Digest } = {}): Promise<Digest> {
    return this.#guarded('writing a blob', async () => {
      const digest = known.digest ?? (await digestInSlices(bytes));
      const damaged: BlobPlace[] = [];
      // What is there is read, not trusted: so a damaged one is healed by the next upload of the same bytes.
      for (const place of this.#places) {
        const found = await place.get(digest);
        if (found === null) continue;
        if ((await digestInSlices(found)) !== digest) damaged.push(place);
        else {
          if (await place.touch(digest)) return digest;
          // Removed between the two: written anew.
        }
      }
      await this.#main.write(digest, bytes);
      for (const place of damaged) if (place !== this.#main) await place.delete(digest);
      return digest;
    });
  }

  get(digest: string, options: { verify?: boolean } = {}): Promise<Uint8Array> {
    return this.#guarded(`reading ${digest}`, async () => {
      let damage: StoreError | null = null;
      if (isDigest(digest))
        for (const place of this.#places) {
          const bytes = await place.get(digest);
          if (bytes === null) continue;
          const is: string = options.verify === false ? digest : await digestInSlices(bytes);
          if (is === digest) return bytes;
          damage = new StoreError(
            'corrupt-blob',
            `the blob ${digest} (${bytes.length} bytes) has another digest: ${is}`,
          );
        }
      throw damage ?? absent(digest);
    });
  }

  read(digest: string, { from, to }: { from: number; to: number }): Promise<Uint8Array> {
    if (!(Number.isSafeInteger(from) && Number.isSafeInteger(to) && from >= 0 && to >= from))
      throw new RangeError(`bytes ${from} to ${to} are no range`);
    return this.#guarded(`reading ${digest}`, async () => {
      const found = await this.#first(digest, async (place, name) => {
        const info = await place.stat(name);
        if (info === null) return null;
        const bytes = await place.read(name, from, to);
        return bytes === null ? null : { info, bytes };
      });
      const length = Math.max(0, Math.min(to, found.info.bytes) - from);
      if (found.bytes.length === length) return found.bytes;
      throw new StoreError(
        'corrupt-blob',
        `the blob ${digest} ends within its ${found.info.bytes} bytes, at or after byte ${from}`,
      );
    });
  }

  stat(digest: string): Promise<BlobInfo> {
    return this.#guarded(`looking at ${digest}`, () =>
      this.#first(digest, (place, name) => place.stat(name)),
    );
  }

  async has(digest: string): Promise<boolean> {
    if (!isDigest(digest)) return false;
    return this.#guarded(`looking for ${digest}`, async () => {
      for (const place of this.#places) if ((await place.stat(digest)) !== null) return true;
      return false;
    });
  }

  delete(digest: string, when?: { storedBefore_ms: number }): Promise<boolean> {
    return this.#guarded(`deleting ${digest}`, async () => {
      if (!isDigest(digest)) return false;
      let any = false;
      for (const place of this.#places) any = (await place.delete(digest, when?.storedBefore_ms)) || any;
      return any;
    });
  }

  async *list(): AsyncIterable<BlobInfo> {
    try {
      for (const place of this.#places) yield* place.list();
    } catch (error) {
      throw this.#toError(error, 'listing the blobs');
    }
  }

  async #first<T>(digest: string, ask: (place: BlobPlace, digest: Digest) => Promise<T | null>): Promise<T> {
    if (isDigest(digest))
      for (const place of this.#places) {
        const found = await ask(place, digest);
        if (found !== null) return found;
      }
    throw absent(digest);
  }

  async #guarded<T>(doing: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw this.#toError(error, doing);
    }
  }
}

function isDigest(text: string): text is Digest {
  return DIGEST.test(text);
}

function absent(digest: string): StoreError {
  return new StoreError('not-found', `there is no blob ${digest}`);
}

/** As digestOf, but others get their turn after every megabyte: samples may be a hundred of them. */
async function digestInSlices(bytes: Uint8Array): Promise<Digest> {
  const hash = createHash('sha256');
  for (let at = 0; at < bytes.length; at += SLICE_BYTES) {
    if (at > 0) await setImmediate();
    hash.update(bytes.subarray(at, at + SLICE_BYTES));
  }
  return `sha256:${hash.digest('hex')}`;
}
