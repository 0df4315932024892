// The wait between two attempts to connect: the back-off that connection.ts decides, cut short when the device's path
// returns (link-protocol section 10).
import type { Clock, Timer } from '../clock/clock.ts';
import type { ReturnWatch } from '../transports/index.ts';

/** From the last change of the path to the attempt: udev may still be giving the line its owner and mode. */
export const SETTLE_MS = 100;

export interface RetryOptions {
  clock: Clock;
  /** Calls back whenever the device's path returns; absent: nothing tells. */
  watchForReturn?(callback: () => void): ReturnWatch;
}

/** Watches while a device is away, attempts included, and not otherwise. */
export class Retry {
  readonly #options: RetryOptions;
  readonly #due: () => void;
  #watch: ReturnWatch | null = null;
  #backoff: Timer | null = null;
  #settling: Timer | null = null;
  /** During an attempt, which may have begun too early. */
  #returned = false;

  /** `due` is called once for each wait(). */
  constructor(options: RetryOptions, due: () => void) {
    this.#options = options;
    this.#due = due;
  }

  /** The attempt failed, or the device was lost: the next one is due after `delay_ms`, or once the path has returned. */
  wait(delay_ms: number): void {
    this.#cancel();
    this.#watch ??= this.#options.watchForReturn?.(() => this.#back()) ?? null;
    this.#backoff = this.#options.clock.after(delay_ms, () => this.#go());
    if (this.#returned) this.#settle();
  }

  /** Connected, or given up. */
  stop(): void {
    this.#cancel();
    this.#returned = false;
    this.#watch?.close();
    this.#watch = null;
  }

  #back(): void {
    if (this.#backoff === null) this.#returned = true;
    else this.#settle();
  }

  /** Anew with every change; the back-off goes on meanwhile, so that a path that never settles is tried as well. */
  #settle(): void {
    this.#settling?.cancel();
    this.#settling = this.#options.clock.after(SETTLE_MS, () => this.#go());
  }

  #go(): void {
    this.#cancel();
    this.#returned = false;
    this.#due();
  }

  #cancel(): void {
    this.#backoff?.cancel();
    this.#settling?.cancel();
    this.#backoff = this.#settling = null;
  }
}
