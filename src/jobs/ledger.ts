// The stored side of a job's life: claim, end, and what is left of a former process. Each step is one commit.
import { sleep, type Clock } from '../clock/clock.ts';
import {
  JobCause,
  StoreError,
  isStoreError,
  type CalibrationRow,
  type JobRow,
  type JobState,
  type JsonObject,
  type Store,
} from '../store/index.ts';
import type { CalibrationOutcome } from './calibration-port.ts';
import { restarted, type Failure } from './failure.ts';
import type { RelaxOutcome } from './relax-work.ts';

type Tables = Pick<Store, 'jobs' | 'calibrations' | 'transaction'>;

/** An end that cannot be stored because the disk is full is tried again until it can, or the service stops. */
const RETRY_MS = 1_000;

/** Writes states; knows nothing of devices. */
export class Ledger {
  readonly #store: Tables;
  readonly #clock: Clock;
  /** Ends the retries. */
  readonly #stop: AbortSignal;

  constructor(store: Tables, clock: Clock, stop: AbortSignal) {
    this.#store = store;
    this.#clock = clock;
    this.#stop = stop;
  }

  /** queued -> running. `conflict` when it was cancelled meanwhile. */
  async claimJob(job: JobRow): Promise<JobRow> {
    const now = this.#clock.wall_ms();
    const attempt = { startedAt_ms: now, finishedAt_ms: null, state: 'running' as const, cause: null };
    try {
      return await this.#store.jobs.transition(job.id, 'queued', 'running', {
        startedAt_ms: now,
        attempts: [...job.attempts, attempt],
      });
    } catch (error) {
      throw await this.#stillQueued(error, async () => (await this.#store.jobs.find(job.id))?.state);
    }
  }

  async claimCalibration(calibration: CalibrationRow): Promise<CalibrationRow> {
    try {
      return await this.#store.calibrations.transition(calibration.id, 'queued', 'running', {
        startedAt_ms: this.#clock.wall_ms(),
      });
    } catch (error) {
      throw await this.#stillQueued(
        error,
        async () => (await this.#store.calibrations.find(calibration.id))?.state,
      );
    }
  }

  /** The samples and the end of the job in one commit (decisions 13). */
  succeedJob(job: JobRow, outcome: RelaxOutcome): Promise<JobRow> {
    return this.#store.transaction(async (tx) => {
      await tx.sampleSets.add(outcome.sampleSet);
      return tx.jobs.transition(job.id, 'running', 'succeeded', {
        ...this.#end(job, 'succeeded', null),
        result: outcome.result as unknown as JsonObject,
        samplesBlob: outcome.result.samples.blob,
      });
    });
  }

  endJob(job: JobRow, phase: JobRow['phase'], failure: Failure): Promise<JobRow> {
    return this.#persistently(() => this.#failJob(job, phase, failure));
  }

  succeedCalibration(
    calibration: CalibrationRow,
    outcome: CalibrationOutcome,
    blob: CalibrationRow['blob'],
    faultsActive: boolean,
  ): Promise<CalibrationRow> {
    return this.#store.calibrations.transition(calibration.id, 'running', 'succeeded', {
      deviceUid: outcome.device.uid,
      values: outcome.values,
      stderr: outcome.stderr,
      provenance: { ...outcome.device, faultsActive },
      blob,
      finishedAt_ms: this.#clock.wall_ms(),
    });
  }

  endCalibration(calibration: CalibrationRow, failure: Failure): Promise<CalibrationRow> {
    return this.#persistently(() => this.#failCalibration(calibration, failure));
  }

  /** A process that ended without ending its work left it running: that is over (`retry` is never, decisions 37). */
  async endOrphans(): Promise<{ jobs: number; calibrations: number }> {
    const failure: Failure = { cause: JobCause.serviceRestart, failure: restarted() };
    const count = { jobs: 0, calibrations: 0 };
    for (;;) {
      const jobs = await this.#store.jobs.list({ state: 'running', limit: 500 });
      const calibrations = await this.#store.calibrations.list({ state: 'running', limit: 500 });
      if (jobs.length + calibrations.length === 0) return count;
      for (const job of jobs) await this.#failJob(job, job.phase, failure);
      for (const calibration of calibrations) await this.#failCalibration(calibration, failure);
      count.jobs += jobs.length;
      count.calibrations += calibrations.length;
    }
  }

  #end(job: JobRow, state: JobState, cause: JobCause | null) {
    const finishedAt_ms = this.#clock.wall_ms();
    const attempts = job.attempts.map((attempt, k) =>
      k === job.attempts.length - 1 ? { ...attempt, finishedAt_ms, state, cause } : attempt,
    );
    return { finishedAt_ms, cause, attempts };
  }

  /** A conflict although the row is still queued means another row of the device runs: not a thing to try again at once. */
  async #stillQueued(error: unknown, state: () => Promise<string | undefined>): Promise<unknown> {
    if (!isStoreError(error, 'conflict') || (await state()) !== 'queued') return error;
    return new StoreError('storage-failed', `the queue is inconsistent: ${error.message}`, { cause: error });
  }

  #failJob(job: JobRow, phase: JobRow['phase'], { cause, failure }: Failure): Promise<JobRow> {
    const state = cause === JobCause.cancelled ? 'cancelled' : 'failed';
    const change = { ...this.#end(job, state, cause), phase, failure };
    return this.#store.jobs.transition(job.id, 'running', state, change);
  }

  #failCalibration(calibration: CalibrationRow, { cause, failure }: Failure): Promise<CalibrationRow> {
    const change = { cause, failure, finishedAt_ms: this.#clock.wall_ms() };
    return this.#store.calibrations.transition(calibration.id, 'running', 'failed', change);
  }

  async #persistently<T>(write: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await write();
      } catch (error) {
        if (!isStoreError(error) || !error.retryable || this.#stop.aborted) throw error;
      }
      // A stop cuts the pause short; then the write has one more chance.
      await sleep(this.#clock, RETRY_MS, this.#stop).catch(() => undefined);
    }
  }
}
