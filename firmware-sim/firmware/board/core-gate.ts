// The analog core takes one run at a time: this gate queues batches one behind the other, also across runs and reboots,
// and tells when the core is idle, so that a program is never swapped under a batch that is being given up. How long the
// core computes says nothing about the chip: a clock that can be stopped stands still meanwhile.
import type { AnalogCore, CoreRun } from '../../chip/analog-core.ts';
import type { BoardClock } from '../contract.ts';

export class CoreGate {
  readonly core: AnalogCore;
  readonly #clock: Pick<BoardClock, 'hold'>;
  #inFlight = 0;
  #tail: Promise<void> = Promise.resolve();

  constructor(core: AnalogCore, clock: Pick<BoardClock, 'hold'> = {}) {
    this.core = core;
    this.#clock = clock;
  }

  /** Resolves when nothing runs any more; null when that is so already. */
  idle(): Promise<void> | null {
    return this.#inFlight === 0 ? null : this.#tail;
  }

  /** Runs a batch once the core is free; rejects with the signal's reason when it was aborted before or during it. */
  run(run: CoreRun, signal: AbortSignal): Promise<Int16Array> {
    this.#inFlight += 1;
    const release = this.#clock.hold?.();
    const before = this.#tail;
    const batch = before.then(() => {
      signal.throwIfAborted();
      return this.core.run(run, signal);
    });
    const settled = (): void => {
      this.#inFlight -= 1;
      release?.();
    };
    this.#tail = batch.then(settled, settled);
    return batch;
  }
}
