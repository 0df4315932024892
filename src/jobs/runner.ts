// The runner of one service process: puts together how work gets in (submission), how it is carried through on each
// device (lanes, execution), and how readers hear of it (waiting, announcer).
import { isStoreError, type CalibrationRow, type JobRow } from '../store/index.ts';
import { Announcer } from './announcer.ts';
import type { Attempter } from './attempts.ts';
import type { RelaxDevice } from './device-port.ts';
import type { DryRun } from './dry-run/answer.ts';
import { dryRun } from './dry-run/dry-run.ts';
import { editJob } from './edits.ts';
import { Elsewhere } from './elsewhere.ts';
import { JobError } from './errors.ts';
import { Execution } from './execution.ts';
import { Stopped } from './failure.ts';
import { EventHub } from './hub.ts';
import { Lane, type Running } from './lane.ts';
import { Ledger } from './ledger.ts';
import { ThermalWatch } from './pacing/watch.ts';
import { Programs } from './programs.ts';
import type { JobProgress, RelaxJobRequest } from './request.ts';
import type {
  Alongside,
  CalibrationRequest,
  CalibrationView,
  CancelAnswer,
  EditAnswer,
  JobEvent,
  JobRunner,
  JobRunnerOptions,
  JobView,
  RunnerCounters,
  SubmitOptions,
} from './runner-port.ts';
import { Expiry } from './queue/expiry.ts';
import { SampleTap, type SampleWatcher } from './sample-tap.ts';
import { sentinelsFor, type DriftState, type Sentinels } from './sentinels/index.ts';
import { SampleEnergies } from './sample-energies.ts';
import { Submission } from './submission.ts';
import { Waiting, isFinal } from './waiting.ts';

/** Makes a runner; nothing happens before `start`. */
export function createJobRunner<D extends RelaxDevice>(options: JobRunnerOptions<D>): JobRunner {
  return new Runner(options);
}

class Runner<D extends RelaxDevice> implements JobRunner {
  readonly #options: JobRunnerOptions<D>;
  readonly #hub: EventHub;
  readonly #announcer: Announcer;
  readonly #waiting: Waiting;
  readonly #submission: Submission<D>;
  readonly #execution: Execution<D>;
  readonly #ledger: Ledger;
  readonly #samples: SampleTap;
  readonly #lanes = new Map<string, Lane<D>>();
  readonly #programs: Programs;
  readonly #watches = new Map<string, ThermalWatch>();
  readonly #energies = new SampleEnergies();
  readonly #counters: RunnerCounters = {
    finished: { succeeded: 0, failed: 0, cancelled: 0, expired: 0 },
    failedByCause: {},
    samples: 0,
    calibrations: { succeeded: 0, failed: 0 },
    staleRefused: 0,
  };
  readonly #elsewhere: Elsewhere;
  readonly #expiry: Expiry;
  readonly #sentinels: Sentinels<D> | null;
  readonly #closed = new AbortController();

  constructor(options: JobRunnerOptions<D>) {
    this.#options = options;
    const { store, clock, devices, controls, procedures = {} } = options;
    this.#hub = new EventHub(clock, (error) => this.#log('error', 'a listener threw', { error }));
    this.#announcer = new Announcer(this.#hub, clock, (id) => this.#running(id));
    this.#waiting = new Waiting(store, this.#hub, this.#announcer);
    this.#elsewhere = new Elsewhere({
      ...options,
      announcer: this.#announcer,
      lanes: this.#lanes,
      onError: (error) => this.#log('error', 'a change of another host could not be read', { error }),
    });
    this.#expiry = new Expiry({
      store,
      clock,
      onExpired: (job) => this.#expired(job),
      onError: (error) => this.#log('error', 'jobs could not be looked through for expired ones', { error }),
    });
    this.#ledger = new Ledger({
      store,
      clock,
      stop: this.#closed.signal,
      failedAttemptsMax: options.failedAttemptsMax,
    });
    this.#samples = new SampleTap((error) => this.#log('error', 'a watcher of samples threw', { error }));
    const programs = (this.#programs = new Programs(store));
    this.#submission = new Submission({ store, clock, devices, programs, procedures, controls });
    this.#sentinels = sentinelsFor(options, this.#hub, this);
    // Held jobs may require that nothing has moved.
    this.#hub.subscribe((event) => {
      if (event.type === 'drift.round' || event.type === 'drift.event')
        this.#lanes.get(event.device)?.wake({ held: true });
    });
    this.#execution = new Execution({
      options,
      programs,
      energies: this.#energies,
      samples: this.#samples,
      ledger: this.#ledger,
      announcer: this.#announcer,
      counters: this.#counters,
      ...(this.#sentinels !== null && { sentinels: this.#sentinels }),
      onPutBack: (job) => this.#expiry.noticed(job),
      watches: this.#watches,
    });
  }

  get calibrationKinds(): readonly string[] {
    return Object.keys(this.#options.procedures ?? {});
  }

  async start(): Promise<void> {
    const { store, clock, devices, controls, leases } = this.#options;
    if (leases === undefined) await this.#endOrphans();
    const { pacing = true, deviceClock = clock } = this.#options;
    for (const [id, device] of devices) {
      const between = this.#sentinels?.add(device, () => this.#lanes.get(id)?.wake());
      const cooled = (): void => this.#lanes.get(id)?.wake();
      const watch = pacing ? new ThermalWatch(device, () => deviceClock.wall_ms(), cooled) : null;
      if (watch !== null) this.#watches.set(id, watch);
      const lane = new Lane<D>({
        device,
        ...(between !== undefined && { between }),
        store,
        clock,
        ...(controls !== undefined && { controls }),
        ...(watch !== null && { heat: (now_ms) => watch.hold(now_ms) }),
        onChanged: (job) => {
          this.#announcer.jobChanged(job);
          this.#expiry.noticed(job);
        },
        onCalibration: (calibration) => this.#announcer.calibrationChanged(calibration),
        ...(leases !== undefined && { lease: leases.get(id) }),
        onTaken: (by) => this.#endOrphans({ device: id, by }),
        run: (work, running, by) => this.#execution.run(work, running, device, by),
        onError: (error) => this.#log('error', 'the queue of a device stumbled', { device: id, error }),
      });
      this.#lanes.set(id, lane);
      lane.wake();
    }
    controls?.onStop((id) => this.#lanes.get(id)?.safeStop());
    controls?.onChange((id) => this.#lanes.get(id)?.wake({ held: true }));
    this.#elsewhere.start();
    this.#expiry.start();
  }

  async close(): Promise<void> {
    this.#closed.abort(new Stopped('shutdown'));
    this.#elsewhere.close();
    this.#sentinels?.close();
    for (const watch of this.#watches.values()) watch.close();
    await this.#expiry.close();
    const grace_ms = this.#options.stopGrace_ms ?? 0;
    await Promise.all([...this.#lanes.values()].map((lane) => lane.close(grace_ms)));
    await Promise.all([this.#programs.close(), this.#energies.close()]);
  }

  async submit(request: RelaxJobRequest, options: SubmitOptions<JobRow> = {}): Promise<JobView> {
    this.#checkOpen();
    const row = await this.#submission.job(request, options);
    return this.#added(row);
  }

  async submitBatch(
    ...[items, options = {}]: Parameters<JobRunner['submitBatch']>
  ): Promise<(JobView | Error)[]> {
    this.#checkOpen();
    const rows = await this.#submission.batch(items, options);
    return rows.map((row) => (row instanceof Error ? row : this.#added(row)));
  }

  async dryRun(...[request, { keyId = null } = {}]: Parameters<JobRunner['dryRun']>): Promise<DryRun> {
    this.#checkOpen();
    const { store, clock, controls } = this.#options;
    const parts = {
      store,
      programs: this.#programs,
      clock,
      controls,
      progressOf: (id: string) => this.withProgress({ id }).progress,
    };
    return dryRun(parts, await this.#submission.dryRun(request), keyId);
  }

  async submitCalibration(
    request: CalibrationRequest,
    options: SubmitOptions<CalibrationRow> = {},
  ): Promise<CalibrationView> {
    this.#checkOpen();
    const row = await this.#submission.calibration(request, options);
    this.#announcer.calibrationChanged(row);
    this.#lanes.get(row.device)?.wake();
    return this.withProgress(row);
  }

  async edit(...[id, change, options = {}]: Parameters<JobRunner['edit']>): Promise<EditAnswer> {
    this.#checkOpen();
    const row = await editJob(this.#options.store, id, change, options);
    if (row === null) return { outcome: 'already-finished', job: await this.view(id) };
    this.#announcer.jobChanged(row);
    this.#expiry.noticed(row);
    this.#lanes.get(row.device)?.wake();
    return { outcome: 'edited', job: this.withProgress(row) };
  }

  async cancel(id: string, options: { alongside?: Alongside<JobRow> } = {}): Promise<CancelAnswer> {
    const job = await this.view(id);
    if (isFinal(job)) return { outcome: 'already-finished', job };
    const running = this.#running(id);
    if (job.state !== 'running' && running === null) {
      try {
        return { outcome: 'cancelled', job: await this.#cancelWaiting(job, options.alongside) };
      } catch (error) {
        // Claimed, held, released or cancelled between the look and the write: look again.
        if (!isStoreError(error, 'conflict')) throw error;
        return this.cancel(id, options);
      }
    }
    if (running === null) return this.#cancelElsewhere(job, options.alongside);
    if (options.alongside !== undefined)
      await this.#options.store.transaction((tx) => options.alongside?.(tx, job) ?? Promise.resolve());
    running.abort.abort(new Stopped('cancel'));
    return { outcome: 'stopping', job: await this.view(id) };
  }

  view(id: string): Promise<JobView> {
    return this.#waiting.view(id);
  }

  viewCalibration(id: string): Promise<CalibrationView> {
    return this.#waiting.viewCalibration(id);
  }

  withProgress<R extends { id: string }>(row: R): R & { progress: JobProgress | null } {
    return this.#announcer.withProgress(row);
  }

  waitFor(...asked: Parameters<JobRunner['waitFor']>): Promise<JobView> {
    return this.#waiting.waitFor(...asked);
  }

  waitForEnd(...asked: Parameters<JobRunner['waitForEnd']>): Promise<JobView> {
    return this.#waiting.waitForEnd(...asked);
  }

  waitForCalibration(...asked: Parameters<JobRunner['waitForCalibration']>): Promise<CalibrationView> {
    return this.#waiting.waitForCalibration(...asked);
  }

  onEvent(callback: (event: JobEvent) => void): () => void {
    return this.#hub.subscribe(callback);
  }

  watchSamples(watcher: SampleWatcher): () => void {
    return this.#samples.watch(watcher);
  }

  drift(device: string): DriftState | null {
    return this.#sentinels?.stateOf(device) ?? null;
  }

  counters(): RunnerCounters {
    return structuredClone(this.#counters);
  }

  /** The host that runs it sees the wish in the row; a host that is gone leaves it to the next one. */
  async #cancelElsewhere(job: JobView, alongside?: Alongside<JobRow>): Promise<CancelAnswer> {
    const cancelRequestedAt_ms = this.#options.clock.wall_ms();
    try {
      const row = await this.#options.store.transaction(async (tx) => {
        const asked = await tx.jobs.patch(job.id, { cancelRequestedAt_ms });
        await alongside?.(tx, asked);
        return asked;
      });
      return { outcome: 'stopping', job: this.withProgress(row) };
    } catch (error) {
      // It has ended since it was read.
      if (!isStoreError(error, 'conflict')) throw error;
      return { outcome: 'already-finished', job: await this.view(job.id) };
    }
  }

  async #endOrphans(of?: { device: string; by: Attempter }): Promise<void> {
    const orphans = await this.#ledger.endOrphans(of);
    if (orphans.jobs + orphans.calibrations > 0)
      this.#log('warn', 'ended what a former process left running', { device: of?.device, ...orphans });
  }

  async #cancelWaiting(job: JobRow, alongside?: Alongside<JobRow>): Promise<JobView> {
    const row = await this.#options.store.transaction(async (tx) => {
      const cancelled = await tx.jobs.transition(job.id, ['queued', 'held'], 'cancelled', {
        cause: 'cancelled',
        finishedAt_ms: this.#options.clock.wall_ms(),
      });
      await alongside?.(tx, cancelled);
      return cancelled;
    });
    this.#counters.finished.cancelled++;
    this.#announcer.jobChanged(row);
    return this.withProgress(row);
  }

  #added(job: JobRow): JobView {
    this.#announcer.jobChanged(job);
    this.#expiry.noticed(job);
    this.#lanes.get(job.device)?.wake({ held: job.state === 'held' });
    return this.withProgress(job);
  }

  #expired(job: JobRow): void {
    this.#counters.finished.expired++;
    this.#announcer.jobChanged(job);
  }

  #running(id: string): Running | null {
    for (const lane of this.#lanes.values()) if (lane.running?.id === id) return lane.running;
    return null;
  }

  #checkOpen(): void {
    if (this.#closed.signal.aborted) throw new JobError('runner-closed', 'the service is stopping');
  }

  #log(level: 'info' | 'warn' | 'error', message: string, fields: object): void {
    this.#options.onLog?.(level, message, fields);
  }
}
