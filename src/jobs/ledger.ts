// The stored side of a job's life: claim, end, and what is left of a former process. Each step is one commit.
import { sleep, type Clock } from '../clock/clock.ts';
import {
  JobCause,
  StoreError,
  isStoreError,
  type CalibrationRow,
  type JobHold,
  type JobLogLine,
  type JobRow,
  type JobState,
  type JsonObject,
  type NewHeatEntry,
  type Repositories,
  type Store,
} from '../store/index.ts';
import { FAILED_ATTEMPTS_MAX, begin, close, runsAgain, type Attempter } from './attempts.ts';
import type { CalibrationOutcome } from './calibration-port.ts';
import { heatEntries, unmetered, type AttemptEnergy } from './heat-ledger/index.ts';
import { hostLost, restarted, type Failure } from './failure.ts';
import type { RelaxOutcome } from './relax-work.ts';

type Tables = Pick<Store, 'jobs' | 'calibrations' | 'transaction'>;

/** An end that cannot be stored because the disk is full is tried again until it can, or the service stops. */
const RETRY_MS = 1_000;

export interface LedgerParts {
  store: Tables;
  clock: Clock;
  /** Ends the retries. */
  stop: AbortSignal;
  /** Attempts that may fail before a job does; default FAILED_ATTEMPTS_MAX. */
  failedAttemptsMax?: number;
}

/** Without leases there is one host, and no fence. */
const NOBODY: Attempter = { host: null, fence: null };
const RESTARTED: Failure = { cause: JobCause.serviceRestart, failure: restarted() };
const HOST_LOST: Failure = { cause: JobCause.hostLost, failure: hostLost() };

/** Under which the present attempt drives the device. */
const fenceOf = (job: JobRow): number | null => job.attempts.at(-1)?.fence ?? null;

async function account({ heat }: Repositories, entries: readonly NewHeatEntry[]): Promise<void> {
  for (const entry of entries) await heat.add(entry);
}

/** Writes states; knows nothing of devices. */
export class Ledger {
  readonly #store: Tables;
  readonly #clock: Clock;
  readonly #stop: AbortSignal;
  readonly #failedAttemptsMax: number;

  constructor({ store, clock, stop, failedAttemptsMax = FAILED_ATTEMPTS_MAX }: LedgerParts) {
    this.#store = store;
    this.#clock = clock;
    this.#stop = stop;
    this.#failedAttemptsMax = failedAttemptsMax;
  }

  /** queued -> running. `conflict` when it was cancelled meanwhile. */
  async claimJob(job: JobRow, by: Attempter = NOBODY): Promise<JobRow> {
    const now = this.#clock.wall_ms();
    const change = {
      startedAt_ms: now,
      attempts: begin(job.attempts, now, by),
      cause: null,
      failure: null,
      phase: null,
    };
    try {
      return await this.#guarded(job.device, by.fence, (tx) =>
        tx.jobs.transition(job.id, 'queued', 'running', change),
      );
    } catch (error) {
      throw await this.#stillQueued(error, async () => (await this.#store.jobs.find(job.id))?.state);
    }
  }

  async claimCalibration(calibration: CalibrationRow, by: Attempter = NOBODY): Promise<CalibrationRow> {
    const startedAt_ms = this.#clock.wall_ms();
    try {
      return await this.#guarded(calibration.device, by.fence, (tx) =>
        tx.calibrations.transition(calibration.id, 'queued', 'running', { startedAt_ms }),
      );
    } catch (error) {
      throw await this.#stillQueued(
        error,
        async () => (await this.#store.calibrations.find(calibration.id))?.state,
      );
    }
  }

  /** The samples, the log, the account and the end of the job in one commit (decisions 13). */
  succeedJob(
    job: JobRow,
    outcome: RelaxOutcome,
    energy: AttemptEnergy,
    log: readonly JobLogLine[] = [],
  ): Promise<JobRow> {
    return this.#guarded(job.device, fenceOf(job), async (tx) => {
      for (const bytes of outcome.smallBlobs) await tx.smallBlobs.put(bytes);
      await tx.sampleSets.add(outcome.sampleSet);
      await tx.jobs.addLog(job.id, job.attempts.length, log);
      await account(tx, heatEntries(job, 'succeeded', energy, outcome.result));
      return tx.jobs.transition(job.id, 'running', 'succeeded', {
        ...this.#end(job, 'succeeded', null),
        result: outcome.result as unknown as JsonObject,
        samplesBlob: outcome.result.samples.blob,
      });
    });
  }

  /** Ends the attempt: the job fails, is cancelled, or goes back into the queue (`retry`). */
  endJob(
    job: JobRow,
    phase: JobRow['phase'],
    failure: Failure,
    log: readonly JobLogLine[] = [],
    energy: AttemptEnergy = unmetered(job, this.#clock.wall_ms()),
  ): Promise<JobRow> {
    return this.#persistently(() => this.#endAttempt(job, phase, failure, { log, energy }, fenceOf(job)));
  }

  /** running -> held: what it requires was not so just before programming. */
  putBack(
    job: JobRow,
    hold: JobHold,
    expiresAt_ms: number | null,
    log: readonly JobLogLine[] = [],
    energy: AttemptEnergy = unmetered(job, this.#clock.wall_ms()),
  ): Promise<JobRow> {
    return this.#persistently(() =>
      this.#guarded(job.device, fenceOf(job), async (tx) => {
        await tx.jobs.addLog(job.id, job.attempts.length, log);
        await account(tx, heatEntries(job, 'held', energy, null));
        // Asked for on another host meanwhile: nobody would come back to it.
        if ((await tx.jobs.get(job.id)).cancelRequestedAt_ms !== null)
          return tx.jobs.transition(
            job.id,
            'running',
            'cancelled',
            this.#end(job, 'cancelled', JobCause.cancelled),
          );
        return tx.jobs.transition(job.id, 'running', 'held', {
          attempts: close(job.attempts, this.#clock.wall_ms(), 'held', JobCause.requirementUnmet),
          startedAt_ms: null,
          phase: null,
          hold,
          expiresAt_ms,
        });
      }),
    );
  }

  /** The values, and that they count from now on unless another calibration is pinned, in one commit. */
  succeedCalibration(
    calibration: CalibrationRow,
    outcome: CalibrationOutcome,
    blob: CalibrationRow['blob'],
    faultsActive: boolean,
    by: Attempter = NOBODY,
  ): Promise<CalibrationRow> {
    return this.#guarded(calibration.device, by.fence, async (tx) => {
      const succeeded = await tx.calibrations.transition(calibration.id, 'running', 'succeeded', {
        deviceUid: outcome.device.uid,
        values: outcome.values,
        stderr: outcome.stderr,
        provenance: { ...outcome.device, faultsActive },
        blob,
        finishedAt_ms: this.#clock.wall_ms(),
      });
      await tx.activeCalibrations.offer(succeeded);
      return succeeded;
    });
  }

  endCalibration(
    calibration: CalibrationRow,
    failure: Failure,
    by: Attempter = NOBODY,
  ): Promise<CalibrationRow> {
    return this.#persistently(() => this.#failCalibration(calibration, failure, by.fence));
  }

  /**
   * Whoever drove the device before left work running: those attempts are over. With a lease this is asked for by its
   * holder, about its device; without one there was only this service.
   */
  async endOrphans(
    of: { device?: string; by: Attempter } = { by: NOBODY },
  ): Promise<{ jobs: number; calibrations: number }> {
    const { device, by } = of;
    const count = { jobs: 0, calibrations: 0 };
    for (;;) {
      const asked = { state: 'running' as const, limit: 500, device };
      const jobs = await this.#store.jobs.list(asked);
      const calibrations = await this.#store.calibrations.list(asked);
      if (jobs.length + calibrations.length === 0) return count;
      for (const job of jobs) {
        const host = job.attempts.at(-1)?.host ?? by.host;
        const kept = { log: [], energy: unmetered(job, this.#clock.wall_ms()) };
        await this.#endAttempt(job, job.phase, host === by.host ? RESTARTED : HOST_LOST, kept, by.fence);
      }
      for (const calibration of calibrations) await this.#failCalibration(calibration, RESTARTED, by.fence);
      count.jobs += jobs.length;
      count.calibrations += calibrations.length;
    }
  }

  #end(job: JobRow, state: JobState, cause: JobCause | null) {
    const finishedAt_ms = this.#clock.wall_ms();
    return { finishedAt_ms, cause, attempts: close(job.attempts, finishedAt_ms, state, cause) };
  }

  /** A conflict although the row is still queued means another row of the device runs: not a thing to try again at once. */
  async #stillQueued(error: unknown, state: () => Promise<string | undefined>): Promise<unknown> {
    if (!isStoreError(error, 'conflict') || (await state()) !== 'queued') return error;
    return new StoreError('storage-failed', `the queue is inconsistent: ${error.message}`, { cause: error });
  }

  #endAttempt(
    job: JobRow,
    phase: JobRow['phase'],
    ended: Failure,
    kept: { log: readonly JobLogLine[]; energy: AttemptEnergy },
    fence: number | null,
  ): Promise<JobRow> {
    const { cause, failure } = ended;
    return this.#guarded(job.device, fence, async (tx) => {
      const { cancelRequestedAt_ms } = await tx.jobs.get(job.id);
      const attempt = job.attempts.length;
      // As killed processes of before leave it, a running job may be without an attempt.
      const keep = async (state: JobState): Promise<void> => {
        if (attempt === 0) return;
        await tx.jobs.addLog(job.id, attempt, kept.log);
        await account(tx, heatEntries(job, state, kept.energy, null));
      };
      if (runsAgain({ ...job, cancelRequestedAt_ms }, ended, this.#failedAttemptsMax)) {
        await keep('failed');
        return tx.jobs.transition(job.id, 'running', 'queued', {
          attempts: close(job.attempts, this.#clock.wall_ms(), 'failed', cause),
          startedAt_ms: null,
          phase: null,
          expiresAt_ms: job.deadline_ms,
        });
      }
      const state = cause === JobCause.cancelled || cancelRequestedAt_ms !== null ? 'cancelled' : 'failed';
      await keep(state);
      const end = { ...this.#end(job, state, state === 'cancelled' ? JobCause.cancelled : cause) };
      return tx.jobs.transition(job.id, 'running', state, { ...end, phase, failure });
    });
  }

  #failCalibration(
    calibration: CalibrationRow,
    { cause, failure }: Failure,
    fence: number | null,
  ): Promise<CalibrationRow> {
    const change = { cause, failure, finishedAt_ms: this.#clock.wall_ms() };
    return this.#guarded(calibration.device, fence, (tx) =>
      tx.calibrations.transition(calibration.id, 'running', 'failed', change),
    );
  }

  /** One commit about running work. @throws {StoreError} stale-fence: another host drives the device by now */
  #guarded<T>(device: string, fence: number | null, write: (tx: Repositories) => Promise<T>): Promise<T> {
    return this.#store.transaction(async (tx) => {
      if (fence !== null) await tx.leases.guard(device, fence);
      return write(tx);
    });
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
