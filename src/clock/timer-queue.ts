// Timers in the order in which they are due; those of one instant in the order in which they were set. A binary heap that
// forgets cancelled timers when they come up, or when they are the majority.

export interface QueuedTimer {
  readonly at_us: number;
  /** Of two timers of one instant the lower one is first. */
  readonly order: number;
  /** Null once it has run or was cancelled. */
  callback: (() => void) | null;
}

const COMPACT_ABOVE = 64;

export class TimerQueue {
  #heap: QueuedTimer[] = [];
  #cancelled = 0;

  add(timer: QueuedTimer): void {
    this.#heap.push(timer);
    this.#up(this.#heap.length - 1);
  }

  /** Takes a timer out; nothing happens to one that has run. */
  cancel(timer: QueuedTimer): void {
    if (timer.callback === null) return;
    timer.callback = null;
    this.#cancelled += 1;
    if (this.#cancelled > COMPACT_ABOVE && this.#cancelled * 2 > this.#heap.length) this.#compact();
  }

  /** The timer that is due first, which stays in the queue; null when there is none. */
  first(): QueuedTimer | null {
    while (this.#heap.length > 0 && this.#heap[0].callback === null) {
      this.#cancelled -= 1;
      this.#removeTop();
    }
    return this.#heap[0] ?? null;
  }

  /** Takes the timer out that is due first. */
  take(): QueuedTimer | null {
    const timer = this.first();
    if (timer !== null) this.#removeTop();
    return timer;
  }

  get size(): number {
    return this.#heap.length - this.#cancelled;
  }

  #compact(): void {
    const kept = this.#heap
      .filter((timer) => timer.callback !== null)
      .sort((a, b) => (before(a, b) ? -1 : 1));
    this.#heap = kept; // a sorted list is a heap
    this.#cancelled = 0;
  }

  #removeTop(): void {
    const last = this.#heap.pop();
    if (last === undefined || this.#heap.length === 0) return;
    this.#heap[0] = last;
    this.#down(0);
  }

  #up(at: number): void {
    const heap = this.#heap;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(heap[at], heap[parent])) return;
      [heap[at], heap[parent]] = [heap[parent], heap[at]];
      at = parent;
    }
  }

  #down(at: number): void {
    const heap = this.#heap;
    for (;;) {
      let least = at;
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < heap.length && before(heap[child], heap[least])) least = child;
      }
      if (least === at) return;
      [heap[at], heap[least]] = [heap[least], heap[at]];
      at = least;
    }
  }
}

function before(a: QueuedTimer, b: QueuedTimer): boolean {
  return a.at_us < b.at_us || (a.at_us === b.at_us && a.order < b.order);
}
