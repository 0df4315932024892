// The thread that makes a .npz of a stored model, and its digest: 34 MB for 2,048 units.
import { createHash } from 'node:crypto';
import { encodeModelNpz, type ModelMetadata } from '../../physics/index.ts';
import { decodeModelContent, digestOf, isStoreError, type Digest } from '../../store/index.ts';
import { ownBuffers, serveThread } from '../../threads/index.ts';

export interface EncodeModelTask {
  content: Uint8Array;
  /** Of the content: what is damaged is not handed out. */
  digest: Digest;
  metadata: ModelMetadata;
}

export type EncodeModelAnswer = { file: Uint8Array; sha256: string } | { corrupt: string };

serveThread<EncodeModelTask, EncodeModelAnswer>(({ content, digest, metadata }) => {
  if (digestOf(content) !== digest)
    return { value: { corrupt: `the stored model ${digest} has another digest` } };
  try {
    const file = encodeModelNpz({ model: decodeModelContent(content), metadata });
    const sha256 = createHash('sha256').update(file).digest('base64');
    return { value: { file, sha256 }, transfer: ownBuffers(file) };
  } catch (error) {
    if (!isStoreError(error, 'corrupt-blob')) throw error;
    return { value: { corrupt: error.message } };
  }
});
