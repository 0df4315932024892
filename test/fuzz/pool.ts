// Spreads the cases of a fuzz run over worker threads; the counts do not depend on how many there are.
import { Worker } from 'node:worker_threads';
import { addCount, noCount, type FuzzCount } from './frame-fuzz.ts';
import type { Range } from './worker.ts';

/** Cases handed out at once: a block of frames, a fraction of a second. */
export const RANGE_CASES = 65_536;

/** Plays cases 0 .. frames - 1 of a seed on `workers` threads. `onDone` hears how many are done. */
export async function fuzzFrames(options: {
  seed: number;
  frames: number;
  workers: number;
  onDone?(done: number): void;
}): Promise<FuzzCount> {
  const { seed, frames, workers } = options;
  const sum = noCount();
  let next = 0;
  let done = 0;
  const take = (): Range | null => {
    if (next >= frames) return null;
    const range = { first: next, count: Math.min(RANGE_CASES, frames - next) };
    next += range.count;
    return range;
  };
  const one = async (): Promise<void> => {
    const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: { seed } });
    try {
      for (let range = take(); range !== null; range = take()) {
        addCount(sum, await answerTo(worker, range));
        done += range.count;
        options.onDone?.(done);
      }
    } finally {
      await worker.terminate();
    }
  };
  await Promise.all(Array.from({ length: workers }, one));
  const inOrder = (a: { index: number }, b: { index: number }): number => a.index - b.index;
  sum.undetected.sort(inOrder);
  sum.wedged.sort(inOrder);
  return sum;
}

function answerTo(worker: Worker, range: Range): Promise<FuzzCount> {
  return new Promise((resolve, reject) => {
    worker.once('message', (count: FuzzCount) => {
      worker.removeAllListeners('error');
      resolve(count);
    });
    worker.once('error', reject);
    worker.postMessage(range);
  });
}
