// A clock that is told what time it is: pure bookkeeping of timers, holds and changes. Who moves it (virtual-time.ts in one
// process, a peer in lock-step) first lets everything that is due now run, and waits while somebody holds it.
import type { Clock, ClockFacts, Timer } from './clock.ts';
import { TimerQueue, type QueuedTimer } from './timer-queue.ts';

export interface VirtualClockOptions {
  /** What wall_ms() says at virtual time 0, milliseconds since the Unix epoch. */
  origin_ms?: number;
  speed?: number | 'max';
}

/**
 * Time is kept in whole microseconds: steps of it add up exactly over years, and a timer is rounded up, so that none is
 * ever early.
 */
export class VirtualClock implements Clock {
  readonly #origin_ms: number;
  readonly #queue = new TimerQueue();
  #speed: number | 'max';
  #now_us = 0;
  #order = 0;
  #held = 0;
  #changes = 0;
  readonly #wake = new Set<() => void>();

  constructor({ origin_ms = 0, speed = 'max' }: VirtualClockOptions = {}) {
    this.#origin_ms = origin_ms;
    this.#speed = speed;
  }

  now_ms(): number {
    return this.#now_us / 1000;
  }

  wall_ms(): number {
    return this.#origin_ms + this.now_ms();
  }

  after(delay_ms: number, callback: () => void): Timer {
    const delay_us = Number.isFinite(delay_ms) ? Math.max(0, Math.ceil(delay_ms * 1000)) : 0;
    const timer: QueuedTimer = { at_us: this.#now_us + delay_us, order: (this.#order += 1), callback };
    this.#queue.add(timer);
    this.touch();
    return {
      cancel: () => {
        if (timer.callback === null) return;
        this.#queue.cancel(timer);
        this.touch();
      },
    };
  }

  hold(): () => void {
    this.#held += 1;
    this.touch();
    let released = false;
    return () => {
      if (released) return;
      released = true;
      this.#held -= 1;
      this.touch();
    };
  }

  facts(): ClockFacts {
    return { kind: 'virtual', speed: this.#speed };
  }

  /** What facts() says from now on; whoever moves the clock keeps to it. */
  setSpeed(speed: number | 'max'): void {
    this.#speed = speed;
  }

  get now_us(): number {
    return this.#now_us;
  }

  /** When the first timer is due; Infinity without timers. Not before now. */
  get nextDue_us(): number {
    return this.#queue.first()?.at_us ?? Infinity;
  }

  get held(): boolean {
    return this.#held > 0;
  }

  /** Grows with everything that happens: timers set and cancelled, holds taken and released, touches. */
  get changes(): number {
    return this.#changes;
  }

  /** Something happened that whoever moves the clock has to look at before it moves on. */
  touch(): void {
    this.#changes += 1;
    if (this.#wake.size === 0) return;
    const wake = [...this.#wake];
    this.#wake.clear();
    for (const callback of wake) callback();
  }

  /** Calls back once at the next change, within it. The result takes that back. */
  onceChanged(callback: () => void): () => void {
    const once = (): void => callback();
    this.#wake.add(once);
    return () => void this.#wake.delete(once);
  }

  /**
   * Time becomes `time_us`; nothing runs. Throws RangeError when that is in the past, or beyond a timer: it would be late.
   */
  advanceTo(time_us: number): void {
    if (!(time_us >= this.#now_us && time_us <= this.nextDue_us && Number.isFinite(time_us))) {
      throw new RangeError(
        `cannot move the clock from ${this.#now_us} us to ${time_us} us; the next timer is due at ${this.nextDue_us} us`,
      );
    }
    this.#now_us = time_us;
  }

  /** Runs the first timer that is due now; false when there is none. */
  runNext(): boolean {
    if (this.nextDue_us > this.#now_us) return false;
    const timer = this.#queue.take();
    const callback = timer?.callback ?? null;
    if (timer === null || callback === null) return false;
    timer.callback = null;
    this.#changes += 1;
    callback();
    return true;
  }
}
