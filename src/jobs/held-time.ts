// The time of a device stands still, where it can be stopped, while the runner does what the device does not wait for:
// reading models, computing heat, writing. So a day of virtual time is the same however long the disk takes.
import { hold, type Clock } from '../clock/clock.ts';

export class HeldTime {
  readonly #clock: Pick<Clock, 'hold'>;
  #release: () => void;

  /** Holds at once. */
  constructor(clock: Pick<Clock, 'hold'>) {
    this.#clock = clock;
    this.#release = hold(clock);
  }

  /** Lets time go on for as long as the device is at work. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    this.#release();
    try {
      return await work();
    } finally {
      this.#release = hold(this.#clock);
    }
  }

  release(): void {
    this.#release();
  }
}
