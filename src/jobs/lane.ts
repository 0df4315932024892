// The queue of one device: takes what is first, runs it, and takes the next for as long as the device is ready.
import { sleep, type Clock } from '../clock/clock.ts';
import { isStoreError, type CalibrationRow, type JobRow, type Store } from '../store/index.ts';
import type { Attempter } from './attempts.ts';
import type { DeviceControls } from './control/controls.ts';
import type { RelaxDevice } from './device-port.ts';
import { Stopped } from './failure.ts';
import { QueueHolds } from './holds/queue-holds.ts';
import type { HoldAnswer } from './holds/rule.ts';
import type { DeviceLease } from './lease/keeper.ts';
import { ProgressTracker } from './progress.ts';
import { Candidates } from './queue/candidates.ts';
import { isExpired } from './queue/expiry.ts';
import type { BetweenJobs } from './sentinels/index.ts';

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
  /** Whether this host drives the device now; absent: nobody else can. */
  lease?: DeviceLease;
  /** Called before the first work under a lease: what others left running is over. */
  onTaken?: (by: Attempter) => Promise<void>;
  /** What people want of the device; absent: nobody asks. */
  controls?: Pick<DeviceControls, 'holdFor' | 'of'>;
  /** Probes between jobs; absent: none. */
  between?: BetweenJobs;
  /** Whether its die is too warm for work at this wall time; absent: nobody watches it. */
  heat?: (now_ms: number) => HoldAnswer | null;
  /** A job was held, or put back. */
  onChanged(job: JobRow): void;
  /** A calibration was queued that jobs wait for. */
  onCalibration(calibration: CalibrationRow): void;
  /** Runs one piece of work to its stored end; rejects only when even that could not be stored. */
  run(work: Work, running: Running, by: Attempter): Promise<void>;
  onError(error: unknown): void;
}

/** After the store failed: a full disk is not asked in a tight loop. */
const PAUSE_MS = 2_000;

export class Lane<D extends RelaxDevice> {
  readonly #options: LaneOptions<D>;
  readonly #closed = new AbortController();
  readonly #ends: (() => void)[] = [];
  readonly #holds: QueueHolds;
  readonly #candidates: Candidates;
  #running: Running | null = null;
  #probing: AbortController | null = null;
  #loop: Promise<void> | null = null;
  #again = false;
  /** The fence whose predecessors have been seen to. */
  #taken: number | null = null;

  constructor(options: LaneOptions<D>) {
    this.#options = options;
    const { device, lease } = options;
    this.#holds = new QueueHolds({ ...options, wake: () => this.wake() });
    this.#candidates = new Candidates(device.id, options.store.jobs);
    this.#ends.push(() => this.#holds.close());
    this.#ends.push(device.onChange(() => this.wake()));
    if (lease !== undefined) this.#ends.push(lease.onChange(() => this.#leaseChanged(lease)));
  }

  get running(): Running | null {
    return this.#running;
  }

  /**
   * Something may be runnable: a new row, or a device that came back.
   * @param change.held held jobs may have what they waited for, or one was added
   */
  wake(change: { held?: boolean } = {}): void {
    if (change.held === true) this.#holds.review();
    this.#again = true;
    if (this.#loop !== null || this.#closed.signal.aborted) return;
    this.#loop = this.#work().finally(() => {
      this.#loop = null;
      if (this.#again) this.wake();
    });
  }

  /** The device is stopped: what runs on it ends as that. */
  safeStop(): void {
    this.#abort(new Stopped('safe-stop'));
  }

  /** Takes nothing more; what runs may end by itself within the grace, and is stopped then. */
  async close(grace_ms = 0): Promise<void> {
    for (const end of this.#ends) end();
    this.#closed.abort(new Stopped('shutdown'));
    this.#probing?.abort(new Stopped('shutdown'));
    const inTime = new AbortController();
    const ended = this.#loop?.finally(() => inTime.abort());
    if (this.#running !== null && grace_ms > 0)
      await sleep(this.#options.clock, grace_ms, inTime.signal).catch(() => undefined);
    this.#abort(new Stopped('shutdown'));
    await ended;
  }

  async #work(): Promise<void> {
    while (this.#again) {
      this.#again = false;
      try {
        await this.#settleLease();
        // What waits for the device is the business of the host that drives it.
        if (this.#drives()) await this.#holds.settle();
        if (this.#ready() && (await this.#step())) this.#again = true;
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
    return this.#drives() && this.#options.device.state === 'ready';
  }

  #drives(): boolean {
    const { lease } = this.#options;
    if (lease !== undefined && (lease.fence === null || lease.fence !== this.#taken)) return false;
    return !this.#closed.signal.aborted;
  }

  #leaseChanged({ fence }: DeviceLease): void {
    if (fence !== this.#taken) this.#abort(new Stopped('lease'));
    this.wake();
  }

  #abort(why: Stopped): void {
    this.#running?.abort.abort(why);
    this.#probing?.abort(why);
  }

  async #settleLease(): Promise<void> {
    const { lease, onTaken } = this.#options;
    const fence = lease?.fence ?? null;
    if (lease === undefined || fence === null || fence === this.#taken) return;
    await onTaken?.({ host: lease.holder, fence });
    this.#taken = fence;
    this.#holds.review();
  }

  /** Runs the first in the queue; false when there is none. */
  async #step(): Promise<boolean> {
    const work = await this.#first();
    if (await this.#probe(work === null)) return true;
    if (work === null || !this.#ready() || !this.#mayRun(work.row)) return false;
    const running: Running = {
      id: work.row.id,
      kind: work.kind,
      abort: new AbortController(),
      tracker: new ProgressTracker(),
    };
    this.#running = running;
    const { clock } = this.#options;
    const begun_ms = clock.now_ms();
    try {
      await this.#options.run(work, running, this.#by);
    } catch (error) {
      // Cancelled between the look and the claim, or the device taken over: what is first now is another question.
      if (!isStoreError(error, 'conflict') && !isStoreError(error, 'stale-fence')) throw error;
    } finally {
      this.#running = null;
      if (work.kind === 'job') this.#candidates.charge(work.row, clock.now_ms() - begun_ms);
      // A calibration that others waited for, or a job that was put back.
      if (work.kind === 'calibration' || 'require' in work.row.request) this.#holds.review();
    }
    return true;
  }

  /** One probe for drift, if one is due and nobody has the device to himself; false: none was. */
  async #probe(idle: boolean): Promise<boolean> {
    const { between } = this.#options;
    if (between === undefined || !between.isDue(idle) || !this.#ready() || !this.#mayRun({ keyId: null }))
      return false;
    const abort = new AbortController();
    this.#probing = abort;
    try {
      await between.probe(abort.signal, this.#by, idle);
    } finally {
      this.#probing = null;
    }
    return true;
  }

  get #by(): Attempter {
    return { host: this.#options.lease?.holder ?? null, fence: this.#taken };
  }

  /** Of the job whose turn it is and the first calibration the one of higher priority, then the older one. */
  async #first(): Promise<Work | null> {
    const job = await this.#firstJob();
    const calibration = await this.#firstCalibration();
    if (calibration !== null && (job === null || isBefore(calibration, job)))
      return { kind: 'calibration', row: calibration };
    return job === null ? null : { kind: 'job', row: job };
  }

  /** The first in the order of turns that may run; those before it are held. */
  async #firstJob(): Promise<JobRow | null> {
    for await (const job of this.#candidates.inOrder())
      if (!isExpired(job, this.#options.clock.wall_ms()) && (await this.#holds.hold(job)) === null)
        return job;
    return null;
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
