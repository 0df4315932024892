// Why a job failed: every error that can end one becomes one of the public causes, with the original kept for people.
import { JobCause, type FailureDetail } from '../store/index.ts';

const STOPPED = {
  cancel: 'the job was cancelled',
  shutdown: 'the service is stopping',
  'safe-stop': 'the device was stopped for safety',
  lease: 'this host no longer drives the device',
} as const;

/** The reason of an abort signal: who stopped the work. */
export class Stopped extends Error {
  readonly by: keyof typeof STOPPED;
  constructor(by: keyof typeof STOPPED) {
    super(STOPPED[by]);
    this.name = 'Stopped';
    this.by = by;
  }
}

export interface Failure {
  cause: JobCause;
  failure: FailureDetail | null;
}

/** Device codes that say the way to the chip, or who is at its end, is not what it was. */
const LINK_CODES = new Set([
  'device-offline',
  'link-lost',
  'link-timeout',
  'not-a-device',
  'wrong-backend',
  'schema-mismatch',
]);
/** Device codes that the chip, or its answer, is responsible for. */
const DEVICE_CODES = new Set([
  'device-fault',
  'refused',
  'out-of-range',
  'data-loss',
  'busy',
  'faults-active',
]);

/** `signal` tells whether the work was stopped on purpose: then that is the cause, whatever error it ended with. */
export function failureOf(error: unknown, signal: AbortSignal): Failure {
  if (signal.reason instanceof Stopped) {
    if (signal.reason.by === 'cancel') return { cause: JobCause.cancelled, failure: null };
    if (signal.reason.by === 'safe-stop')
      return { cause: JobCause.safeStop, failure: safelyStopped(signal.reason) };
    if (signal.reason.by === 'lease') return { cause: JobCause.hostLost, failure: hostLost() };
    return { cause: JobCause.serviceRestart, failure: restarted() };
  }
  const failure = describe(error);
  if (LINK_CODES.has(failure.code)) return { cause: JobCause.linkLost, failure };
  if (failure.code === 'device-stopped') return { cause: JobCause.safeStop, failure };
  if (failure.code === 'device-too-hot') return { cause: JobCause.thermalStop, failure };
  if (failure.code === 'requirement-unmet')
    return { cause: JobCause.requirementUnmet, failure: { ...failure, outcome: 'not_applied' } };
  if (DEVICE_CODES.has(failure.code)) return { cause: JobCause.deviceFault, failure };
  return { cause: JobCause.internal, failure };
}

function safelyStopped({ message }: Stopped): FailureDetail {
  return {
    code: 'device-stopped',
    message,
    retryable: true,
    remedy:
      'Submit it again when the device has been resumed; with "retry": "auto" it waits for that by itself.',
    outcome: 'unknown',
  };
}

/** What a job that was running when the service ended is told. */
export function restarted(): FailureDetail {
  return {
    code: JobCause.serviceRestart,
    message: 'the service stopped while this was running',
    retryable: true,
    remedy: 'Submit it again; with "retry": "auto" a job is put back into the queue by itself.',
    outcome: 'unknown',
  };
}

/** What a job is told whose host went away, or lost the device, while it ran. */
export function hostLost(): FailureDetail {
  return {
    code: JobCause.hostLost,
    message: 'the host that ran this lost the device, or is gone',
    retryable: true,
    remedy: 'Submit it again; with "retry": "auto" a job is put back into the queue by itself.',
    outcome: 'unknown',
  };
}

function describe(error: unknown): FailureDetail {
  const known = error as Partial<FailureDetail> | null;
  return {
    code: typeof known?.code === 'string' ? known.code : JobCause.internal,
    message: error instanceof Error ? error.message : String(error),
    retryable: known?.retryable === true,
    remedy: known?.remedy ?? null,
    outcome: known?.outcome ?? null,
  };
}
