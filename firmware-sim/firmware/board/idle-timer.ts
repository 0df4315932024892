// Calls back once nothing has happened for a while: the late load report and the host-silence watchdog. One timer at a
// time, however often it is touched.
import type { BoardClock } from '../contract.ts';

export class IdleTimer {
  readonly #clock: BoardClock;
  readonly #delay_ms: number;
  readonly #onIdle: () => void;
  #last_ms = 0;
  #timer: { cancel(): void } | null = null;

  constructor(clock: BoardClock, delay_ms: number, onIdle: () => void) {
    this.#clock = clock;
    this.#delay_ms = delay_ms;
    this.#onIdle = onIdle;
  }

  /** Something happened: the wait begins anew. */
  touch(): void {
    this.#last_ms = this.#clock.now_ms();
    if (this.#timer === null) this.#arm(this.#delay_ms);
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  #arm(delay_ms: number): void {
    this.#timer = this.#clock.after(delay_ms, () => {
      this.#timer = null;
      const left_ms = this.#last_ms + this.#delay_ms - this.#clock.now_ms();
      if (left_ms > 0) this.#arm(left_ms);
      else this.#onIdle();
    });
  }
}
