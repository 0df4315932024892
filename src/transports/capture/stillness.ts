// How long the time of a recorded host stands still: while one callback of the event loop and the promises that it
// settles run, and not beyond, so that whatever runs next counts as another stimulus. The same for recorder and replay.

/** Steps of promises that still belong to a stimulus; a host's chain from an arrival to its next request has about 20. */
const PROMISE_STEPS = 64;

export class Stillness {
  #isStill = false;
  #stimuli = 0;

  get isStill(): boolean {
    return this.#isStill;
  }

  begin(): void {
    this.#isStill = true;
    const stimulus = (this.#stimuli += 1);
    let steps = 0;
    const step = (): void => {
      if (stimulus !== this.#stimuli) return;
      steps += 1;
      if (steps < PROMISE_STEPS) queueMicrotask(step);
      else this.#isStill = false;
    };
    queueMicrotask(step);
  }
}
