// Shows the jobs of a device that is away as held, and puts them back when it is there again. A line that is lost for a
// moment is not worth telling anybody.
import type { Clock, Timer } from '../../clock/clock.ts';
import type { JobRow, Store } from '../../store/index.ts';
import { isOnline } from '../admission.ts';
import type { RelaxDevice } from '../device-port.ts';
import { LONGEST_HOLD_MS } from './expiry.ts';

/** How long a device is away before its jobs are held for that. */
const AWAY_MS = 5_000;
const AT_ONCE = 500;

export interface OfflineHoldsOptions {
  device: Pick<RelaxDevice, 'id' | 'state' | 'reason'>;
  store: Pick<Store, 'jobs'>;
  clock: Clock;
  onChanged: (job: JobRow) => void;
}

export class OfflineHolds {
  readonly #options: OfflineHoldsOptions;
  readonly #wake: () => void;
  /** Some may be held: also by whoever drove the device before. */
  #mayBeHeld = true;
  #fence: number | null = null;
  #awaySince_ms: number | null = null;
  #timer: Timer | null = null;

  /** @param wake called when the device has been away for so long that jobs are to be held */
  constructor(options: OfflineHoldsOptions, wake: () => void) {
    this.#options = options;
    this.#wake = wake;
  }

  /** Whenever the queue is looked at, by the host that drives the device under this fence (null: there is one host). */
  async settle(fence: number | null): Promise<void> {
    if (fence !== this.#fence) this.#mayBeHeld = true;
    this.#fence = fence;
    if (isOnline(this.#options.device)) await this.#back();
    else await this.#away();
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  async #back(): Promise<void> {
    const { device, store } = this.#options;
    this.close();
    this.#awaySince_ms = null;
    if (!this.#mayBeHeld) return;
    await this.#all(() => store.jobs.releaseHeld(device.id, 'device-offline', AT_ONCE));
    this.#mayBeHeld = false;
  }

  async #away(): Promise<void> {
    const { device, store, clock } = this.#options;
    const now_ms = clock.wall_ms();
    const since_ms = (this.#awaySince_ms ??= now_ms);
    const left_ms = since_ms + AWAY_MS - now_ms;
    if (left_ms > 0) {
      this.#timer ??= clock.after(left_ms, () => {
        this.#timer = null;
        this.#wake();
      });
      return;
    }
    this.#mayBeHeld = true;
    const why = device.reason === null ? '' : `: ${device.reason.message}`;
    const detail = `device ${device.id} is ${device.state}${why}`;
    // Held for as long as any job from now on, whenever the device went away.
    const hold = { reason: 'device-offline' as const, detail, since_ms: now_ms, until_ms: null };
    await this.#all(() =>
      store.jobs.holdQueued(device.id, hold, { longest_ms: LONGEST_HOLD_MS, limit: AT_ONCE }),
    );
  }

  async #all(some: () => Promise<JobRow[]>): Promise<void> {
    for (;;) {
      const rows = await some();
      rows.forEach((row) => this.#options.onChanged(row));
      if (rows.length < AT_ONCE) return;
    }
  }
}
