// The questions that can be asked of the store, one interface per resource. All are asynchronous, whatever lies
// below, and all reject with StoreError. Lists page by ULID: pass the last id seen as `after`.
import type { ActiveCalibrationRepository, CaptureRepository, UseLeaseRepository } from './device-use.ts';
import type { DriftRepository } from './drift.ts';
import type { HeatRepository } from './heat.ts';
import type { Page } from './page.ts';
import type { WebhookRepository } from './webhooks.ts';
import type {
  AuditRow,
  CalibrationRow,
  CalibrationState,
  CertificateRow,
  DeviceLeaseRow,
  DeviceRow,
  Digest,
  HoldReason,
  IdempotencyRow,
  JobHold,
  JobLogLine,
  JobRow,
  JobState,
  JsonObject,
  KeyRow,
  ModelRow,
  SampleSetRow,
  TicketRow,
} from './rows.ts';

/** What the store fills in when a row is made. */
type Born<Row, Given extends keyof Row> = Omit<Row, Given> & Partial<Pick<Row, Given>>;

export type { Page };

export interface ModelRepository {
  /**
   * Adds a model; the same digest again returns the row that is there (content-addressed, immutable). Its key owns it
   * from then on, beside those that uploaded it before.
   */
  add(row: Born<ModelRow, 'id' | 'createdAt_ms'>): Promise<{ row: ModelRow; created: boolean }>;
  find(digest: string): Promise<ModelRow | null>;
  isOwner(digest: string, keyId: string): Promise<boolean>;
  /** Of one owner, or all. */
  list(page?: Page & { keyId?: string }): Promise<ModelRow[]>;
}

export interface JobFilter extends Page {
  state?: JobState | readonly JobState[];
  device?: string;
  keyId?: string;
  /** All of these labels with these values. */
  labels?: Record<string, string>;
  since_ms?: number;
}

export type NewJob = Pick<JobRow, 'device' | 'model' | 'request'> &
  Partial<
    Pick<
      JobRow,
      | 'id'
      | 'priority'
      | 'labels'
      | 'keyId'
      | 'requirements'
      | 'hold'
      | 'deadline_ms'
      | 'expiresAt_ms'
      | 'retry'
    >
  >;

/** Fields a state change may set beside the state. */
export type JobChange = Partial<
  Pick<
    JobRow,
    | 'phase'
    | 'cause'
    | 'failure'
    | 'hold'
    | 'expiresAt_ms'
    | 'result'
    | 'attempts'
    | 'samplesBlob'
    | 'startedAt_ms'
    | 'finishedAt_ms'
  >
>;

/** What may change before a job has finished. */
export interface JobPatch {
  labels?: Record<string, string>;
  priority?: number;
  deadline_ms?: number | null;
  expiresAt_ms?: number | null;
  cancelRequestedAt_ms?: number;
}

/** Whose turn it may be: a key with queued jobs of one priority on one device. */
export interface Turns {
  device: string;
  priority: number;
}

export interface JobRepository {
  /** A new job: queued, or held when a hold is given. `conflict` when a given id exists. */
  add(job: NewJob): Promise<JobRow>;
  find(id: string): Promise<JobRow | null>;
  /** As find, but `not-found` when there is none. */
  get(id: string): Promise<JobRow>;
  list(filter?: JobFilter): Promise<JobRow[]>;
  /** The highest priority of its queued jobs, `below` another if one is given; by one index seek. */
  topPriority(device: string, below?: number): Promise<number | null>;
  /** Keys with queued jobs (`''`: jobs without a key), in order, after one of them; by one index seek each. */
  queuedKeys(turns: Turns, page: { after: string | null; limit: number }): Promise<string[]>;
  /** Queued jobs of one key, oldest first, after one of them. */
  queuedOf(
    turns: Turns & { key: string },
    page: { after?: Pick<JobRow, 'id' | 'createdAt_ms'>; limit: number },
  ): Promise<JobRow[]>;
  /** Held jobs of a device, by priority and age, lowest first, after one of them. */
  heldOf(
    device: string,
    page: { after?: Pick<JobRow, 'id' | 'createdAt_ms' | 'priority'>; limit: number },
  ): Promise<JobRow[]>;
  /** Holds up to `limit` queued jobs of a device at once; the rows that changed. */
  holdQueued(device: string, hold: JobHold, expiry: { longest_ms: number; limit: number }): Promise<JobRow[]>;
  /** Puts up to `limit` jobs held for this reason back into the queue; the rows that changed. */
  releaseHeld(device: string, reason: HoldReason, limit: number): Promise<JobRow[]>;
  /** Puts these jobs back into the queue, as far as they are held still; the rows that changed. */
  release(ids: readonly string[]): Promise<JobRow[]>;
  /** Queued and held jobs that have expired, the earliest first. */
  expired(now_ms: number, limit: number): Promise<JobRow[]>;
  /** When the next queued or held job expires. */
  nextExpiry_ms(): Promise<number | null>;
  countByState(device?: string): Promise<Record<JobState, number>>;
  /** Jobs of a key that wait: queued and held. */
  countWaiting(keyId: string): Promise<number>;
  /** Conditional on the present state: `conflict` when the job is not in `from` any more. */
  transition(
    id: string,
    from: JobState | readonly JobState[],
    to: JobState,
    change?: JobChange,
  ): Promise<JobRow>;
  /** Keeps the lines of one attempt (counted from 1); once each. */
  addLog(id: string, attempt: number, lines: readonly JobLogLine[]): Promise<void>;
  log(id: string): Promise<{ attempt: number; lines: JobLogLine[] }[]>;
  /** Replaces labels, priority, deadline and so on of a job that has not finished; `conflict` when it has. */
  patch(id: string, change: JobPatch): Promise<JobRow>;
}

export interface SampleSetRepository {
  add(row: Born<SampleSetRow, 'id' | 'createdAt_ms'>): Promise<SampleSetRow>;
  find(id: string): Promise<SampleSetRow | null>;
  findByJob(jobId: string): Promise<SampleSetRow | null>;
}

export interface CalibrationFilter extends Page {
  device?: string;
  kind?: string;
  state?: CalibrationState;
}

export type NewCalibration = Pick<CalibrationRow, 'kind' | 'device' | 'options'> &
  Partial<Pick<CalibrationRow, 'id' | 'priority' | 'keyId' | 'forced'>>;

export type CalibrationChange = Partial<
  Pick<
    CalibrationRow,
    | 'deviceUid'
    | 'cause'
    | 'failure'
    | 'values'
    | 'stderr'
    | 'provenance'
    | 'blob'
    | 'startedAt_ms'
    | 'finishedAt_ms'
  >
>;

export interface CalibrationRepository {
  add(calibration: NewCalibration): Promise<CalibrationRow>;
  find(id: string): Promise<CalibrationRow | null>;
  get(id: string): Promise<CalibrationRow>;
  list(filter?: CalibrationFilter): Promise<CalibrationRow[]>;
  nextQueued(device: string): Promise<CalibrationRow | null>;
  /**
   * The latest that succeeded on this chip (by uid), which is the active one in this version. None that was measured
   * while faults were planted.
   */
  latestSucceeded(kind: string, deviceUid: string): Promise<CalibrationRow | null>;
  transition(
    id: string,
    from: CalibrationState,
    to: CalibrationState,
    change?: CalibrationChange,
  ): Promise<CalibrationRow>;
}

/** What can be edited of a key that exists. */
export type KeyChange = Partial<Pick<KeyRow, 'name' | 'scopes' | 'limits' | 'expiresAt_ms'>>;

export interface KeyRepository {
  add(
    key: Born<KeyRow, 'limits' | 'revision' | 'createdAt_ms' | 'revokedAt_ms' | 'lastUsedAt_ms'>,
  ): Promise<KeyRow>;
  find(id: string): Promise<KeyRow | null>;
  list(page?: Page): Promise<KeyRow[]>;
  count(): Promise<number>;
  /** Conditional on the revision that was seen: `conflict` when the key was edited or revoked since. */
  edit(id: string, revision: number, change: KeyChange): Promise<KeyRow>;
  /** Uses the bootstrap key up, and all others with it: true for one caller, whatever host it is on. */
  spendBootstrap(id: string): Promise<boolean>;
  /** Idempotent: a revoked key keeps its first time. `not-found` when there is none. */
  revoke(id: string): Promise<KeyRow>;
  /** Notes the use, at most once a minute per key, so that reading costs no synced write. */
  touch(id: string): Promise<void>;
}

export interface IdempotencyRepository {
  /** The live answer; expired ones are as good as absent. */
  find(keyId: string, route: string, idempotencyKey: string): Promise<IdempotencyRow | null>;
  /** Call inside the transaction of the effect (decisions 15). `conflict` when a live row exists. Lives 24 h. */
  add(row: Born<IdempotencyRow, 'createdAt_ms' | 'expiresAt_ms'>): Promise<IdempotencyRow>;
  /** Removes what has expired; returns how many. */
  prune(): Promise<number>;
}

export interface TicketRepository {
  /** @param ticket its life is counted on the clock that all hosts share */
  add(ticket: Pick<TicketRow, 'secretSha256' | 'keyId'> & { life_ms: number }): Promise<TicketRow>;
  /** Uses a ticket up: the id of its key, once; null when there is none, or not any more. */
  take(secretSha256: string): Promise<string | null>;
}

export interface AuditFilter extends Page {
  keyId?: string;
  action?: string;
  target?: string;
  since_ms?: number;
}

export interface AuditRepository {
  append(row: Born<AuditRow, 'id' | 'at_ms'>): Promise<AuditRow>;
  list(filter?: AuditFilter): Promise<AuditRow[]>;
}

export interface CertificateRepository {
  find(jobId: string): Promise<CertificateRow | null>;
  /** The first one of a job stays: returns the one that is kept. */
  add(row: Omit<CertificateRow, 'createdAt_ms'>): Promise<CertificateRow>;
}

/** Leases of devices. Times are of the clock that all hosts share: the database's, or the machine's where one file is the database. */
export interface LeaseRepository {
  find(device: string): Promise<DeviceLeaseRow | null>;
  /**
   * Takes the device for `term_ms`, under a fence above every one before it: when it is free, when the lease is over, or
   * when the holder is the same, whose former process is gone then. Null while somebody else holds it.
   */
  acquire(device: string, holder: string, term_ms: number): Promise<DeviceLeaseRow | null>;
  /** Holds on to it, also when it is over but nobody else came; false when it is lost. */
  renew(device: string, fence: number, term_ms: number): Promise<boolean>;
  /** Gives it back at once; nothing happens when it is somebody else's by now. */
  release(device: string, fence: number): Promise<void>;
  /**
   * Inside a transaction: nobody takes the device over before it ends.
   * `stale-fence` when somebody has; then nothing about the device's work may be written.
   */
  guard(device: string, fence: number): Promise<void>;
}

export interface DeviceRepository {
  find(id: string): Promise<DeviceRow | null>;
  list(): Promise<DeviceRow[]>;
  /**
   * Notes that a device exists. `host` names the one host that can reach it; null: any.
   * `conflict` when the row belongs to another host.
   */
  declare(id: string, host: string | null): Promise<DeviceRow>;
  /** What its holder knows of it; the row must have been declared. */
  setFacts(id: string, facts: JsonObject): Promise<DeviceRow>;
  /** What people want of it. With `revision`: `conflict` when the row is not at that revision any more. */
  setControl(id: string, control: JsonObject, revision?: number): Promise<DeviceRow>;
}

/** Bytes of at most SMALL_BLOB_BYTES as part of a transaction; `BlobStore.get` finds them afterwards. */
export interface SmallBlobRepository {
  /** @throws {RangeError} more bytes: put them before the transaction, with `BlobStore.put` */
  put(bytes: Uint8Array): Promise<Digest>;
}

/** Removing for good. The blobs that were named come back, to be let go of after the commit (retention.ts). */
export interface DeletionRepository {
  /** A job that has ended, with samples, certificate and log. `not-found`; `conflict` while it is not at its end. */
  job(id: string): Promise<Digest[]>;
  /** The content of a model; its digest stays known to the jobs that named it. `conflict` while one still needs it. */
  model(digest: string): Promise<Digest[]>;
  /** One owner lets go of a model; the last one takes its content with him, as `model` does. */
  modelOf(digest: string, keyId: string): Promise<Digest[]>;
  capture(id: string): Promise<Digest[]>;
  jobsFinishedBefore(at_ms: number, limit: number): Promise<string[]>;
  capturesBefore(at_ms: number, limit: number): Promise<string[]>;
  /** Removes up to `limit` audit rows; returns how many. */
  auditBefore(at_ms: number, limit: number): Promise<number>;
  /** Whether any row names the blob. */
  isReferenced(digest: Digest): Promise<boolean>;
  /** All blobs that rows name. */
  referenced(): Promise<Set<Digest>>;
  /** Bytes of the models and samples of a key. */
  storedBytes(keyId: string): Promise<number>;
}

/** All repositories over one connection; inside a transaction they see and make its changes. */
export interface Repositories {
  readonly deletion: DeletionRepository;
  readonly models: ModelRepository;
  readonly jobs: JobRepository;
  readonly sampleSets: SampleSetRepository;
  readonly calibrations: CalibrationRepository;
  readonly keys: KeyRepository;
  readonly idempotency: IdempotencyRepository;
  readonly tickets: TicketRepository;
  readonly audit: AuditRepository;
  readonly certificates: CertificateRepository;
  readonly leases: LeaseRepository;
  readonly devices: DeviceRepository;
  readonly smallBlobs: SmallBlobRepository;
  readonly useLeases: UseLeaseRepository;
  readonly activeCalibrations: ActiveCalibrationRepository;
  readonly captures: CaptureRepository;
  readonly webhooks: WebhookRepository;
  readonly heat: HeatRepository;
  readonly drift: DriftRepository;
}

export interface BlobInfo {
  digest: Digest;
  bytes: number;
  /** When the same bytes were last put: a clean-up spares the young, whose row may not be written yet. */
  storedAt_ms: number;
}

/** Bytes by digest, wherever they lie: in files, in a shared directory or in the database. Not inside a transaction. */
export interface BlobStore {
  /**
   * Durable when it resolves. The same bytes again are read, not written, and heal a damaged blob.
   * @param known.digest theirs, where a worker has taken it already: large bytes take a while
   */
  put(bytes: Uint8Array, known?: { digest?: Digest }): Promise<Digest>;
  /** The bytes. `not-found`, or `corrupt-blob` when `verify` (the default) finds another digest. */
  get(digest: string, options?: { verify?: boolean }): Promise<Uint8Array>;
  has(digest: string): Promise<boolean>;
  /** `not-found` when there is none. */
  stat(digest: string): Promise<BlobInfo>;
  /**
   * Bytes `from` to before `to`, fewer where the blob ends, without reading the others. Not verified: a part has no
   * digest. `not-found`, or `corrupt-blob` when bytes are missing.
   */
  read(digest: string, range: { from: number; to: number }): Promise<Uint8Array>;
  /**
   * For good; false when there was none, or none that was stored, or put again, before `storedBefore_ms`. Whether a row
   * still names it is the caller's business.
   */
  delete(digest: string, when?: { storedBefore_ms: number }): Promise<boolean>;
  /** Everything that is kept; what lies in two places comes twice. */
  list(): AsyncIterable<BlobInfo>;
}
