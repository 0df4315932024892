// The time of a replay: it stands still and moves to the moments of the recording, timers ring when they rang then. So a
// host meets its timers and the device's bytes in the recorded order, however fast or slow this machine is.
import type { Clock, Timer } from '../../clock/clock.ts';
import { Stillness } from '../capture/stillness.ts';

interface Entry {
  due_ms: number;
  /** Timers that were set up to and including this one. */
  order: number;
  callback: () => void;
}

/** Recorded times are rounded to nanoseconds. */
const SAME_TIME_MS = 1e-3;
/** A host whose caller was a little early or late has set its timers by as much. */
const NEAR_MS = 25;

export interface ReplayClockListener {
  /** The host looks at the time of its own accord; the listener may move it. */
  onTurn(): void;
  /** A timer was added. */
  onTimer(): void;
}

export class ReplayClock implements Clock {
  /** In the order they were set. */
  readonly #entries = new Set<Entry>();
  readonly #listener: ReplayClockListener;
  #opened_wall_ms = 0;
  #now_ms = 0;
  #timers = 0;
  readonly #stillness = new Stillness();

  constructor(listener: ReplayClockListener) {
    this.#listener = listener;
  }

  now_ms(): number {
    if (!this.#stillness.isStill) this.#listener.onTurn();
    return this.#now_ms;
  }

  wall_ms(): number {
    return this.#opened_wall_ms + this.#now_ms;
  }

  after(delay_ms: number, callback: () => void): Timer {
    const due_ms = this.now_ms() + Math.max(0, delay_ms);
    const entry = { due_ms, order: (this.#timers += 1), callback };
    this.#entries.add(entry);
    this.#listener.onTimer();
    return { cancel: () => void this.#entries.delete(entry) };
  }

  /** Wall time of the recording's start. */
  startAt(opened_wall_ms: number): void {
    this.#opened_wall_ms = opened_wall_ms;
  }

  /** Time moves to a moment of the recording, never back, and stands as it stood for the recorded host. */
  stimulus(now_ms: number): void {
    this.#now_ms = Math.max(this.#now_ms, now_ms);
    this.#stillness.begin();
  }

  /** Timers that were set so far. */
  get timers(): number {
    return this.#timers;
  }

  hasTimer(due_ms: number): boolean {
    return [...this.#entries].some((entry) => Math.abs(entry.due_ms - due_ms) < SAME_TIME_MS);
  }

  /**
   * Rings, at `now_ms`, the timer that was due then; or, for a host whose caller was early or late, the one that was set
   * as the same in number, or the nearest. False when there is none.
   */
  ring(due_ms: number, order: number, now_ms: number): boolean {
    const distance = (entry: Entry): number => Math.abs(entry.due_ms - due_ms);
    let best: Entry | null = null;
    for (const entry of this.#entries) {
      if (distance(entry) < SAME_TIME_MS) return this.#ring(entry, now_ms);
      if (entry.order === order) best = entry;
      if (best?.order === order || distance(entry) > NEAR_MS) continue;
      if (best === null || distance(entry) < distance(best)) best = entry;
    }
    return this.#ring(best, now_ms);
  }

  /** Rings the first timer that is due by `now_ms`, then; false when there is none. */
  ringFirst(now_ms: number): boolean {
    let first: Entry | null = null;
    for (const entry of this.#entries)
      if (entry.due_ms <= now_ms && (first === null || entry.due_ms < first.due_ms)) first = entry;
    return this.#ring(first, now_ms);
  }

  #ring(entry: Entry | null, now_ms: number): boolean {
    if (entry === null) return false;
    this.#entries.delete(entry);
    this.stimulus(now_ms);
    entry.callback();
    return true;
  }
}
