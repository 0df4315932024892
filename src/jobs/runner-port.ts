// The runner as those above it see it: submit, cancel, wait, listen. runner.ts does it.
import type { Clock } from '../clock/clock.ts';
import type {
  CalibrationRow,
  DriftEventRow,
  JobPatch,
  JobRow,
  JsonObject,
  Repositories,
  Store,
} from '../store/index.ts';
import type { CalibrationProcedure } from './calibration-port.ts';
import type { DeviceControls } from './control/controls.ts';
import type { RelaxDevice } from './device-port.ts';
import type { DryRun } from './dry-run/answer.ts';
import type { DeviceLease } from './lease/keeper.ts';
import type { JobProgress, RelaxJobRequest } from './request.ts';
import type { SampleWatcher } from './sample-tap.ts';
import type { DriftState, SentinelSettings } from './sentinels/types.ts';

export interface JobRunnerOptions<D extends RelaxDevice> {
  store: Store;
  devices: ReadonlyMap<string, D>;
  /** Real time: timestamps, rates, waiting readers. */
  clock: Clock;
  /** The time of the devices where it is another one: it is held while the runner works for itself. */
  deviceClock?: Pick<Clock, 'hold' | 'now_ms' | 'wall_ms' | 'after'>;
  /** By kind of calibration. */
  procedures?: Readonly<Record<string, CalibrationProcedure<D>>>;
  /** What people want of the devices; absent: nobody asks. */
  controls?: Pick<DeviceControls, 'holdFor' | 'of' | 'onChange' | 'onStop'>;
  /** Work waits where the die of its device would become too warm; true unless told. Off: the device protects itself alone. */
  pacing?: boolean;
  /** Keeps what passed before an attempt failed, and says under which id; never rejects. */
  freeze?: (job: JobRow, backend: string | null) => Promise<string | null>;
  /** Attempts that may fail before a job does; 3 unless told. */
  failedAttemptsMax?: number;
  /** By device: whether this host drives it now. Absent: this process is the only one. */
  leases?: ReadonlyMap<string, DeviceLease>;
  /** Tells what other processes have committed. */
  hearChanges?: Store['onChange'];
  /** How often queues are looked at although nothing was heard, should a notification have been lost; absent: never. */
  lookEvery_ms?: number;
  /** How long running work may go on after close(), before it is stopped and put back; 0 unless told. */
  stopGrace_ms?: number;
  /** Probes for drift between jobs; absent: none. */
  sentinels?: Pick<SentinelSettings, 'share'> & Partial<SentinelSettings>;
  /** Seeds of probes, where devices take them: 64 bits that never come again. */
  seed?: () => bigint;
  onLog?(level: 'info' | 'warn' | 'error', message: string, fields: object): void;
}

/** A job as readers see it: the stored row, and the progress while it runs. */
export type JobView = JobRow & { progress: JobProgress | null };
export type CalibrationView = CalibrationRow & { progress: JobProgress | null };

/** `elsewhere`: another host of the same database wrote it. */
export type JobEvent =
  | { type: 'job.state'; job: JobView; elsewhere: boolean }
  | { type: 'job.progress'; id: string; device: string; progress: JobProgress }
  | { type: 'calibration.state'; calibration: CalibrationView; elsewhere: boolean }
  | { type: 'calibration.progress'; id: string; device: string; progress: JobProgress }
  | { type: 'drift.round'; device: string; drift: DriftState }
  /** A new one, or one that a calibration has ended. */
  | { type: 'drift.event'; device: string; event: DriftEventRow };

/** Written with the new row in one transaction: idempotency and audit rows. */
export type Alongside<Row> = (tx: Repositories, row: Row) => Promise<void>;

export interface SubmitOptions<Row> {
  keyId?: string | null;
  /** A client's own id (ULID). */
  id?: string;
  alongside?: Alongside<Row>;
}

/** One job of a batch. */
export interface BatchItem {
  request: RelaxJobRequest;
  id?: string;
}

export interface BatchOptions {
  keyId?: string | null;
  /** In the transaction of all the new rows; an Error is why there is none at this place. */
  alongside?: (tx: Repositories, rows: readonly (JobRow | Error)[]) => Promise<void>;
}

export interface CalibrationRequest {
  kind: string;
  device: string;
  options?: JsonObject;
  onUnmet?: 'reject' | 'wait';
  /** Also while faults are planted; its provenance says so. */
  force?: boolean;
}

export interface EditOptions {
  /** Looks at the row that will change, in the same transaction; what it throws refuses the change. */
  before?: (row: JobRow) => void;
  alongside?: Alongside<JobRow>;
}

export interface EditAnswer {
  outcome: 'edited' | 'already-finished';
  job: JobView;
}

export interface CancelAnswer {
  /** `stopping`: it runs, and will end as cancelled soon. */
  outcome: 'cancelled' | 'stopping' | 'already-finished';
  job: JobView;
}

/**
 * The runner of one service process. All rejections are JobError (unknown-..., refusals of admission), PhysicsError
 * (a model that does not fit the device) or StoreError.
 */
export interface JobRunner {
  /** Ends the attempts that a former process left running (`service-restart`), then takes up the queue. */
  start(): Promise<void>;
  /** Stops taking jobs; what runs ends within the grace, or is put back or ended then (cause `service-restart`). */
  close(): Promise<void>;
  /** Admits and queues a job. */
  submit(request: RelaxJobRequest, options?: SubmitOptions<JobRow>): Promise<JobView>;
  /**
   * Admits each job and queues those that pass in one commit; an Error in `items` stays at its place, and a refusal comes
   * back at its own.
   */
  submitBatch(items: readonly (BatchItem | Error)[], options?: BatchOptions): Promise<(JobView | Error)[]>;
  /** What would become of a job, were it submitted now; keeps nothing. */
  dryRun(request: RelaxJobRequest, options?: { keyId?: string | null }): Promise<DryRun>;
  submitCalibration(
    request: CalibrationRequest,
    options?: SubmitOptions<CalibrationRow>,
  ): Promise<CalibrationView>;
  /** Cancels a queued job at once; a running one is asked to stop. */
  cancel(id: string, options?: { alongside?: Alongside<JobRow> }): Promise<CancelAnswer>;
  /** Changes labels, priority or deadline of a job that has not ended. */
  edit(
    id: string,
    change: Pick<JobPatch, 'labels' | 'priority' | 'deadline_ms'>,
    options?: EditOptions,
  ): Promise<EditAnswer>;
  view(id: string): Promise<JobView>;
  viewCalibration(id: string): Promise<CalibrationView>;
  /** Adds the progress to a row already read. */
  withProgress<R extends { id: string }>(row: R): R & { progress: JobProgress | null };
  /** The job as soon as its revision is above `revision`, or it is finished, or the time is over. */
  waitFor(id: string, revision: number, timeout_ms: number, signal?: AbortSignal): Promise<JobView>;
  /** The job as soon as it is finished, or the time is over. */
  waitForEnd(id: string, timeout_ms: number, signal?: AbortSignal): Promise<JobView>;
  waitForCalibration(
    id: string,
    revision: number,
    timeout_ms: number,
    signal?: AbortSignal,
  ): Promise<CalibrationView>;
  /** Every change; returns what ends it. Callbacks must not throw. */
  onEvent(callback: (event: JobEvent) => void): () => void;
  /** Samples as they arrive, for as long as the watcher wants them; returns what ends it. */
  watchSamples(watcher: SampleWatcher): () => void;
  /** Kinds of calibration that can be asked for. */
  readonly calibrationKinds: readonly string[];
  /** What probes have found of a device; null: there are none. */
  drift(device: string): DriftState | null;
  /** Counters for monitoring. */
  counters(): RunnerCounters;
}

export interface RunnerCounters {
  finished: Record<'succeeded' | 'failed' | 'cancelled' | 'expired', number>;
  failedByCause: Record<string, number>;
  samples: number;
  calibrations: Record<'succeeded' | 'failed', number>;
  /** Writes about work that another host had taken over by then. */
  staleRefused: number;
}
