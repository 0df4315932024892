// Carries one piece of work through on its device: claim, run, stored end.
import {
  JobCause,
  isStoreError,
  type CalibrationRow,
  type JobRow,
  type JsonObject,
  type StoreError,
} from '../store/index.ts';
import { knowledgeFrom } from '../calibration/index.ts';
import { activeResults } from './active-results.ts';
import { AttemptLog, type Attempter } from './attempts.ts';
import type { Announcer } from './announcer.ts';
import type { RelaxDevice } from './device-port.ts';
import { JobError } from './errors.ts';
import { failureOf, type Failure } from './failure.ts';
import { FaultsSeen, checkFaults } from './faults-seen.ts';
import { DeviceMeters, type AttemptEnergy } from './heat-ledger/index.ts';
import { HeldTime } from './held-time.ts';
import type { Running, Work } from './lane.ts';
import type { Ledger } from './ledger.ts';
import { Pace } from './pacing/pace.ts';
import type { ThermalWatch } from './pacing/watch.ts';
import type { Programs } from './programs.ts';
import { LONGEST_HOLD_MS } from './queue/expiry.ts';
import type { AdmittedRelaxJob } from './request.ts';
import type { SampleEnergies } from './sample-energies.ts';
import { runRelax } from './relax-work.ts';
import { isFinal } from './waiting.ts';
import type { SampleTap } from './sample-tap.ts';
import type { Sentinels } from './sentinels/index.ts';
import type { JobRunnerOptions, RunnerCounters } from './runner-port.ts';

/** Ends in which the line may have a part. */
const WORTH_A_LOOK: ReadonlySet<JobCause> = new Set([
  JobCause.linkLost,
  JobCause.deviceFault,
  JobCause.thermalStop,
  JobCause.internal,
]);

export interface ExecutionParts<D extends RelaxDevice> {
  options: JobRunnerOptions<D>;
  ledger: Ledger;
  programs: Programs;
  energies: SampleEnergies;
  samples: SampleTap;
  announcer: Announcer;
  counters: RunnerCounters;
  sentinels?: Pick<Sentinels<D>, 'sawProgram' | 'calibrated'>;
  /** A job waits again. */
  onPutBack(job: JobRow): void;
  /** By device; none where pacing is off. */
  watches: ReadonlyMap<string, ThermalWatch>;
}

/** Where work is carried through, and by whom. */
interface Place<D extends RelaxDevice> {
  running: Running;
  device: D;
  deviceTime: HeldTime;
  by: Attempter;
}

export class Execution<D extends RelaxDevice> {
  readonly #parts: ExecutionParts<D>;
  readonly #meters = new DeviceMeters();

  constructor(parts: ExecutionParts<D>) {
    this.#parts = parts;
  }

  /** To its stored end; rejects only when even that could not be stored, or somebody else had claimed it. */
  async run(work: Work, running: Running, device: D, by: Attempter): Promise<void> {
    const { options } = this.#parts;
    const deviceTime = new HeldTime(options.deviceClock ?? options.clock);
    try {
      const at = { running, device, deviceTime, by };
      if (work.kind === 'job') await this.#job(work.row, at);
      else await this.#calibration(work.row, at);
    } catch (error) {
      if (isStoreError(error, 'stale-fence')) this.#refused(work, error);
      throw error;
    } finally {
      deviceTime.release();
    }
  }

  /** The device went to another host meanwhile, and what this one found out about the work does not count. */
  #refused(work: Work, error: StoreError): void {
    this.#parts.counters.staleRefused++;
    this.#warn('a late write about work of another host was refused', { [work.kind]: work.row.id, error });
  }

  async #job(queued: JobRow, { running, device, deviceTime, by }: Place<D>): Promise<void> {
    const { ledger, announcer, counters, programs, energies, samples } = this.#parts;
    const { store, clock, deviceClock = clock } = this.#parts.options;
    const job = await ledger.claimJob(queued, by);
    running.tracker.update(clock.now_ms(), 'programming', 0, 0, 'bytes');
    announcer.jobChanged(job);
    const { signal } = running.abort;
    const log = new AttemptLog(() => clock.wall_ms());
    log.add('taken from the queue', { device: device.id, attempt: job.attempts.length });
    const meter = this.#meters.attempt(device, () => deviceClock.wall_ms());
    const watch = this.#parts.watches.get(device.id) ?? null;
    const onPause = (detail: string): void => log.add('waits', { detail });
    const pace = new Pace({ watch, clock: deviceClock, deviceTime, signal, onPause });
    let ended: JobRow;
    try {
      signal.throwIfAborted();
      const outcome = await runRelax({
        store,
        clock,
        device,
        deviceTime,
        meter,
        pace,
        job,
        signal,
        programs,
        energies,
        samples,
        onProgram: (program, run) => this.#parts.sentinels?.sawProgram(device.id, program, run),
        onProgress: (phase, done, total) => {
          if (running.tracker.progress?.phase !== phase) log.add(`entered ${phase}`, { phase });
          announcer.progress(running, device.id, phase, done, total);
        },
      });
      log.add('succeeded', { samples: outcome.sampleSet.samples });
      ended = await ledger.succeedJob(job, outcome, await meter.end(), log.lines);
      counters.samples += outcome.sampleSet.samples;
    } catch (error) {
      const failure = failureOf(error, signal);
      this.#warn('a job ended without samples', { job: job.id, device: device.id, ...failure, error });
      const kept = await this.#freeze(job, device, failure);
      log.add('ended without samples', { ...kept } as unknown as JsonObject);
      const used = await deviceTime.during(() => meter.end());
      ended = waitsForCondition(job, failure)
        ? await this.#putBack(job, failure, log, used)
        : await ledger.endJob(job, running.tracker.progress?.phase ?? null, kept, log.lines, used);
      if (ended.state === 'failed') this.#countFailure(failure.cause);
    }
    if (isFinal(ended)) counters.finished[ended.state as keyof RunnerCounters['finished']]++;
    else this.#parts.onPutBack(ended);
    running.tracker.clear();
    announcer.jobChanged(ended);
  }

  async #calibration(queued: CalibrationRow, { running, device, deviceTime, by }: Place<D>): Promise<void> {
    const { ledger, announcer, counters, options } = this.#parts;
    const calibration = await ledger.claimCalibration(queued, by);
    announcer.calibrationChanged(calibration);
    const { signal } = running.abort;
    const seen = new FaultsSeen(device);
    let ended: CalibrationRow;
    try {
      signal.throwIfAborted();
      checkFaults(seen, device.id, calibration.forced);
      const procedure = options.procedures?.[calibration.kind];
      if (procedure === undefined)
        throw new JobError('unknown-calibration-kind', `there is no calibration ${calibration.kind}`);
      const onProgress = ({ done, total }: { done: number; total: number }): void =>
        announcer.progress(running, device.id, 'relaxing', done, total);
      const active = await activeResults(
        options.store,
        device.identity?.uid ?? null,
        options.clock.wall_ms(),
      );
      const outcome = await deviceTime.during(() =>
        procedure.run(device, calibration.options, {
          signal,
          onProgress,
          active,
          known: knowledgeFrom(active),
        }),
      );
      signal.throwIfAborted();
      checkFaults(seen, device.id, calibration.forced);
      const blob = outcome.blob === undefined ? null : await options.store.blobs.put(outcome.blob);
      ended = await ledger.succeedCalibration(calibration, outcome, blob, seen.any, by);
      counters.calibrations.succeeded++;
      await this.#parts.sentinels?.calibrated(ended);
    } catch (error) {
      const failure = failureOf(error, signal);
      this.#warn('a calibration failed', { calibration: calibration.id, ...failure, error });
      ended = await ledger.endCalibration(calibration, failure, by);
      counters.calibrations.failed++;
    } finally {
      seen.end();
    }
    running.tracker.clear();
    announcer.calibrationChanged(ended);
  }

  /** What the job requires was so when its turn came, and is not so any more. */
  #putBack(job: JobRow, { failure }: Failure, log: AttemptLog, energy: AttemptEnergy): Promise<JobRow> {
    const { ledger, options } = this.#parts;
    const since_ms = options.clock.wall_ms();
    const detail = failure?.message ?? 'what it requires is not met';
    const hold = { reason: 'condition' as const, detail, since_ms, until_ms: null };
    const expiresAt_ms = Math.min(job.deadline_ms ?? Infinity, since_ms + LONGEST_HOLD_MS);
    return ledger.putBack(job, hold, expiresAt_ms, log.lines, energy);
  }

  /** The failure, naming the capture of what passed before it, where one is kept. */
  async #freeze(job: JobRow, device: D, ended: Failure): Promise<Failure> {
    const { freeze } = this.#parts.options;
    if (freeze === undefined || ended.failure === null || !WORTH_A_LOOK.has(ended.cause)) return ended;
    const capture = await freeze(job, device.backend);
    return capture === null ? ended : { ...ended, failure: { ...ended.failure, capture } };
  }

  #countFailure(cause: JobCause): void {
    const { failedByCause } = this.#parts.counters;
    failedByCause[cause] = (failedByCause[cause] ?? 0) + 1;
  }

  #warn(message: string, fields: object): void {
    this.#parts.options.onLog?.('warn', message, fields);
  }
}

/** Unless its sender would rather hear of it than wait. */
function waitsForCondition({ request }: JobRow, { cause }: Failure): boolean {
  return cause === JobCause.requirementUnmet && (request as unknown as AdmittedRelaxJob).onUnmet !== 'reject';
}
