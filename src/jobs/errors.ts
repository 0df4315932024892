// The error class of the jobs floor, and refusals: what admission says of a request that cannot become a job.

export const JobErrorCode = {
  unknownDevice: 'unknown-device',
  unknownModel: 'unknown-model',
  unknownJob: 'unknown-job',
  unknownCalibration: 'unknown-calibration',
  unknownProcedure: 'unknown-calibration-kind',
  alreadyFinished: 'already-finished',
  deviceOffline: 'device-offline',
  wrongBackend: 'wrong-backend',
  faultsActive: 'faults-active',
  validationFailed: 'validation-failed',
  deviceStopped: 'device-stopped',
  deviceTooHot: 'device-too-hot',
  stateConflict: 'state-conflict',
  staleRevision: 'stale-revision',
  leaseHeld: 'lease-held',
  requirementUnmet: 'requirement-unmet',
  closed: 'runner-closed',
} as const;
export type JobErrorCode = (typeof JobErrorCode)[keyof typeof JobErrorCode];

/** One field of a request that is not acceptable; `pointer` is a JSON Pointer into the job body. */
export interface RefusedField {
  pointer: string;
  detail: string;
  allowed: unknown;
}

const REMEDY: Record<JobErrorCode, string> = {
  'unknown-device': 'List the devices with GET /v1/devices and use one of their ids.',
  'unknown-model': 'Upload the model with POST /v1/models first and use the digest it answers.',
  'unknown-job': 'List the jobs with GET /v1/jobs.',
  'unknown-calibration': 'List the calibrations with GET /v1/calibrations.',
  'unknown-calibration-kind': 'Use one of the kinds the answer lists.',
  'already-finished': 'Nothing needs to be done: the job has reached its final state.',
  'device-offline':
    'Wait until the device is back, or submit with "onUnmet": "wait" to queue the job for it.',
  'wrong-backend': 'Name a device with the backend you want, or leave "device.backend" out.',
  'faults-active':
    'Clear the faults (thermoloop fault clear --all) or take chaos+ out of the address; or send "force": true, which the ' +
    'result then says.',
  'validation-failed': 'Change the named fields to allowed values.',
  'device-stopped':
    'Find out why it was stopped; resume it with POST /v1/devices/{id}/resume, or submit with "onUnmet": "wait".',
  'device-too-hot':
    'Wait until the device and its surroundings have cooled (GET /v1/devices/{id}/telemetry), or send shorter samples; then submit again.',
  'state-conflict': 'Read the present state with GET /v1/devices/{id}/state and decide again.',
  'stale-revision': 'Read the present state with GET /v1/devices/{id}/state and decide again.',
  'lease-held': 'Wait until the lease ends, or ask its holder to give it back.',
  'requirement-unmet':
    'Wait until the device is as required, or submit with "onUnmet": "wait" or "recalibrate"; GET /v1/devices/{id} shows how it is.',
  'runner-closed': 'The service is stopping; send the request again when it is back.',
};
const RETRYABLE: ReadonlySet<JobErrorCode> = new Set([
  'device-offline',
  'device-too-hot',
  'lease-held',
  'requirement-unmet',
  'runner-closed',
]);

export class JobError extends Error {
  readonly code: JobErrorCode;
  readonly retryable: boolean;
  readonly remedy: string;
  readonly errors: RefusedField[];
  /** Of requirement-unmet: every reading (requirements/readings.ts). */
  readonly measured: readonly object[] | null;

  constructor(
    code: JobErrorCode,
    message: string,
    options: { errors?: RefusedField[]; measured?: readonly object[]; remedy?: string; cause?: unknown } = {},
  ) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.name = 'JobError';
    this.code = code;
    this.retryable = RETRYABLE.has(code);
    this.remedy = options.remedy ?? REMEDY[code];
    this.errors = options.errors ?? [];
    this.measured = options.measured ?? null;
  }
}
