// Holds the jobs of one device for as long as people want it so, and puts them back when that is over. Those that may run
// are never behind one that may not.
import { isStoreError, type HoldReason, type JobHold, type JobRow, type Store } from '../../store/index.ts';
import { LONGEST_HOLD_MS } from '../queue/expiry.ts';
import type { DeviceControls } from './controls.ts';

const AT_ONCE = 500;
/** What people decide; the rest of the reasons belong to the device. */
const OURS: readonly HoldReason[] = ['device-stopped', 'maintenance', 'lease'];

export interface QueueHoldsOptions {
  device: string;
  store: Pick<Store, 'jobs'>;
  controls: Pick<DeviceControls, 'holdFor' | 'of'>;
  onChanged: (job: JobRow) => void;
}

export class QueueHolds {
  readonly #options: QueueHoldsOptions;
  /** The lease that jobs were held for last. */
  #lease: string | null = null;

  constructor(options: QueueHoldsOptions) {
    this.#options = options;
  }

  /** Before the queue is looked at: what is held without a reason goes back, and all are held when nobody may run. */
  async settle(): Promise<void> {
    const { device, store, controls } = this.#options;
    const hold = controls.holdFor(device, null);
    const lease = controls.of(device).lease?.id ?? null;
    // The queue is looked at twice for every job, and mostly nothing is held.
    const someHeld = (await store.jobs.list({ device, state: ['held'], limit: 1 })).length > 0;
    for (const reason of someHeld ? OURS : []) {
      const stays = hold?.reason === reason && (reason !== 'lease' || lease === this.#lease);
      if (!stays) await this.#all(() => store.jobs.releaseHeld(device, reason, AT_ONCE));
    }
    this.#lease = lease;
    if (hold === null || hold.reason === 'lease' || !OURS.includes(hold.reason)) return;
    const expiry = { longest_ms: LONGEST_HOLD_MS, limit: AT_ONCE };
    await this.#all(() => store.jobs.holdQueued(device, hold, expiry));
  }

  /** Why this job may not start; it is held for that. Null: it may. */
  async hold(job: JobRow): Promise<JobHold | null> {
    const { device, store, controls, onChanged } = this.#options;
    const hold = controls.holdFor(device, job.keyId);
    if (hold === null || !OURS.includes(hold.reason)) return hold;
    const expiresAt_ms = Math.min(job.deadline_ms ?? Infinity, hold.since_ms + LONGEST_HOLD_MS);
    try {
      onChanged(await store.jobs.transition(job.id, 'queued', 'held', { hold, expiresAt_ms }));
    } catch (error) {
      // Cancelled meanwhile.
      if (!isStoreError(error, 'conflict')) throw error;
    }
    return hold;
  }

  async #all(some: () => Promise<JobRow[]>): Promise<void> {
    for (;;) {
      const rows = await some();
      rows.forEach((row) => this.#options.onChanged(row));
      if (rows.length < AT_ONCE) return;
    }
  }
}
