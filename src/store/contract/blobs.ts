// Bytes by digest: whole, in ranges, small ones inside a transaction, and what a clean-up needs.
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { SMALL_BLOB_BYTES, type BlobInfo, type Digest, type Store } from '../index.ts';
import type { Fixture } from './fixture.ts';

/** Longer than two chunks of a row, and not a whole number of them. */
const LONG = new Uint8Array(600_001).map((_, k) => (k * 31 + (k >> 8)) & 255);
const ABSENT: Digest = `sha256:${'0'.repeat(64)}`;

const sha256 = (bytes: Uint8Array): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
const listed = async (store: Store): Promise<BlobInfo[]> => {
  const all: BlobInfo[] = [];
  for await (const info of store.blobs.list()) all.push(info);
  return all;
};

export function blobContract(at: () => Fixture): void {
  describe('blobs', () => {
    it('are named by their digest and come back as they were, also after a restart', async () => {
      for (const bytes of [LONG, LONG.subarray(0, 1), new Uint8Array(0), LONG.subarray(3, 262_147)]) {
        const digest = await at().store.blobs.put(bytes);
        expect(digest).toBe(sha256(bytes));
        expect(await at().store.blobs.put(bytes)).toBe(digest);
        expect(await at().store.blobs.has(digest)).toBe(true);
        expect(await at().store.blobs.stat(digest)).toMatchObject({ digest, bytes: bytes.length });
      }
      await at().reopen();
      expect(await at().store.blobs.get(sha256(LONG))).toEqual(LONG);
      expect(await at().store.blobs.get(sha256(new Uint8Array(0)))).toEqual(new Uint8Array(0));
    });

    it('that are missing or no names are not found', async () => {
      const { blobs } = at().store;
      for (const name of [ABSENT, 'sha256:../../etc/passwd', '', `sha256:${'A'.repeat(64)}`]) {
        await expect(blobs.get(name)).rejects.toMatchObject({ code: 'not-found' });
        await expect(blobs.stat(name)).rejects.toMatchObject({ code: 'not-found' });
        await expect(blobs.read(name, { from: 0, to: 1 })).rejects.toMatchObject({ code: 'not-found' });
        expect(await blobs.has(name)).toBe(false);
        expect(await blobs.delete(name)).toBe(false);
      }
    });

    it('are read in ranges', async () => {
      const { blobs } = at().store;
      const digest = await blobs.put(LONG);
      const edges = [0, 1, 262_143, 262_144, 262_145, 524_288, 600_000, 600_001];
      for (const from of edges)
        for (const to of edges.filter((edge) => edge >= from))
          expect(await blobs.read(digest, { from, to })).toEqual(LONG.subarray(from, to));
      expect(await blobs.read(digest, { from: 600_000, to: 999_999 })).toEqual(LONG.subarray(600_000));
      expect(await blobs.read(digest, { from: 700_000, to: 700_001 })).toHaveLength(0);
      for (const [from, to] of [
        [-1, 1],
        [2, 1],
        [0.5, 1],
        [0, Number.NaN],
      ])
        expect(() => blobs.read(digest, { from, to })).toThrow(RangeError);
    });

    it('are listed, and gone once deleted', async () => {
      const { store } = at();
      const small = await store.transaction((tx) => tx.smallBlobs.put(LONG.subarray(0, 100)));
      const long = await store.blobs.put(LONG);
      const infos = await listed(store);
      expect(infos.map(({ digest, bytes }) => [digest, bytes]).sort()).toEqual(
        [
          [small, 100],
          [long, LONG.length],
        ].sort(),
      );
      for (const digest of [small, long]) {
        expect(await store.blobs.delete(digest)).toBe(true);
        expect(await store.blobs.delete(digest)).toBe(false);
        await expect(store.blobs.get(digest)).rejects.toMatchObject({ code: 'not-found' });
      }
      expect(await listed(store)).toEqual([]);
      expect(await store.blobs.put(LONG)).toBe(long);
      expect(await store.blobs.get(long)).toEqual(LONG);
    });

    it('written at the same time do not disturb each other', async () => {
      const { store } = at();
      const digests = await Promise.all(
        Array.from({ length: 20 }, (_, k) => store.blobs.put(LONG.subarray(k % 5, 100_000))),
      );
      expect(new Set(digests).size).toBe(5);
      for (const digest of digests) await store.blobs.get(digest);
    });
  });

  describe('small blobs', () => {
    it('are kept with their transaction, or not at all', async () => {
      const { store } = at();
      const bytes = LONG.subarray(0, SMALL_BLOB_BYTES);
      const failing = store.transaction(async (tx) => {
        await tx.smallBlobs.put(bytes);
        throw new Error('mine');
      });
      await expect(failing).rejects.toThrow('mine');
      expect(await store.blobs.has(sha256(bytes))).toBe(false);
      const digest = await store.transaction((tx) => tx.smallBlobs.put(bytes));
      expect(digest).toBe(sha256(bytes));
      expect(await store.blobs.get(digest)).toEqual(bytes);
      await at().reopen();
      expect(await at().store.blobs.get(digest)).toEqual(bytes);
    });

    it('are what they were when they come again, on their own or as a blob', async () => {
      const { store } = at();
      const bytes = LONG.subarray(7, 107);
      const first = await store.smallBlobs.put(bytes);
      at().now_ms += 1000;
      expect(await store.smallBlobs.put(bytes)).toBe(first);
      expect(await store.blobs.put(bytes)).toBe(first);
      expect(await listed(store)).toEqual([{ digest: first, bytes: 100, storedAt_ms: at().now_ms }]);
    });

    it('are small', async () => {
      const tooLong = at().store.smallBlobs.put(LONG.subarray(0, SMALL_BLOB_BYTES + 1));
      await expect(tooLong).rejects.toThrow(/no small blob/);
    });
  });
}
