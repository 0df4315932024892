// The worker thread of models/upload.ts: prepares one model and answers with data.
import { parentPort, workerData } from 'node:worker_threads';
import { PhysicsError } from '../../physics/index.ts';
import { ParseError, type ModelFormat } from './parse.ts';
import { prepareModel } from './prepare.ts';
import type { WorkerAnswer } from './upload.ts';

const { bytes, format } = workerData as { bytes: Uint8Array; format: ModelFormat };
const answer = prepare();
const transfer = 'prepared' in answer ? [answer.prepared.content.buffer as ArrayBuffer] : [];
parentPort?.postMessage(answer, transfer);

function prepare(): WorkerAnswer {
  try {
    return { prepared: prepareModel(bytes, format) };
  } catch (error) {
    if (!(error instanceof PhysicsError || error instanceof ParseError))
      return { failed: error instanceof Error ? (error.stack ?? error.message) : String(error) };
    const { code, message, pointer, allowed } = error;
    const type = error instanceof PhysicsError ? 'PhysicsError' : 'ParseError';
    const remedy = error instanceof PhysicsError ? error.remedy : '';
    return { refused: { type, code, message, pointer, allowed: allowed as never, remedy } };
  }
}
