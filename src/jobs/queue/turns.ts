// Whose turn it is: keys that wait share a device by the time they have had it, however many jobs each has. Pure but for
// what it remembers; nothing of it is stored, a restart begins anew.

/** A turn costs something also when the job took no time: otherwise the first name would always go first. */
const TURN_MIN_MS = 1;

/** The turns of one device at one priority. Start-time fair queueing: the least used goes first, nobody saves up. */
export class KeyTurns {
  readonly #used_ms = new Map<string, number>();
  /** What the key served last had used when it was served: the least of those that wait. */
  #floor_ms = 0;
  #waiting: ReadonlySet<string> = new Set();

  /**
   * The keys that wait now, whose turn it is first. One that did not wait the last time starts at the present minimum:
   * time that was not asked for is not owed. Equal ones go by name.
   */
  order(keys: readonly string[]): string[] {
    for (const key of keys)
      if (!this.#waiting.has(key))
        this.#used_ms.set(key, Math.max(this.#used_ms.get(key) ?? 0, this.#floor_ms));
    this.#waiting = new Set(keys);
    return [...this.#waiting].sort((a, b) => this.#usedBy(a) - this.#usedBy(b) || (a < b ? -1 : 1));
  }

  /** A job of the key had the device for so long. */
  charge(key: string, took_ms: number): void {
    const before_ms = this.#usedBy(key);
    this.#floor_ms = Math.max(this.#floor_ms, before_ms);
    this.#used_ms.set(key, before_ms + Math.max(TURN_MIN_MS, took_ms));
    this.#forget();
  }

  #usedBy(key: string): number {
    return this.#used_ms.get(key) ?? this.#floor_ms;
  }

  /** Of a key that is gone and has no more than the minimum there is nothing to remember. */
  #forget(): void {
    for (const [key, used_ms] of this.#used_ms)
      if (used_ms <= this.#floor_ms && !this.#waiting.has(key)) this.#used_ms.delete(key);
  }
}
