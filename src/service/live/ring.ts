// The last events, so that a client that was away can go on where it was: bounded in time and in bytes. Pure: time is an
// argument.

/** What the ring needs of an event; numbers rise by one. */
export interface Numbered {
  readonly seq: number;
  readonly at_ms: number;
  readonly bytes: number;
}

export class EventRing<E extends Numbered> {
  readonly #window_ms: number;
  readonly #bytesMax: number;
  #events: E[] = [];
  /** Those before this place are forgotten; the array is cut when they are many. */
  #head = 0;
  #bytes = 0;
  #last = 0;

  constructor(limits: { window_ms: number; bytesMax: number }) {
    this.#window_ms = limits.window_ms;
    this.#bytesMax = limits.bytesMax;
  }

  /** Number of the last event ever added; 0 before the first. */
  get last(): number {
    return this.#last;
  }

  get bytes(): number {
    return this.#bytes;
  }

  add(event: E): void {
    this.#events.push(event);
    this.#bytes += event.bytes;
    this.#last = event.seq;
    this.#forget(event.at_ms);
  }

  /** True when every event after number `seq` is still here, and `seq` itself has been given. */
  holdsAfter(seq: number): boolean {
    return seq >= this.#first - 1 && seq <= this.#last;
  }

  /** The event after number `seq`, or null. Ask `holdsAfter` first: what is forgotten is not here. */
  after(seq: number): E | null {
    return this.#events[this.#head + Math.max(0, seq + 1 - this.#first)] ?? null;
  }

  /** Number of the oldest event that is kept; one more than the last when none is. */
  get #first(): number {
    return this.#last - (this.#events.length - this.#head) + 1;
  }

  #forget(now_ms: number): void {
    while (this.#head < this.#events.length) {
      const oldest = this.#events[this.#head];
      if (oldest.at_ms >= now_ms - this.#window_ms && this.#bytes <= this.#bytesMax) break;
      this.#bytes -= oldest.bytes;
      this.#head += 1;
    }
    if (this.#head < 1024 || this.#head * 2 < this.#events.length) return;
    this.#events = this.#events.slice(this.#head);
    this.#head = 0;
  }
}
