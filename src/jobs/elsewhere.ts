// What other hosts on the same database do to jobs and calibrations: told to who listens here, and a reason for the lanes of
// this host to look at their queues. A look now and then makes up for a notification that was lost.
import type { Clock, Timer } from '../clock/clock.ts';
import type { Store } from '../store/index.ts';
import type { Announcer } from './announcer.ts';
import { Stopped } from './failure.ts';
import type { Running } from './lane.ts';

export interface ElsewhereParts {
  store: Pick<Store, 'jobs' | 'calibrations'>;
  clock: Clock;
  announcer: Pick<Announcer, 'jobChanged' | 'calibrationChanged'>;
  lanes: ReadonlyMap<string, { readonly running: Running | null; wake(change?: { held?: boolean }): void }>;
  hearChanges?: Store['onChange'];
  lookEvery_ms?: number;
  onError: (error: unknown) => void;
}

export class Elsewhere {
  readonly #parts: ElsewhereParts;
  #stopHearing: (() => void) | null = null;
  #timer: Timer | null = null;
  #closed = false;

  constructor(parts: ElsewhereParts) {
    this.#parts = parts;
  }

  start(): void {
    const { hearChanges, lookEvery_ms, onError } = this.#parts;
    this.#stopHearing =
      hearChanges?.(
        ({ table, id }) => {
          if (table === 'job') this.#job(id).catch(onError);
          if (table === 'calibration') this.#calibration(id).catch(onError);
        },
        () => void this.#look().catch(onError),
      ) ?? null;
    if (lookEvery_ms !== undefined) this.#lookLater(lookEvery_ms);
  }

  close(): void {
    this.#closed = true;
    this.#stopHearing?.();
    this.#timer?.cancel();
  }

  async #job(id: string): Promise<void> {
    const row = await this.#parts.store.jobs.find(id);
    if (row === null || this.#closed) return;
    this.#parts.announcer.jobChanged(row, true);
    const lane = this.#parts.lanes.get(row.device);
    if (row.cancelRequestedAt_ms !== null && lane?.running?.id === id)
      lane.running.abort.abort(new Stopped('cancel'));
    if (row.state === 'queued') lane?.wake();
    // Held at its submission: the host that drives the device sees to it.
    if (row.state === 'held') lane?.wake({ held: true });
  }

  async #calibration(id: string): Promise<void> {
    const row = await this.#parts.store.calibrations.find(id);
    if (row === null || this.#closed) return;
    this.#parts.announcer.calibrationChanged(row, true);
    if (row.state === 'queued') this.#parts.lanes.get(row.device)?.wake();
  }

  #lookLater(every_ms: number): void {
    if (this.#closed) return;
    this.#timer = this.#parts.clock.after(every_ms, () => {
      this.#look()
        .catch((error: unknown) => this.#parts.onError(error))
        .finally(() => this.#lookLater(every_ms));
    });
  }

  /** As if everything had changed. */
  async #look(): Promise<void> {
    for (const lane of this.#parts.lanes.values()) {
      if (lane.running?.kind === 'job') await this.#job(lane.running.id);
      lane.wake({ held: true });
    }
  }
}
