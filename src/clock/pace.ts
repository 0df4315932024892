// How far virtual time may be by now, at a chosen speed. Pure: real time is an argument.

/** Time that work has cost is lost above this; below it is caught up, so that the speed is kept on average. */
const CATCH_UP_MS = 50;

export class Pace {
  readonly #speed: number | 'max';
  #real_ms: number;
  #virtual_us: number;

  /** Real and virtual time are as given when it starts. */
  constructor(speed: number | 'max', real_ms: number, virtual_us: number) {
    this.#speed = speed;
    this.#real_ms = real_ms;
    this.#virtual_us = virtual_us;
  }

  /** The furthest that virtual time, now at `now_us`, may be moved to: whole microseconds, not before now. */
  allowed_us(real_ms: number, now_us: number): number {
    if (this.#speed === 'max') return Infinity;
    const speed = this.#speed * 1000; // us of virtual time per ms of real time
    const due_us = this.#virtual_us + (real_ms - this.#real_ms) * speed;
    const behind_ms = (due_us - now_us) / speed;
    if (behind_ms > CATCH_UP_MS) {
      this.#real_ms = real_ms - CATCH_UP_MS;
      this.#virtual_us = now_us;
      return Math.floor(now_us + CATCH_UP_MS * speed);
    }
    return Math.max(now_us, Math.floor(due_us));
  }

  /** Real milliseconds until `target_us` is allowed; 0 when it is. */
  wait_ms(real_ms: number, target_us: number): number {
    if (this.#speed === 'max') return 0;
    return Math.max(0, this.#real_ms + (target_us - this.#virtual_us) / (this.#speed * 1000) - real_ms);
  }
}
