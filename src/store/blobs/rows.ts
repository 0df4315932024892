// Blobs as rows: all of them where several hosts have only the database in common, and in every store the small ones
// that go into the commit which names them (decisions 13). Long ones are cut into chunks, so that a range costs a range.
import type { Kysely } from 'kysely';
import type { Tables } from '../database.ts';
import type { BlobInfo } from '../repositories.ts';
import type { Digest } from '../rows.ts';
import type { BlobPlace } from './place.ts';

/** Of one row; part of what is stored, each blob remembers its own. Small against a result, large against a row's cost. */
const CHUNK_BYTES = 256 * 1024;
const LIST_STEP = 500;

export interface RowBlobsOptions {
  /** The connection to ask now. */
  db: () => Kysely<Tables>;
  atomic: <T>(work: (db: Kysely<Tables>) => Promise<T>) => Promise<T>;
  wall_ms: () => number;
}

export function rowBlobs({ db, atomic, wall_ms }: RowBlobsOptions): BlobPlace {
  return {
    write: (digest, bytes) => atomic((tx) => writeBlobRow(tx, digest, bytes, wall_ms())),
    async get(digest) {
      const blob = await head(db(), digest);
      return blob === null ? null : chunks(db(), digest, 0, blob.chunk_bytes, 0, blob.bytes);
    },
    async read(digest, from, to) {
      const blob = await head(db(), digest);
      if (blob === null) return null;
      const first = Math.floor(from / blob.chunk_bytes);
      return chunks(db(), digest, first, blob.chunk_bytes, from, Math.min(to, blob.bytes));
    },
    async stat(digest) {
      const blob = await head(db(), digest);
      return blob === null ? null : { digest, bytes: blob.bytes, storedAt_ms: blob.stored_at_ms };
    },
    async touch(digest) {
      const touched = await db()
        .updateTable('blob')
        .set({ stored_at_ms: wall_ms() })
        .where('digest', '=', digest)
        .executeTakeFirst();
      return touched.numUpdatedRows > 0n;
    },
    async delete(digest, storedBefore_ms) {
      let query = db().deleteFrom('blob').where('digest', '=', digest);
      if (storedBefore_ms !== undefined) query = query.where('stored_at_ms', '<', storedBefore_ms);
      const gone = await query.executeTakeFirst();
      return gone.numDeletedRows > 0n;
    },
    list: () => listRows(db),
  };
}

/** Writes a blob over the given connection: part of whatever transaction that is. Replaces damaged chunks. */
export async function writeBlobRow(
  db: Kysely<Tables>,
  digest: Digest,
  bytes: Uint8Array,
  now_ms: number,
): Promise<void> {
  const values = { digest, bytes: bytes.length, chunk_bytes: CHUNK_BYTES, stored_at_ms: now_ms };
  await db
    .insertInto('blob')
    .values(values)
    .onConflict((c) => c.column('digest').doUpdateSet(values))
    .execute();
  for (let place = 0; place * CHUNK_BYTES < bytes.length; place++) {
    const part = bytes.subarray(place * CHUNK_BYTES, (place + 1) * CHUNK_BYTES);
    const content = Buffer.from(part.buffer, part.byteOffset, part.byteLength);
    await db
      .insertInto('blob_chunk')
      .values({ digest, place, content })
      .onConflict((c) => c.columns(['digest', 'place']).doUpdateSet({ content }))
      .execute();
  }
}

async function head(db: Kysely<Tables>, digest: Digest) {
  const row = await db.selectFrom('blob').selectAll().where('digest', '=', digest).executeTakeFirst();
  return row ?? null;
}

/** Bytes `from` to before `to`, chunk by chunk; fewer when a chunk is missing or short. */
async function chunks(
  db: Kysely<Tables>,
  digest: Digest,
  firstPlace: number,
  chunkBytes: number,
  from: number,
  to: number,
): Promise<Uint8Array> {
  const bytes = new Uint8Array(Math.max(0, to - from));
  let filled = 0;
  for (let place = firstPlace; filled < bytes.length; place++) {
    const row = await db
      .selectFrom('blob_chunk')
      .select('content')
      .where('digest', '=', digest)
      .where('place', '=', place)
      .executeTakeFirst();
    if (row === undefined) break;
    const start = from + filled - place * chunkBytes;
    const part = row.content.subarray(start, start + bytes.length - filled);
    if (part.length === 0) break;
    bytes.set(part, filled);
    filled += part.length;
  }
  return bytes.subarray(0, filled);
}

async function* listRows(db: () => Kysely<Tables>): AsyncIterable<BlobInfo> {
  for (let after = ''; ;) {
    const page = await db()
      .selectFrom('blob')
      .select(['digest', 'bytes', 'stored_at_ms'])
      .where('digest', '>', after as Digest)
      .orderBy('digest', 'asc')
      .limit(LIST_STEP)
      .execute();
    for (const { digest, bytes, stored_at_ms } of page) yield { digest, bytes, storedAt_ms: stored_at_ms };
    const last = page.at(-1);
    if (last === undefined) return;
    after = last.digest;
  }
}
