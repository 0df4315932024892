// Puts the answers of the rules into the rows of one device: holds jobs for as long as a rule stands in their way, and puts
// them back when that is over. Those that may run are never behind one that may not. The host that drives the device does it.
import type { Clock, Timer } from '../../clock/clock.ts';
import {
  isStoreError,
  type CalibrationRow,
  type JobHold,
  type JobRow,
  type Store,
} from '../../store/index.ts';
import type { DeviceControls } from '../control/controls.ts';
import type { DeviceLease } from '../lease/keeper.ts';
import { LONGEST_HOLD_MS } from '../queue/expiry.ts';
import { Recalibration } from '../requirements/recalibration.ts';
import { AWAY_MS } from './away.ts';
import { deviceHold, jobHold, type HoldRule, type JobWorld } from './rule.ts';
import { HOLD_RULES } from './rules.ts';
import { Surroundings, type Look, type SurroundingsOptions } from './world.ts';

const AT_ONCE = 500;
/** Held jobs are looked at again after so long: temperatures, ages and budgets change without telling anybody. */
const AGAIN_MS = 1_000;
/** And not more often than their number allows: a look at 10,000 of them costs about a tenth of this. */
const AGAIN_PER_JOB_MS = 1;

export interface QueueHoldsOptions extends Omit<SurroundingsOptions, 'recalibration'> {
  store: Store;
  clock: Clock;
  controls?: Pick<DeviceControls, 'of' | 'holdFor'>;
  /** Under which this host drives the device; absent: there is one host. */
  lease?: Pick<DeviceLease, 'fence'>;
  onChanged: (job: JobRow) => void;
  /** A calibration was queued that jobs wait for. */
  onCalibration: (calibration: CalibrationRow) => void;
  /** Called when there is a reason to settle that nothing else tells. */
  wake: () => void;
  /** Default: HOLD_RULES. */
  rules?: readonly HoldRule[];
}

export class QueueHolds {
  readonly #options: QueueHoldsOptions;
  readonly #rules: readonly HoldRule[];
  readonly #surroundings: Surroundings;
  readonly #recalibration: Recalibration;
  /** Held jobs are to be looked at one by one: also those that whoever drove the device before has held. */
  #isReviewDue = true;
  #wasClosedToAll = false;
  #timer: Timer | null = null;
  #due_ms = Infinity;
  #closed = false;

  constructor(options: QueueHoldsOptions) {
    this.#options = options;
    this.#rules = options.rules ?? HOLD_RULES;
    this.#recalibration = new Recalibration({
      ...options,
      device: options.device.id,
      fence: () => options.lease?.fence ?? null,
      onQueued: options.onCalibration,
    });
    this.#surroundings = new Surroundings({ ...options, recalibration: this.#recalibration });
  }

  /** What held jobs wait for may have come: the next settling looks at each of them. */
  review(): void {
    this.#isReviewDue = true;
  }

  /** Before the queue is looked at: what is held without a reason goes back, and all are held when nobody may run. */
  async settle(): Promise<void> {
    const { store, device } = this.#options;
    const look = this.#surroundings.look();
    const forAll = deviceHold(this.#rules, look.world);
    // The queue is looked at twice for every job, and mostly nothing is held.
    if ((await store.jobs.list({ device: device.id, state: ['held'], limit: 1 })).length > 0) {
      await this.#release(look, forAll);
      if (this.#wasClosedToAll) this.review();
      if (forAll === null && this.#isReviewDue) await this.#review(look);
    }
    this.#wasClosedToAll = forAll !== null;
    if (forAll !== null) await this.#holdAll(forAll);
    // Readings that stay away tell nobody that the die has cooled.
    if (forAll?.reason === 'thermal') this.#later(AGAIN_MS);
    const { awaySince_ms, now_ms } = look.world;
    if (awaySince_ms !== null) this.#later(awaySince_ms + AWAY_MS - now_ms);
  }

  /** Why this job may not start; it is held for that. Null: it may. */
  async hold(job: JobRow): Promise<JobHold | null> {
    const look = this.#surroundings.look();
    const world = await look.around(job);
    const hold = jobHold(this.#rules, job, world);
    if (hold === null) return null;
    await this.#change(job, hold);
    await this.#calibrateFor(job, hold, world, look);
    this.#later(AGAIN_MS);
    return hold;
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  /** Those that are held by a rule of the device which holds nobody any more. */
  async #release({ world }: Look, forAll: JobHold | null): Promise<void> {
    const { store, device } = this.#options;
    for (const rule of this.#rules) {
      if (rule.of !== 'device' || rule.reason === forAll?.reason || rule.keeps?.(world) === true) continue;
      await this.#all(() => store.jobs.releaseHeld(device.id, rule.reason, AT_ONCE));
    }
  }

  #holdAll(hold: JobHold): Promise<void> {
    const { store, device } = this.#options;
    const expiry = { longest_ms: LONGEST_HOLD_MS, limit: AT_ONCE };
    return this.#all(() => store.jobs.holdQueued(device.id, hold, expiry));
  }

  /** Looks at every job that is held, and once more after a while where some stay so. */
  async #review(look: Look): Promise<void> {
    const { store, device } = this.#options;
    this.#isReviewDue = false;
    let kept = 0;
    let after: JobRow | undefined;
    for (;;) {
      const rows = await store.jobs.heldOf(device.id, { limit: AT_ONCE, ...(after && { after }) });
      const released = await this.#judge(rows, look);
      kept += rows.length - released.length;
      if (released.length > 0) this.#changed(await store.jobs.release(released));
      after = rows.at(-1);
      if (rows.length < AT_ONCE) break;
    }
    if (kept > 0) this.#later(Math.max(AGAIN_MS, kept * AGAIN_PER_JOB_MS));
  }

  /** Ids of those that nothing holds any more; what holds another one now is written into its row. */
  async #judge(rows: readonly JobRow[], look: Look): Promise<string[]> {
    const free: string[] = [];
    for (const row of rows) {
      const world = await look.around(row);
      const hold = jobHold(this.#rules, row, world);
      if (hold === null) {
        free.push(row.id);
        continue;
      }
      if (isAnother(row.hold, hold)) await this.#change(row, hold);
      await this.#calibrateFor(row, hold, world, look);
    }
    return free;
  }

  /** What jobs wait for is on its way, or is queued now. */
  async #calibrateFor(job: JobRow, { reason }: JobHold, { required }: JobWorld, look: Look): Promise<void> {
    if (reason !== 'calibration' || required?.calibrations.isPending === true) return;
    await this.#recalibration.queueFor(job);
    look.forgetCalibrations();
  }

  async #change(job: JobRow, hold: JobHold): Promise<void> {
    const { store } = this.#options;
    const expiresAt_ms = Math.min(job.deadline_ms ?? Infinity, hold.since_ms + LONGEST_HOLD_MS);
    try {
      this.#changed([await store.jobs.transition(job.id, job.state, 'held', { hold, expiresAt_ms })]);
    } catch (error) {
      // Cancelled meanwhile.
      if (!isStoreError(error, 'conflict')) throw error;
    }
  }

  async #all(some: () => Promise<JobRow[]>): Promise<void> {
    for (;;) {
      const rows = await some();
      this.#changed(rows);
      if (rows.length < AT_ONCE) return;
    }
  }

  #changed(rows: readonly JobRow[]): void {
    for (const row of rows) this.#options.onChanged(row);
  }

  /** One timer for all reasons, set to the first: a look too many costs little. */
  #later(delay_ms: number): void {
    const { clock, wake } = this.#options;
    const due_ms = clock.now_ms() + delay_ms;
    if (this.#closed || delay_ms <= 0 || due_ms >= this.#due_ms) return;
    this.#timer?.cancel();
    this.#due_ms = due_ms;
    this.#timer = clock.after(delay_ms, () => {
      this.#due_ms = Infinity;
      this.review();
      wake();
    });
  }
}

/** Told anew: another reason, or the end that was told is over. */
function isAnother(told: JobHold | null, hold: JobHold): boolean {
  if (told === null || told.reason !== hold.reason) return true;
  return told.until_ms !== null && told.until_ms <= hold.since_ms;
}
