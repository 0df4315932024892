// Long arithmetic in slices, so that serial deadlines and HTTP are served in between.
import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../../clock/clock.ts';

const SLICE_MS = 10;

/** Runs the generator to its end, with a pause for everybody else whenever 10 ms have passed. */
export async function inSlices<T>(steps: Generator<undefined, T>, clock: Pick<Clock, 'now_ms'>): Promise<T> {
  let sliceStart_ms = clock.now_ms();
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    if (clock.now_ms() - sliceStart_ms < SLICE_MS) continue;
    await setImmediate();
    sliceStart_ms = clock.now_ms();
  }
}
