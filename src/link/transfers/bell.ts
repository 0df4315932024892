// Something to wait for: a transfer sleeps until a frame rings or a time has passed, whichever comes first.
import type { Clock } from '../../clock/clock.ts';

export class Bell {
  readonly #clock: Clock;
  #rang = false;
  #wake: ((how: 'rung' | 'timeout') => void) | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Wakes the sleeper; when nobody sleeps, the next wait() returns at once. */
  ring(): void {
    if (this.#wake === null) this.#rang = true;
    else this.#wake('rung');
  }

  /** One sleeper at a time. */
  wait(timeout_ms: number): Promise<'rung' | 'timeout'> {
    if (this.#rang) {
      this.#rang = false;
      return Promise.resolve('rung');
    }
    return new Promise((resolve) => {
      const wake = (how: 'rung' | 'timeout'): void => {
        this.#wake = null;
        timer.cancel();
        resolve(how);
      };
      const timer = this.#clock.after(timeout_ms, () => wake('timeout'));
      this.#wake = wake;
    });
  }
}
