// The calibration that a job waits for: whether there is one on its way already, and a new one when there is none. One is
// enough for all the jobs that wait, and one that has ended is not made again for the same job.
import {
  isStoreError,
  type CalibrationRow,
  type JobRow,
  type Repositories,
  type Store,
} from '../../store/index.ts';
import { NOISE_TEMPERATURE } from '../calibration-port.ts';
import type { DeviceControls } from '../control/controls.ts';
import { JobPriority } from '../request.ts';

/** Of the kind that jobs require. */
export interface Calibrations {
  /** One is queued, or runs. */
  isPending: boolean;
  /** When the last one ended, also in vain; null: none ever did. */
  endedAt_ms: number | null;
}

/** Among so many that were asked for last is the one that ended last. */
const LOOKED_AT = 20;

export interface RecalibrationOptions {
  device: string;
  store: Store;
  controls?: Pick<DeviceControls, 'holdFor'>;
  /** Under which this host drives the device; null: there is one host. */
  fence: () => number | null;
  onQueued: (calibration: CalibrationRow) => void;
}

export class Recalibration {
  readonly #options: RecalibrationOptions;

  constructor(options: RecalibrationOptions) {
    this.#options = options;
  }

  async known(): Promise<Calibrations> {
    const rows = await this.#rows(this.#options.store, LOOKED_AT);
    const ends = rows.map(({ finishedAt_ms }) => finishedAt_ms ?? -Infinity);
    const endedAt_ms = Math.max(...ends, -Infinity);
    return {
      isPending: rows.some((row) => this.#isPending(row)),
      endedAt_ms: Number.isFinite(endedAt_ms) ? endedAt_ms : null,
    };
  }

  /** Queues the calibration that a job waits for, unless there is one. In the name of the key of that job. */
  async queueFor({ id, keyId, priority }: JobRow): Promise<void> {
    const { store, device, fence, onQueued } = this.#options;
    const under = fence();
    try {
      const added = await store.transaction(async (tx) => {
        if (under !== null) await tx.leases.guard(device, under);
        if ((await this.#rows(tx, LOOKED_AT)).some((row) => this.#isPending(row))) return null;
        const row = await tx.calibrations.add({
          kind: NOISE_TEMPERATURE,
          device,
          options: {},
          // Jobs wait for it: not behind what came after them.
          priority: Math.max(priority, JobPriority.normal),
          keyId,
        });
        const detail = { kind: row.kind, device, job: id };
        const entry = { keyId, action: 'calibration.start', target: row.id, detail };
        await tx.audit.append({ ...entry, outcome: 'done', correlationId: null });
        return row;
      });
      if (added !== null) onQueued(added);
    } catch (error) {
      // Another host drives the device by now, and sees to it.
      if (!isStoreError(error, 'stale-fence')) throw error;
    }
  }

  #rows({ calibrations }: Pick<Repositories, 'calibrations'>, limit: number): Promise<CalibrationRow[]> {
    return calibrations.list({ device: this.#options.device, kind: NOISE_TEMPERATURE, limit });
  }

  /** One of a key that may not use the device would be waited for until the lease of another ends. */
  #isPending({ state, keyId }: CalibrationRow): boolean {
    if (state !== 'queued') return state === 'running';
    const { controls, device } = this.#options;
    return controls?.holdFor(device, keyId)?.reason !== 'lease';
  }
}
