// Training on a thread of its own, so that a progress bar moves and a service answers while couplings are solved.
import { Worker } from 'node:worker_threads';
import { PhysicsError, type Allowed, type PhysicsErrorCode } from '../physics/index.ts';
import type { TrainingOptions, TrainingProgress, TrainingResult } from './train.ts';

export type WorkerMessage =
  | { progress: TrainingProgress }
  | { result: TrainingResult }
  | {
      refusal: { code: PhysicsErrorCode; message: string; pointer: string; allowed: Allowed; remedy: string };
    };

/** trainModel on a worker thread; same result, same bits. An abort ends the thread and rejects with the signal's reason. */
export async function trainInWorker(
  options: TrainingOptions = {},
  onProgress: (progress: TrainingProgress) => void = () => {},
  signal?: AbortSignal,
): Promise<TrainingResult> {
  signal?.throwIfAborted();
  // The compiled package has .js files, the sources .ts.
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const worker = new Worker(new URL(`./worker.${extension}`, import.meta.url), { workerData: options });
  const { promise, resolve, reject } = Promise.withResolvers<TrainingResult>();
  const onAbort = (): void => reject(signal?.reason instanceof Error ? signal.reason : new Error('aborted'));
  signal?.addEventListener('abort', onAbort, { once: true });
  worker.on('message', (message: WorkerMessage) => {
    if ('progress' in message) onProgress(message.progress);
    else if ('result' in message) resolve(message.result);
    else reject(new PhysicsError(message.refusal.code, message.refusal.message, message.refusal));
  });
  worker.on('error', reject);
  worker.on('exit', (code) => reject(new Error(`the training worker ended with code ${code} and no result`)));
  try {
    return await promise;
  } finally {
    signal?.removeEventListener('abort', onAbort);
    await worker.terminate();
  }
}
