// Long arithmetic in slices, so that serial deadlines and HTTP are served in between. What takes long is a generator that
// pauses often.
import { setImmediate } from 'node:timers/promises';
import type { Clock } from './clock.ts';

const SLICE_MS = 10;

/** Runs the generator to its end, with a pause for everybody else whenever `slice_ms` have passed. */
export async function inSlices<T>(
  steps: Generator<undefined, T>,
  clock: Pick<Clock, 'now_ms'>,
  slice_ms = SLICE_MS,
): Promise<T> {
  let sliceStart_ms = clock.now_ms();
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    if (clock.now_ms() - sliceStart_ms < slice_ms) continue;
    await setImmediate();
    sliceStart_ms = clock.now_ms();
  }
}

/** Runs it to its end at once. */
export function atOnce<T>(steps: Generator<undefined, T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}
