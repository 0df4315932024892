// One core of a fuzz run: plays the ranges of cases that it is handed and reports what it counted.
import { parentPort, workerData } from 'node:worker_threads';
import { FrameFuzz } from './frame-fuzz.ts';

/** Cases first .. first + count - 1. */
export interface Range {
  first: number;
  count: number;
}

const fuzz = new FrameFuzz((workerData as { seed: number }).seed);
parentPort?.on('message', ({ first, count }: Range) => parentPort?.postMessage(fuzz.run(first, count)));
