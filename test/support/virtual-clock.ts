// A clock that jumps from timer to timer: minutes of protocol time pass in milliseconds, and always in the same order.
import type { Clock, Timer } from '../../src/clock/clock.ts';

interface Entry {
  at_ms: number;
  order: number;
  callback: () => void;
}

export class VirtualClock implements Clock {
  #now_ms = 0;
  #order = 0;
  #entries: Entry[] = [];

  now_ms(): number {
    return this.#now_ms;
  }

  wall_ms(): number {
    return this.#now_ms;
  }

  after(delay_ms: number, callback: () => void): Timer {
    const entry = { at_ms: this.#now_ms + Math.max(0, delay_ms), order: (this.#order += 1), callback };
    this.#entries.push(entry);
    return { cancel: () => (this.#entries = this.#entries.filter((other) => other !== entry)) };
  }

  /** Jumps to the next timer and runs it; false when there is none. */
  step(): boolean {
    let next: Entry | undefined;
    for (const entry of this.#entries) {
      if (
        next === undefined ||
        entry.at_ms < next.at_ms ||
        (entry.at_ms === next.at_ms && entry.order < next.order)
      )
        next = entry;
    }
    if (next === undefined) return false;
    this.#entries.splice(this.#entries.indexOf(next), 1);
    this.#now_ms = Math.max(this.#now_ms, next.at_ms);
    next.callback();
    return true;
  }

  /** Lets time pass until the promise has settled. Throws when nothing is left that could settle it. */
  async settle<T>(promise: Promise<T>): Promise<T> {
    let isSettled = false;
    const note = (): void => {
      isSettled = true;
    };
    promise.then(note, note);
    for (;;) {
      await nextTurn();
      if (isSettled) return promise;
      if (!this.step()) throw new Error('the promise waits for something that no timer will bring');
    }
  }

  /** Lets `duration_ms` pass. */
  async pass(duration_ms: number): Promise<void> {
    await this.settle(new Promise<void>((resolve) => this.after(duration_ms, resolve)));
  }
}

/** Lets everything that is ready run before time moves on. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
