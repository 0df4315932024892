// Runs what is queued, one operation at a time per device, and tells who listens how far it is.
import {
  isStoreError,
  type CalibrationRow,
  type JobPhase,
  type JobRow,
  type JsonObject,
} from '../store/index.ts';
import {
  checkCalibration,
  checkDevice,
  checkOnline,
  checkSchedule,
  isOnline,
  normalise,
} from './admission.ts';
import type { RelaxDevice } from './device-port.ts';
import { JobError } from './errors.ts';
import { Stopped, failureOf } from './failure.ts';
import { FaultsSeen, checkFaults } from './faults-seen.ts';
import { EventHub } from './hub.ts';
import { Lane, type Running, type Work } from './lane.ts';
import { HeldTime } from './held-time.ts';
import { Ledger } from './ledger.ts';
import { Programs } from './programs.ts';
import { runRelax } from './relax-work.ts';
import { JobPriority, type JobProgress, type RelaxJobRequest } from './request.ts';
import { SampleTap, type SampleWatcher } from './sample-tap.ts';
import type {
  Alongside,
  CalibrationRequest,
  CalibrationView,
  CancelAnswer,
  JobEvent,
  JobRunner,
  JobRunnerOptions,
  JobView,
  RunnerCounters,
  SubmitOptions,
} from './runner-port.ts';

/** Makes a runner; nothing happens before `start`. */
export function createJobRunner<D extends RelaxDevice>(options: JobRunnerOptions<D>): JobRunner {
  return new Runner(options);
}

class Runner<D extends RelaxDevice> implements JobRunner {
  readonly #options: JobRunnerOptions<D>;
  readonly #hub: EventHub;
  readonly #ledger: Ledger;
  readonly #programs: Programs;
  readonly #samples: SampleTap;
  readonly #lanes = new Map<string, Lane<D>>();
  readonly #counters: RunnerCounters = {
    finished: { succeeded: 0, failed: 0, cancelled: 0 },
    failedByCause: {},
    samples: 0,
    calibrations: { succeeded: 0, failed: 0 },
  };
  readonly #closed = new AbortController();

  constructor(options: JobRunnerOptions<D>) {
    this.#options = options;
    this.#hub = new EventHub(options.clock, (error) => this.#log('error', 'a listener threw', { error }));
    this.#ledger = new Ledger(options.store, options.clock, this.#closed.signal);
    this.#programs = new Programs(options.store);
    this.#samples = new SampleTap((error) => this.#log('error', 'a watcher of samples threw', { error }));
  }

  get calibrationKinds(): readonly string[] {
    return Object.keys(this.#options.procedures ?? {});
  }

  async start(): Promise<void> {
    const { store, clock, devices } = this.#options;
    const orphans = await this.#ledger.endOrphans();
    if (orphans.jobs + orphans.calibrations > 0)
      this.#log('warn', 'ended what a former process left running', orphans);
    for (const [id, device] of devices) {
      const lane = new Lane<D>({
        device,
        store,
        clock,
        run: (work, running) => this.#run(work, running, device),
        onError: (error) => this.#log('error', 'the queue of a device stumbled', { device: id, error }),
      });
      this.#lanes.set(id, lane);
      lane.wake();
    }
  }

  async close(): Promise<void> {
    this.#closed.abort(new Stopped('shutdown'));
    await Promise.all([...this.#lanes.values()].map((lane) => lane.close()));
  }

  async submit(request: RelaxJobRequest, options: SubmitOptions<JobRow> = {}): Promise<JobView> {
    this.#checkOpen();
    const { store } = this.#options;
    const device = this.#device(request.device.id);
    const job = normalise(request);
    const model = await store.models.find(job.model);
    if (model === null)
      throw new JobError('unknown-model', `there is no model ${job.model}`, {
        errors: [{ pointer: '/model', detail: 'is not known', allowed: 'the digest of an uploaded model' }],
      });
    checkDevice(job, device);
    if (device.capabilities !== null)
      checkSchedule(job, await this.#programs.of(model, device.capabilities.ranges), device.capabilities);
    const row = await store.transaction(async (tx) => {
      const added = await tx.jobs.add({
        device: device.id,
        model: job.model,
        request: job as unknown as JsonObject,
        priority: JobPriority[job.priority],
        labels: job.labels,
        keyId: options.keyId,
        id: options.id,
      });
      await options.alongside?.(tx, added);
      return added;
    });
    this.#jobChanged(row);
    this.#lanes.get(device.id)?.wake();
    return this.withProgress(row);
  }

  async submitCalibration(
    request: CalibrationRequest,
    options: SubmitOptions<CalibrationRow> = {},
  ): Promise<CalibrationView> {
    this.#checkOpen();
    const device = this.#device(request.device);
    if (!this.calibrationKinds.includes(request.kind))
      throw new JobError('unknown-calibration-kind', `there is no calibration ${request.kind}`, {
        errors: [{ pointer: '/kind', detail: 'is not known', allowed: this.calibrationKinds }],
      });
    const forced = request.force === true;
    if (request.onUnmet !== 'wait') checkOnline(device);
    if (isOnline(device)) checkFaults({ any: device.faultsActive }, device.id, forced);
    const procedure = this.#options.procedures?.[request.kind];
    if (procedure !== undefined) checkCalibration(procedure, device, request.options ?? {});
    const row = await this.#options.store.transaction(async (tx) => {
      const added = await tx.calibrations.add({
        kind: request.kind,
        device: device.id,
        options: request.options ?? {},
        forced,
        priority: JobPriority.normal,
        keyId: options.keyId,
        id: options.id,
      });
      await options.alongside?.(tx, added);
      return added;
    });
    this.#calibrationChanged(row);
    this.#lanes.get(device.id)?.wake();
    return this.withProgress(row);
  }

  async cancel(id: string, options: { alongside?: Alongside<JobRow> } = {}): Promise<CancelAnswer> {
    const job = await this.#getJob(id);
    if (isFinal(job)) return { outcome: 'already-finished', job: this.withProgress(job) };
    const running = this.#running(id);
    if (job.state === 'queued' && running === null) {
      try {
        return { outcome: 'cancelled', job: await this.#cancelQueued(job, options.alongside) };
      } catch (error) {
        // Claimed or cancelled between the look and the write: look again.
        if (!isStoreError(error, 'conflict')) throw error;
        return this.cancel(id, options);
      }
    }
    // It has ended since it was read, or its end waits to be stored.
    if (running === null) return { outcome: 'already-finished', job: await this.view(id) };
    if (options.alongside !== undefined)
      await this.#options.store.transaction((tx) => options.alongside?.(tx, job) ?? Promise.resolve());
    running.abort.abort(new Stopped('cancel'));
    return { outcome: 'stopping', job: this.withProgress(await this.#getJob(id)) };
  }

  async view(id: string): Promise<JobView> {
    return this.withProgress(await this.#getJob(id));
  }

  async viewCalibration(id: string): Promise<CalibrationView> {
    const row = await this.#options.store.calibrations.find(id);
    if (row === null) throw new JobError('unknown-calibration', `there is no calibration ${id}`);
    return this.withProgress(row);
  }

  withProgress<R extends { id: string }>(row: R): R & { progress: JobProgress | null } {
    const progress = this.#running(row.id)?.tracker.progress ?? null;
    // The phase is stored when a job ends; until then it is where the progress is.
    return { ...row, ...(progress !== null && 'phase' in row && { phase: progress.phase }), progress };
  }

  waitFor(id: string, revision: number, timeout_ms: number, signal?: AbortSignal): Promise<JobView> {
    const enough = (job: JobView): boolean => job.revision > revision || isFinal(job);
    return this.#hub.waitUntil(id, () => this.view(id), enough, timeout_ms, signal);
  }

  waitForEnd(id: string, timeout_ms: number, signal?: AbortSignal): Promise<JobView> {
    return this.#hub.waitUntil(id, () => this.view(id), isFinal, timeout_ms, signal);
  }

  waitForCalibration(
    id: string,
    revision: number,
    timeout_ms: number,
    signal?: AbortSignal,
  ): Promise<CalibrationView> {
    const enough = (row: CalibrationView): boolean => row.revision > revision || isFinal(row);
    return this.#hub.waitUntil(id, () => this.viewCalibration(id), enough, timeout_ms, signal);
  }

  onEvent(callback: (event: JobEvent) => void): () => void {
    return this.#hub.subscribe(callback);
  }

  watchSamples(watcher: SampleWatcher): () => void {
    return this.#samples.watch(watcher);
  }

  counters(): RunnerCounters {
    return structuredClone(this.#counters);
  }

  async #run(work: Work, running: Running, device: D): Promise<void> {
    const deviceTime = new HeldTime(this.#options.deviceClock ?? this.#options.clock);
    try {
      if (work.kind === 'job') await this.#runJob(work.row, running, device, deviceTime);
      else await this.#runCalibration(work.row, running, device, deviceTime);
    } finally {
      deviceTime.release();
    }
  }

  async #runJob(queued: JobRow, running: Running, device: D, deviceTime: HeldTime): Promise<void> {
    const { store, clock } = this.#options;
    const job = await this.#ledger.claimJob(queued);
    running.tracker.update(clock.now_ms(), 'programming', 0, 0, 'bytes');
    this.#jobChanged(job);
    const { signal } = running.abort;
    let ended: JobRow;
    try {
      signal.throwIfAborted();
      const outcome = await runRelax({
        store,
        clock,
        device,
        deviceTime,
        job,
        signal,
        programs: this.#programs,
        samples: this.#samples,
        onProgress: (phase, done, total) => this.#progress(running, device.id, phase, done, total),
      });
      ended = await this.#ledger.succeedJob(job, outcome);
      this.#counters.samples += outcome.sampleSet.samples;
    } catch (error) {
      const failure = failureOf(error, signal);
      this.#log('warn', 'a job ended without samples', { job: job.id, device: device.id, ...failure, error });
      ended = await this.#ledger.endJob(job, running.tracker.progress?.phase ?? null, failure);
      if (ended.state === 'failed') this.#countFailure(failure.cause);
    }
    this.#counters.finished[ended.state as keyof RunnerCounters['finished']]++;
    running.tracker.clear();
    this.#jobChanged(ended);
  }

  async #runCalibration(
    queued: CalibrationRow,
    running: Running,
    device: D,
    deviceTime: HeldTime,
  ): Promise<void> {
    const calibration = await this.#ledger.claimCalibration(queued);
    this.#calibrationChanged(calibration);
    const { signal } = running.abort;
    const seen = new FaultsSeen(device);
    let ended: CalibrationRow;
    try {
      signal.throwIfAborted();
      checkFaults(seen, device.id, calibration.forced);
      const procedure = this.#options.procedures?.[calibration.kind];
      if (procedure === undefined)
        throw new JobError('unknown-calibration-kind', `there is no calibration ${calibration.kind}`);
      const onProgress = ({ done, total }: { done: number; total: number }): void =>
        this.#progress(running, device.id, 'relaxing', done, total);
      const outcome = await deviceTime.during(() =>
        procedure.run(device, calibration.options, { signal, onProgress }),
      );
      signal.throwIfAborted();
      checkFaults(seen, device.id, calibration.forced);
      const blob = outcome.blob === undefined ? null : await this.#options.store.blobs.put(outcome.blob);
      ended = await this.#ledger.succeedCalibration(calibration, outcome, blob, seen.any);
      this.#counters.calibrations.succeeded++;
    } catch (error) {
      const failure = failureOf(error, signal);
      this.#log('warn', 'a calibration failed', { calibration: calibration.id, ...failure, error });
      ended = await this.#ledger.endCalibration(calibration, failure);
      this.#counters.calibrations.failed++;
    } finally {
      seen.end();
    }
    running.tracker.clear();
    this.#calibrationChanged(ended);
  }

  #progress(running: Running, device: string, phase: JobPhase, done: number, total: number): void {
    const bytes = phase === 'programming' || phase === 'verifying';
    const unit = running.kind === 'calibration' ? 'steps' : bytes ? 'bytes' : 'samples';
    const now_ms = this.#options.clock.now_ms();
    if (!running.tracker.update(now_ms, phase, done, total, unit)) return;
    const { progress } = running.tracker;
    if (progress === null) return;
    this.#hub.emit({ type: `${running.kind}.progress`, id: running.id, device, progress });
  }

  async #cancelQueued(job: JobRow, alongside?: Alongside<JobRow>): Promise<JobView> {
    const row = await this.#options.store.transaction(async (tx) => {
      const cancelled = await tx.jobs.transition(job.id, 'queued', 'cancelled', {
        cause: 'cancelled',
        finishedAt_ms: this.#options.clock.wall_ms(),
      });
      await alongside?.(tx, cancelled);
      return cancelled;
    });
    this.#counters.finished.cancelled++;
    this.#jobChanged(row);
    return this.withProgress(row);
  }

  #device(id: string): D {
    const device = this.#options.devices.get(id);
    if (device !== undefined) return device;
    throw new JobError('unknown-device', `there is no device ${id}`, {
      errors: [{ pointer: '/device/id', detail: 'is not known', allowed: [...this.#options.devices.keys()] }],
    });
  }

  async #getJob(id: string): Promise<JobRow> {
    const row = await this.#options.store.jobs.find(id);
    if (row === null) throw new JobError('unknown-job', `there is no job ${id}`);
    return row;
  }

  #running(id: string): Running | null {
    for (const lane of this.#lanes.values()) if (lane.running?.id === id) return lane.running;
    return null;
  }

  #checkOpen(): void {
    if (this.#closed.signal.aborted) throw new JobError('runner-closed', 'the service is stopping');
  }

  #countFailure(cause: string): void {
    this.#counters.failedByCause[cause] = (this.#counters.failedByCause[cause] ?? 0) + 1;
  }

  #jobChanged(row: JobRow): void {
    this.#hub.emit({ type: 'job.state', job: this.withProgress(row) });
  }

  #calibrationChanged(row: CalibrationRow): void {
    this.#hub.emit({ type: 'calibration.state', calibration: this.withProgress(row) });
  }

  #log(level: 'info' | 'warn' | 'error', message: string, fields: object): void {
    this.#options.onLog?.(level, message, fields);
  }
}

function isFinal(row: { state: string }): boolean {
  return row.state !== 'queued' && row.state !== 'running';
}
