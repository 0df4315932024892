// The queue of one device: takes what is first, runs it, and takes the next for as long as the device is ready.
import { sleep, type Clock } from '../clock/clock.ts';
import { isStoreError, type CalibrationRow, type JobRow, type Store } from '../store/index.ts';
import type { DeviceControls } from './control/controls.ts';
import { QueueHolds } from './control/queue-holds.ts';
import type { RelaxDevice } from './device-port.ts';
import { Stopped } from './failure.ts';
import { ProgressTracker } from './progress.ts';

export type Work = { kind: 'job'; row: JobRow } | { kind: 'calibration'; row: CalibrationRow };

/** What runs now. */
export interface Running {
  id: string;
  kind: Work['kind'];
  abort: AbortController;
  tracker: ProgressTracker;
}

export interface LaneOptions<D extends RelaxDevice> {
  device: D;
  store: Store;
  clock: Clock;
  /** What people want of the device; absent: nobody asks. */
  controls?: Pick<DeviceControls, 'holdFor' | 'of'>;
  /** A job was held, or put back. */
  onChanged(job: JobRow): void;
  /** Runs one piece of work to its stored end; rejects only when even that could not be stored. */
  run(work: Work, running: Running, device: D): Promise<void>;
  onError(error: unknown): void;
}

/** After the store failed: a full disk is not asked in a tight loop. */
const PAUSE_MS = 2_000;

export class Lane<D extends RelaxDevice> {
  readonly #options: LaneOptions<D>;
  readonly #closed = new AbortController();
  readonly #unsubscribe: () => void;
  readonly #holds: QueueHolds | null;
  #running: Running | null = null;
  #loop: Promise<void> | null = null;
  #again = false;

  constructor(options: LaneOptions<D>) {
    this.#options = options;
    const { controls, device } = options;
    this.#holds = controls === undefined ? null : new QueueHolds({ ...options, controls, device: device.id });
    this.#unsubscribe = options.device.onChange(() => this.wake());
  }

  get running(): Running | null {
    return this.#running;
  }

  /** Something may be runnable: a new row, or a device that came back. */
  wake(): void {
    this.#again = true;
    if (this.#loop !== null || this.#closed.signal.aborted) return;
    this.#loop = this.#work().finally(() => {
      this.#loop = null;
      if (this.#again) this.wake();
    });
  }

  /** The device is stopped: what runs on it ends as that. */
  safeStop(): void {
    this.#running?.abort.abort(new Stopped('safe-stop'));
  }

  async close(): Promise<void> {
    this.#unsubscribe();
    this.#closed.abort(new Stopped('shutdown'));
    this.#running?.abort.abort(new Stopped('shutdown'));
    await this.#loop;
  }

  async #work(): Promise<void> {
    while (this.#again) {
      this.#again = false;
      try {
        await this.#holds?.settle();
        while (this.#ready() && (await this.#step()));
      } catch (error) {
        this.#options.onError(error);
        this.#again = true;
        await sleep(this.#options.clock, PAUSE_MS, this.#closed.signal).catch(() => {
          this.#again = false;
        });
      }
      if (this.#closed.signal.aborted) this.#again = false;
    }
  }

  #ready(): boolean {
    return !this.#closed.signal.aborted && this.#options.device.state === 'ready';
  }

  /** Runs the first in the queue; false when there is none. */
  async #step(): Promise<boolean> {
    const work = await this.#first();
    if (work === null || !this.#ready()) return false;
    if (work.kind === 'job' && (await this.#isHeld(work.row))) return true;
    if (!this.#ready() || !this.#mayRun(work.row)) return false;
    const running: Running = {
      id: work.row.id,
      kind: work.kind,
      abort: new AbortController(),
      tracker: new ProgressTracker(),
    };
    this.#running = running;
    try {
      await this.#options.run(work, running, this.#options.device);
    } catch (error) {
      // Cancelled between the look and the claim: the next one is first now.
      if (!isStoreError(error, 'conflict')) throw error;
    } finally {
      this.#running = null;
    }
    return true;
  }

  /** Of jobs and calibrations the one of higher priority, then the older one. */
  async #first(): Promise<Work | null> {
    const { store, device } = this.#options;
    const job = await store.jobs.nextQueued(device.id);
    const calibration = await this.#firstCalibration();
    if (calibration !== null && (job === null || isBefore(calibration, job)))
      return { kind: 'calibration', row: calibration };
    return job === null ? null : { kind: 'job', row: job };
  }

  async #isHeld(job: JobRow): Promise<boolean> {
    const hold = (await this.#holds?.hold(job)) ?? null;
    return hold !== null && hold.reason !== 'device-offline';
  }

  /** The next one of a key that may use the device now. */
  async #firstCalibration(): Promise<CalibrationRow | null> {
    const { store, device } = this.#options;
    const first = await store.calibrations.nextQueued(device.id);
    if (first === null || this.#mayRun(first)) return first;
    const asked = { device: device.id, state: 'queued' as const, order: 'oldest-first' as const };
    return (await store.calibrations.list(asked)).find((row) => this.#mayRun(row)) ?? null;
  }

  #mayRun({ keyId }: { keyId: string | null }): boolean {
    const { controls, device } = this.#options;
    return controls === undefined || controls.holdFor(device.id, keyId) === null;
  }
}

type Placed = Pick<JobRow, 'priority' | 'createdAt_ms' | 'id'>;

function isBefore(a: Placed, b: Placed): boolean {
  if (a.priority !== b.priority) return a.priority > b.priority;
  if (a.createdAt_ms !== b.createdAt_ms) return a.createdAt_ms < b.createdAt_ms;
  return a.id < b.id;
}
