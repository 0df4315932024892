// The virtual clock, moved by the test itself: minutes of protocol time pass in milliseconds, and always in the same order.
import { nextTurn } from '../../src/clock/settle.ts';
import { VirtualClock as Clock } from '../../src/clock/virtual-clock.ts';

export class VirtualClock extends Clock {
  /** Jumps to the next timer and runs it; false when there is none. */
  step(): boolean {
    if (this.nextDue_us === Infinity) return false;
    this.advanceTo(this.nextDue_us);
    return this.runNext();
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
