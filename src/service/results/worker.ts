// The worker thread of encoder.ts: one task at a time, answered with data.
import { parentPort } from 'node:worker_threads';
import { isStoreError } from '../../store/index.ts';
import { encodeSamples } from './encode.ts';
import type { EncodeTask, Encoded } from './source.ts';

export type WorkerAnswer = { encoded: Encoded } | { corrupt: string } | { failed: string };

parentPort?.on('message', (task: EncodeTask) => void answer(task));

async function answer(task: EncodeTask): Promise<void> {
  try {
    const encoded = await encodeSamples(task);
    const buffer = encoded.body?.buffer;
    // Small texts lie in a pool that Node does not give away.
    const isOwn = buffer instanceof ArrayBuffer && buffer.byteLength === encoded.body?.byteLength;
    post({ encoded }, isOwn ? [buffer] : []);
  } catch (error) {
    if (isStoreError(error, 'corrupt-blob')) post({ corrupt: error.message });
    else post({ failed: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
}

function post(message: WorkerAnswer, transfer: ArrayBuffer[] = []): void {
  parentPort?.postMessage(message, transfer);
}
