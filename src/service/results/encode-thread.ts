// The thread of encoder.ts.
import { isStoreError } from '../../store/index.ts';
import { ownBuffers, serveThread } from '../../threads/index.ts';
import { encodeSamples } from './encode.ts';
import type { EncodeTask, Encoded } from './source.ts';

export type ThreadAnswer = { encoded: Encoded } | { corrupt: string };

serveThread<EncodeTask, ThreadAnswer>(async (task) => {
  try {
    const encoded = await encodeSamples(task);
    return { value: { encoded }, transfer: ownBuffers(encoded.body) };
  } catch (error) {
    if (!isStoreError(error, 'corrupt-blob')) throw error;
    return { value: { corrupt: error.message } };
  }
});
