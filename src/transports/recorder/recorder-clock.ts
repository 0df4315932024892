// The time of a recorded host: it stands still while the host deals with one stimulus (an arrival, a timer, a call from
// above), and moves on between them. So everything that a host does with the time follows from a few noted moments.
import type { Clock, Timer } from '../../clock/clock.ts';
import { Stillness } from '../capture/stillness.ts';

export interface RecorderClockListener {
  /** A timer rings now that was due at `due_ms`, the `order`-th that was set. */
  onTimer(due_ms: number, order: number): void;
  /** The host looks at the time of its own accord: somebody above it acts. */
  onTurn(): void;
}

export class RecorderClock implements Clock {
  readonly #inner: Clock;
  readonly #listener: RecorderClockListener;
  #now_ms: number;
  readonly #stillness = new Stillness();
  #timers = 0;

  constructor(inner: Clock, listener: RecorderClockListener) {
    this.#inner = inner;
    this.#listener = listener;
    this.#now_ms = inner.now_ms();
  }

  now_ms(): number {
    if (!this.#stillness.isStill) {
      this.stimulus();
      this.#listener.onTurn();
    }
    return this.#now_ms;
  }

  wall_ms(): number {
    return this.#inner.wall_ms();
  }

  after(delay_ms: number, callback: () => void): Timer {
    const due_ms = this.now_ms() + Math.max(0, delay_ms);
    const order = (this.#timers += 1);
    return this.#inner.after(delay_ms, () => {
      this.stimulus();
      this.#listener.onTimer(due_ms, order);
      callback();
    });
  }

  /** Time moves on to now and stands until what happens now is dealt with. */
  stimulus(): number {
    this.#now_ms = this.#inner.now_ms();
    this.#stillness.begin();
    return this.#now_ms;
  }
}
