// Keeps probes to their share of the device's time. Pure: times are arguments, milliseconds of the device's clock.

/** A device that was busy for long does not make up for more than this afterwards. */
const SAVED_MAX_MS = 60_000;

export class ShareOfTime {
  readonly share: number;
  #saved_ms = 0;
  #at_ms: number;

  /** @param share 0 to 1 */
  constructor(share: number, now_ms: number) {
    this.share = share;
    this.#at_ms = now_ms;
  }

  /** Time has been saved for the next one. */
  isDue(now_ms: number): boolean {
    return this.share > 0 && this.#saved(now_ms) >= 0;
  }

  /** Until it is due; 0: it is. Infinity with a share of 0. */
  dueIn_ms(now_ms: number): number {
    if (this.share === 0) return Infinity;
    return Math.max(0, -this.#saved(now_ms) / this.share);
  }

  /** One took so long, until now. */
  spend(took_ms: number, now_ms: number): void {
    this.#saved_ms = this.#saved(now_ms) - took_ms;
    this.#at_ms = now_ms;
  }

  #saved(now_ms: number): number {
    const more_ms = this.share * Math.max(0, now_ms - this.#at_ms);
    return Math.min(this.#saved_ms + more_ms, this.share * SAVED_MAX_MS);
  }
}
