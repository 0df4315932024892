// The tables as the database has them. JSON is text, times are integers (milliseconds), so that every dialect can
// hold them; repositories turn them into rows.ts.
import type { CalibrationState, Digest, HoldReason, JobCause, JobPhase, JobState } from './rows.ts';
import type { CaptureWhy, UseLeaseEnd } from './device-use.ts';
import type { DeliveryState, WebhookTopic } from './webhooks.ts';

export interface ModelTable {
  id: string;
  digest: Digest;
  name: string | null;
  units: number;
  blob: Digest;
  bytes: number;
  metadata: string;
  key_id: string | null;
  created_at_ms: number;
  /** Its content is gone; the row stays for the jobs that name it. */
  deleted_at_ms: number | null;
}

/** Whoever uploaded it, by digest. */
export interface ModelOwnerTable {
  digest: Digest;
  key_id: string;
}

export interface JobTable {
  id: string;
  device: string;
  state: JobState;
  phase: JobPhase | null;
  cause: JobCause | null;
  failure: string | null;
  priority: number;
  model: Digest;
  request: string;
  requirements: string | null;
  result: string | null;
  labels: string;
  attempts: string;
  samples_blob: Digest | null;
  key_id: string | null;
  revision: number;
  created_at_ms: number;
  started_at_ms: number | null;
  finished_at_ms: number | null;
  hold: string | null;
  /** `reason` of the hold, for the index. */
  hold_reason: HoldReason | null;
  deadline_ms: number | null;
  expires_at_ms: number | null;
  retry: 'auto' | 'never';
  cancel_requested_at_ms: number | null;
  /** The key whose turn it is in the queue: key_id, or empty. */
  queue_key: string;
}

/** What happened in one attempt at a job: JSON lines. */
export interface JobLogTable {
  job_id: string;
  /** Counted from 1. */
  attempt: number;
  lines: string;
}

/** Labels once more, one row each, for filters. */
export interface JobLabelTable {
  job_id: string;
  name: string;
  value: string;
}

export interface SampleSetTable {
  id: string;
  job_id: string;
  device: string;
  backend: string;
  model: Digest;
  blob: Digest;
  bytes: number;
  samples: number;
  units: number;
  reads: string;
  state_scale: number;
  heat_blob: Digest | null;
  created_at_ms: number;
}

export interface CalibrationTable {
  id: string;
  kind: string;
  device: string;
  device_uid: string | null;
  state: CalibrationState;
  cause: JobCause | null;
  failure: string | null;
  priority: number;
  options: string;
  /** 0 or 1. */
  forced: number;
  outcome_values: string | null;
  stderr: string | null;
  provenance: string | null;
  blob: Digest | null;
  key_id: string | null;
  revision: number;
  created_at_ms: number;
  started_at_ms: number | null;
  finished_at_ms: number | null;
}

export interface ApiKeyTable {
  id: string;
  name: string;
  role: string;
  scopes: string;
  secret_sha256: string;
  limits: string;
  revision: number;
  expires_at_ms: number | null;
  created_at_ms: number;
  revoked_at_ms: number | null;
  last_used_at_ms: number | null;
}

export interface IdempotencyTable {
  key_id: string;
  route: string;
  idempotency_key: string;
  body_sha256: string;
  status: number;
  headers: string;
  body: string;
  created_at_ms: number;
  expires_at_ms: number;
}

export interface TicketTable {
  secret_sha256: string;
  key_id: string;
  expires_at_ms: number;
}

export interface AuditTable {
  id: string;
  at_ms: number;
  key_id: string | null;
  action: string;
  target: string | null;
  outcome: string;
  correlation_id: string | null;
  detail: string;
}

export interface CertificateTable {
  job_id: string;
  signing_key: string;
  document: string;
  created_at_ms: number;
}

export interface DeviceLeaseTable {
  device: string;
  fence: number;
  holder: string;
  lease_until_ms: number;
}

export interface DeviceTable {
  id: string;
  host: string | null;
  facts: string | null;
  control: string | null;
  revision: number;
}

export interface BlobTable {
  digest: Digest;
  bytes: number;
  /** Of every chunk but the last. */
  chunk_bytes: number;
  stored_at_ms: number;
}

export interface BlobChunkTable {
  digest: Digest;
  place: number;
  content: Buffer;
}

export interface UseLeaseTable {
  id: string;
  device: string;
  key_id: string;
  purpose: string | null;
  created_at_ms: number;
  expires_at_ms: number;
  ended_at_ms: number | null;
  ended_by: UseLeaseEnd | null;
  revision: number;
}

export interface ActiveCalibrationTable {
  device_uid: string;
  kind: string;
  calibration: string;
  /** 0 or 1. */
  pinned: number;
  revision: number;
  moved_at_ms: number;
}

export interface CalibrationMoveTable {
  id: string;
  device_uid: string;
  kind: string;
  calibration: string;
  previous: string | null;
  /** 0 or 1. */
  pinned: number;
  why: 'measured' | 'asked';
  key_id: string | null;
  at_ms: number;
}

export interface CaptureTable {
  id: string;
  device: string;
  backend: string | null;
  why: CaptureWhy;
  job_id: string | null;
  blob: Digest;
  bytes: number;
  dropped_bytes: number;
  opened_at_ms: number;
  key_id: string | null;
  created_at_ms: number;
}

export interface WebhookTable {
  id: string;
  key_id: string;
  url: string;
  topics: string;
  secret: string;
  created_at_ms: number;
  failing_since_ms: number | null;
  disabled_at_ms: number | null;
  disabled_why: string | null;
}

export interface WebhookDeliveryTable {
  id: string;
  webhook_id: string;
  topic: WebhookTopic;
  owner: string | null;
  body: string;
  state: DeliveryState;
  attempts: number;
  next_at_ms: number;
  last_error: string | null;
  created_at_ms: number;
  ended_at_ms: number | null;
}

export interface HeatEntryTable {
  id: string;
  device: string;
  backend: string | null;
  job_id: string | null;
  attempt: number | null;
  key_id: string | null;
  /** For grouping: the key, `none` without one, `device` where there is no job. */
  owner: string;
  ended: string | null;
  from_ms: number;
  to_ms: number;
  /** Begin of the hour of `to_ms`; what ends on the hour belongs to the one before. */
  hour_ms: number;
  at_ms: number;
  samples: number;
  effective_samples: number | null;
  idle_joule: number | null;
  program_joule: number | null;
  relax_joule: number | null;
  read_joule: number | null;
  energy_reason: string | null;
  released_kt: number | null;
  absorbed_kt: number | null;
  heat_reason: string | null;
  calibration: string | null;
}

export interface DriftPointTable {
  id: string;
  device: string;
  device_uid: string;
  program: string;
  quantity: string;
  from_ms: number;
  to_ms: number;
  /** 0 or 1. */
  is_baseline: number;
  value_ratio: number;
  stderr_ratio: number;
  largest_ratio: number;
  resolution_ratio: number;
  chart_ratio: number;
  worst: string;
}

export interface DriftEventTable {
  id: string;
  device: string;
  device_uid: string;
  program: string;
  quantity: string;
  element: string | null;
  value_ratio: number;
  stderr_ratio: number;
  z: number;
  last_good_ms: number;
  alarm_ms: number;
  ended_at_ms: number | null;
  calibration: string | null;
}

export interface CertificateAddendumTable {
  job_id: string;
  event: string;
  signing_key: string;
  document: string;
  created_at_ms: number;
}

export interface SettingTable {
  name: string;
  value: string;
}

export interface SchemaVersionTable {
  version: number;
  name: string;
  applied_at_ms: number;
}

export interface Tables {
  model: ModelTable;
  model_owner: ModelOwnerTable;
  job: JobTable;
  job_label: JobLabelTable;
  job_log: JobLogTable;
  sample_set: SampleSetTable;
  calibration: CalibrationTable;
  api_key: ApiKeyTable;
  idempotency: IdempotencyTable;
  ticket: TicketTable;
  audit: AuditTable;
  certificate: CertificateTable;
  device_lease: DeviceLeaseTable;
  device: DeviceTable;
  blob: BlobTable;
  blob_chunk: BlobChunkTable;
  use_lease: UseLeaseTable;
  active_calibration: ActiveCalibrationTable;
  calibration_move: CalibrationMoveTable;
  capture: CaptureTable;
  webhook: WebhookTable;
  webhook_delivery: WebhookDeliveryTable;
  heat_entry: HeatEntryTable;
  drift_point: DriftPointTable;
  drift_event: DriftEventTable;
  certificate_addendum: CertificateAddendumTable;
  setting: SettingTable;
  schema_version: SchemaVersionTable;
}
