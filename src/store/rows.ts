// What the store keeps, as its callers see it. Times are wall milliseconds since the epoch; digests are
// `sha256:` and 64 lower-case hex digits; ids are ULIDs, so that their order is the order of creation.

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };
export type Digest = `sha256:${string}`;

/** A blob of at most this size can go into the transaction that names it. */
export const SMALL_BLOB_BYTES = 64 * 1024;

/** A model: immutable and named by the digest of its canonical content (model-content.ts). */
export interface ModelRow {
  /** For paging; the digest is the name. */
  id: string;
  digest: Digest;
  name: string | null;
  units: number;
  /** Where the canonical bytes lie; equal to `digest`. */
  blob: Digest;
  bytes: number;
  /** Normalisation, energy unit, training data and so on (decisions 9, 43); not part of the digest. */
  metadata: JsonObject;
  keyId: string | null;
  createdAt_ms: number;
}

export const JobState = {
  queued: 'queued',
  /** It cannot run now; `hold` says why, and those behind it that can do. */
  held: 'held',
  running: 'running',
  succeeded: 'succeeded',
  failed: 'failed',
  cancelled: 'cancelled',
  /** Its deadline passed before it ran. */
  expired: 'expired',
} as const;
export type JobState = (typeof JobState)[keyof typeof JobState];

/** States that a job never leaves. */
export const FINAL_JOB_STATES: readonly JobState[] = ['succeeded', 'failed', 'cancelled', 'expired'];

/** Why a job cannot run now. */
export const HoldReason = {
  deviceOffline: 'device-offline',
  deviceStopped: 'device-stopped',
  maintenance: 'maintenance',
  lease: 'lease',
  condition: 'condition',
  calibration: 'calibration',
  thermal: 'thermal',
  budget: 'budget',
} as const;
export type HoldReason = (typeof HoldReason)[keyof typeof HoldReason];

export interface JobHold {
  reason: HoldReason;
  /** For people. */
  detail: string;
  since_ms: number;
  /** When it ends, where that is known. */
  until_ms: number | null;
}

/** Where a running job is, or where a job that did not succeed had got to. */
export const JobPhase = {
  programming: 'programming',
  verifying: 'verifying',
  settling: 'settling',
  relaxing: 'relaxing',
  reading: 'reading',
  finishing: 'finishing',
} as const;
export type JobPhase = (typeof JobPhase)[keyof typeof JobPhase];

/** Why a job did not succeed. */
export const JobCause = {
  linkLost: 'link-lost',
  deviceFault: 'device-fault',
  /** The device's own trip limit ended it. */
  thermalStop: 'thermal-stop',
  serviceRestart: 'service-restart',
  /** What the job requires of the device was not so just before programming. */
  requirementUnmet: 'requirement-unmet',
  /** The host that ran it is gone. */
  hostLost: 'host-lost',
  /** Somebody pressed the safe stop. */
  safeStop: 'safe-stop',
  internal: 'internal',
  cancelled: 'cancelled',
} as const;
export type JobCause = (typeof JobCause)[keyof typeof JobCause];

/** The error behind a failure, kept so that a person can act on it. */
export interface FailureDetail {
  code: string;
  message: string;
  retryable: boolean;
  remedy: string | null;
  outcome: 'applied' | 'not_applied' | 'unknown' | null;
  /** Id of the capture of what passed on the line before it; absent: none was kept. */
  capture?: string;
}

/** One try at a job. */
export interface JobAttempt {
  startedAt_ms: number;
  finishedAt_ms: number | null;
  state: JobState;
  cause: JobCause | null;
  /** The host that ran it, and its fence over the device; absent in attempts of before. */
  host?: string | null;
  fence?: number | null;
}

/** One line of a job's log. */
export interface JobLogLine {
  at_ms: number;
  message: string;
  fields: JsonObject;
}

export interface JobRow {
  id: string;
  device: string;
  state: JobState;
  /** Null while queued and after success. */
  phase: JobPhase | null;
  cause: JobCause | null;
  failure: FailureDetail | null;
  /** While held. */
  hold: JobHold | null;
  /** Higher runs first. */
  priority: number;
  /** Not to be started after it. */
  deadline_ms: number | null;
  /** When the queue gives up on it: the deadline, or the end of the longest hold. */
  expiresAt_ms: number | null;
  /** Whether it runs again when an attempt is lost. */
  retry: 'auto' | 'never';
  /** A cancel of a job that another host runs. */
  cancelRequestedAt_ms: number | null;
  model: Digest;
  request: JsonObject;
  /** What was measured at its submission of what it requires; null: it requires nothing. */
  requirements: JsonObject | null;
  result: JsonObject | null;
  labels: Record<string, string>;
  attempts: JobAttempt[];
  /** Raw int16 readout codes, little-endian, [samples][reads][units]. */
  samplesBlob: Digest | null;
  keyId: string | null;
  /** Grows by one with every stored change. */
  revision: number;
  createdAt_ms: number;
  startedAt_ms: number | null;
  finishedAt_ms: number | null;
}

/** One block of samples read off a device; `blob` holds int16 codes, little-endian, [samples][reads][units]. */
export interface SampleSetRow {
  id: string;
  jobId: string;
  device: string;
  backend: string;
  model: Digest;
  blob: Digest;
  bytes: number;
  samples: number;
  units: number;
  reads: { time_s: number; label: string }[];
  /** x per readout code. */
  stateScale: number;
  /** Float64 little-endian, one heat in kT per sample; null when no heat was recorded. */
  heatBlob: Digest | null;
  createdAt_ms: number;
}

export const CalibrationState = {
  queued: 'queued',
  running: 'running',
  succeeded: 'succeeded',
  failed: 'failed',
} as const;
export type CalibrationState = (typeof CalibrationState)[keyof typeof CalibrationState];

/** A calibration: data with an id and a history, never a side effect (service-api.md, section 9). */
export interface CalibrationRow {
  id: string;
  kind: string;
  device: string;
  /** Identity of the chip that was measured; null until it ran. */
  deviceUid: string | null;
  state: CalibrationState;
  cause: JobCause | null;
  failure: FailureDetail | null;
  priority: number;
  options: JsonObject;
  /** Asked for although faults are planted. */
  forced: boolean;
  values: JsonObject | null;
  stderr: JsonObject | null;
  /** Backend, firmware, schema hash, boot id of the chip that was measured. */
  provenance: JsonObject | null;
  blob: Digest | null;
  keyId: string | null;
  revision: number;
  createdAt_ms: number;
  startedAt_ms: number | null;
  finishedAt_ms: number | null;
}

/** What a key may use at most; null is no limit of the key's own. */
export interface KeyLimits {
  /** Ids of the only devices it may use. */
  devices: string[] | null;
  backends: ('chip' | 'twin' | 'replay')[] | null;
  /** Name of the highest priority its jobs may have. */
  maxPriority: string | null;
  /** null: as the service is set; 0: exempt from the rate limit. */
  requestsPerMinute: number | null;
  /** Jobs that wait at the same time. */
  queuedJobsMax: number | null;
  /** Bytes of its models and samples together. */
  storageBytesMax: number | null;
  /** Electrical energy of its jobs in a UTC day. */
  energyPerDay_J: number | null;
  /** Networks it may come from, as 10.0.0.0/8 or fd00::/8; empty: from anywhere. */
  cidr: string[];
}

/** A key that is limited by its role and scopes alone. */
export const NO_KEY_LIMITS: Readonly<KeyLimits> = Object.freeze({
  devices: null,
  backends: null,
  maxPriority: null,
  requestsPerMinute: null,
  queuedJobsMax: null,
  storageBytesMax: null,
  energyPerDay_J: null,
  cidr: [],
});

/** An API key; the secret itself is never stored. */
export interface KeyRow {
  id: string;
  name: string;
  role: string;
  scopes: string[];
  /** SHA-256 of the 256-bit secret, 64 hex digits. */
  secretSha256: string;
  limits: KeyLimits;
  /** Grows with every edit. */
  revision: number;
  expiresAt_ms: number | null;
  createdAt_ms: number;
  revokedAt_ms: number | null;
  lastUsedAt_ms: number | null;
}

/** A ticket for one socket of a key; the secret itself is never stored. */
export interface TicketRow {
  /** SHA-256 of the secret, 64 hex digits. */
  secretSha256: string;
  keyId: string;
  expiresAt_ms: number;
}

/** The stored answer to one request that carried an Idempotency-Key (service-api.md, section 5). */
export interface IdempotencyRow {
  keyId: string;
  route: string;
  idempotencyKey: string;
  /** SHA-256 of the request body, hex. */
  bodySha256: string;
  status: number;
  headers: Record<string, string>;
  body: Json;
  createdAt_ms: number;
  expiresAt_ms: number;
}

/** The signed certificate of a job: its text as it was signed, never changed. */
export interface CertificateRow {
  jobId: string;
  /** Id of the public key that verifies it. */
  signingKey: string;
  document: string;
  createdAt_ms: number;
}

/** Who did what; append-only. */
export interface AuditRow {
  id: string;
  at_ms: number;
  keyId: string | null;
  action: string;
  target: string | null;
  outcome: string;
  correlationId: string | null;
  detail: JsonObject;
}

/** Who may drive a device. The fence grows with every acquisition and never falls, so that a later holder is told apart. */
export interface DeviceLeaseRow {
  device: string;
  fence: number;
  holder: string;
  /** Wall milliseconds of the database's clock; 0: given back. */
  leaseUntil_ms: number;
}

/** A device as every host sees it, also those that do not drive it. */
export interface DeviceRow {
  id: string;
  /** The only host that can reach it (a serial line); null: any host that is configured with it. */
  host: string | null;
  /** What the holder of the lease last said of it; null before the first. */
  facts: JsonObject | null;
  /** What people want of it; null: nothing was asked for yet. */
  control: JsonObject | null;
  /** Grows with every stored change. */
  revision: number;
}
