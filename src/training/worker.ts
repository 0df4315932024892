// Entry of the training worker: trains what its workerData asks for and posts progress, then the result or the error.
import { parentPort, workerData } from 'node:worker_threads';
import { PhysicsError } from '../physics/index.ts';
import { trainModel, type TrainingOptions } from './train.ts';
import type { WorkerMessage } from './train-in-worker.ts';

const post = (message: WorkerMessage): void => parentPort?.postMessage(message);

try {
  post({ result: trainModel(workerData as TrainingOptions, (progress) => post({ progress })) });
} catch (error) {
  if (!(error instanceof PhysicsError)) throw error; // the parent gets it as the worker's 'error' event
  // Class and fields of an error do not survive the way between threads: they travel as plain values.
  const { code, message, pointer, allowed, remedy } = error;
  post({ refusal: { code, message, pointer, allowed, remedy } });
}
