// The time of a recorded host: it stands still while the host deals with one stimulus (an arrival, a timer, a call from
// above), and moves on between them. So everything that a host does with the time follows from a few noted moments.
import type { Clock, Timer } from '../../clock/clock.ts';

export interface RecorderClockListener {
  /** A timer rings now that was due at `due_ms`. */
  onTimer(due_ms: number): void;
  /** The host looks at the time of its own accord: somebody above it acts. */
  onTurn(): void;
}

export class RecorderClock implements Clock {
  readonly #inner: Clock;
  readonly #listener: RecorderClockListener;
  #now_ms: number;
  #isStill = false;
  #stimuli = 0;

  constructor(inner: Clock, listener: RecorderClockListener) {
    this.#inner = inner;
    this.#listener = listener;
    this.#now_ms = inner.now_ms();
  }

  now_ms(): number {
    if (!this.#isStill) {
      this.stimulus();
      this.#listener.onTurn();
    }
    return this.#now_ms;
  }

  wall_ms(): number {
    return this.#inner.wall_ms();
  }

  after(delay_ms: number, callback: () => void): Timer {
    const due_ms = this.now_ms() + delay_ms;
    return this.#inner.after(delay_ms, () => {
      this.stimulus();
      this.#listener.onTimer(due_ms);
      callback();
    });
  }

  /** Time moves on to now and stands, until the event loop has finished with what happens now. */
  stimulus(): number {
    this.#now_ms = this.#inner.now_ms();
    this.#isStill = true;
    const stimulus = (this.#stimuli += 1);
    setImmediate(() => {
      if (stimulus === this.#stimuli) this.#isStill = false;
    });
    return this.#now_ms;
  }
}
