// Prepares an upload for the store: parse, check, canonical bytes, digest. Large bodies go to a worker thread, one at a
// time, so that the event loop stays free for devices and other clients.
import { Worker } from 'node:worker_threads';
import { PhysicsError, unpackedBytesOf, type PhysicsErrorCode } from '../../physics/index.ts';
import { ownBuffers } from '../../threads/index.ts';
import { ParseError, type ModelFormat } from './parse.ts';
import { prepareModel, type PreparedModel } from './prepare.ts';

/** Below this, packed and unpacked, a body is prepared in the request itself: about 10 ms. */
export const WORKER_FROM_BYTES = 2 ** 20;

/** What the worker answers: errors lose their class on the way, so they travel as data. */
export type WorkerAnswer = { prepared: PreparedModel } | { refused: WorkerRefusal } | { failed: string };
export interface WorkerRefusal {
  type: 'PhysicsError' | 'ParseError';
  code: string;
  message: string;
  pointer: string;
  allowed: never;
  remedy: string;
}

// One upload of the largest model holds about 150 MB while it is prepared: they wait for each other.
let lastInLine: Promise<unknown> = Promise.resolve();

/**
 * @param bytes the body; a large one is handed to the worker, and is gone here afterwards
 * @throws {PhysicsError} @throws {ParseError}
 */
export async function prepareUpload(bytes: Uint8Array, format: ModelFormat): Promise<PreparedModel> {
  if (workBytes(bytes, format) < WORKER_FROM_BYTES) return prepareModel(bytes, format);
  const turn = lastInLine.then(() => inWorker(bytes, format));
  lastInLine = turn.catch(() => undefined);
  return turn;
}

// A deflated .npz may be a thousandth of what it holds, and a linear system takes N^3/6 steps to check: 2 s at 2,048 units.
function workBytes(bytes: Uint8Array, format: ModelFormat): number {
  return Math.max(bytes.length, format.endsWith('npz') ? unpackedBytesOf(bytes) : 0);
}

function inWorker(bytes: Uint8Array, format: ModelFormat): Promise<PreparedModel> {
  // Node's stripped sources end in .ts, the published build in .js.
  const file = import.meta.url.endsWith('.ts') ? './upload-worker.ts' : './upload-worker.js';
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(file, import.meta.url), {
      workerData: { bytes, format },
      transferList: ownBuffers(bytes),
    });
    worker.once('message', (answer: WorkerAnswer) => {
      if ('prepared' in answer) resolve(answer.prepared);
      else if ('refused' in answer) reject(revive(answer.refused));
      else reject(new Error(answer.failed));
      void worker.terminate();
    });
    worker.once('error', reject);
    worker.once('exit', () => reject(new Error('the worker that reads models ended without an answer')));
  });
}

function revive({ type, code, message, pointer, allowed, remedy }: WorkerRefusal): Error {
  return type === 'PhysicsError'
    ? new PhysicsError(code as PhysicsErrorCode, message, { pointer, allowed, remedy })
    : new ParseError(code as ParseError['code'], message, pointer, allowed);
}
