// Small blobs as part of a transaction: a result of a few kB is on the disk with the commit that names it (decisions 13).
import { writeBlobRow } from '../blobs/rows.ts';
import { digestOf } from '../model-content.ts';
import type { SmallBlobRepository } from '../repositories.ts';
import { SMALL_BLOB_BYTES } from '../rows.ts';
import type { Context } from './context.ts';

export function smallBlobRepository(context: Context): SmallBlobRepository {
  return {
    async put(bytes) {
      if (bytes.length > SMALL_BLOB_BYTES)
        throw new RangeError(`${bytes.length} bytes are no small blob, at most ${SMALL_BLOB_BYTES} are`);
      const digest = digestOf(bytes);
      await context.atomic((db) => writeBlobRow(db, digest, bytes, context.clock.wall_ms()));
      return digest;
    },
  };
}
