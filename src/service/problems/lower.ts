// Which problem each error of the floors below becomes. The test walks through the codes of every floor, so that a new
// code without a row fails it.
import { JobError, type JobErrorCode } from '../../jobs/index.ts';
import { PhysicsError, type PhysicsErrorCode } from '../../physics/index.ts';
import { StoreError, type StoreErrorCode } from '../../store/index.ts';
import { ParseError } from '../models/parse.ts';
import { ProblemError, type ProblemExtras } from './problem.ts';
import type { ProblemCode } from './table.ts';

export const storeProblems: Record<StoreErrorCode, ProblemCode> = {
  'storage-full': 'storage-full',
  'schema-too-new': 'storage-failed',
  locked: 'storage-locked',
  'corrupt-blob': 'corrupt-blob',
  'not-found': 'not-found',
  conflict: 'state-conflict',
  'stale-fence': 'fence-stale',
  'storage-unavailable': 'storage-unavailable',
  'storage-busy': 'storage-busy',
  // Of the commands backup and restore, never of a request.
  'bad-backup': 'storage-failed',
  'not-empty': 'storage-failed',
  'storage-failed': 'storage-failed',
};

export const physicsProblems: Record<PhysicsErrorCode, ProblemCode> = {
  'not-finite': 'not-finite',
  'wrong-shape': 'wrong-shape',
  'not-symmetric': 'not-symmetric',
  'nonzero-diagonal': 'nonzero-diagonal',
  'not-positive-definite': 'not-positive-definite',
  'coupling-out-of-range': 'coupling-out-of-range',
  'bias-out-of-range': 'bias-out-of-range',
  'field-out-of-range': 'field-out-of-range',
  'potential-out-of-range': 'potential-out-of-range',
  'noise-temperature-out-of-range': 'noise-temperature-out-of-range',
  'bad-argument': 'validation-failed',
  'bad-npz': 'bad-npz',
  'bad-safetensors': 'bad-safetensors',
  'bad-bqm': 'bad-bqm',
  // The service makes images and records itself: a bad one is its own defect, not the client's.
  'bad-image': 'internal-error',
  'bad-record': 'device-protocol-error',
  'not-converged': 'internal-error',
};

export const jobProblems: Record<JobErrorCode, ProblemCode> = {
  'unknown-device': 'unknown-device',
  'unknown-model': 'unknown-model',
  'unknown-job': 'unknown-job',
  'unknown-calibration': 'unknown-calibration',
  'unknown-calibration-kind': 'unknown-calibration-kind',
  'already-finished': 'already-finished',
  'device-offline': 'device-offline',
  'wrong-backend': 'wrong-backend',
  'faults-active': 'faults-active',
  'validation-failed': 'validation-failed',
  'device-stopped': 'device-stopped',
  'device-too-hot': 'device-too-hot',
  'state-conflict': 'state-conflict',
  'stale-revision': 'precondition-failed',
  'lease-held': 'lease-held',
  'requirement-unmet': 'requirement-unmet',
  'runner-closed': 'service-stopping',
};

/** By DeviceError code; they show as `reason` of a device, and as `failure` of a job. */
export const deviceProblems: Readonly<Record<string, ProblemCode>> = {
  'device-offline': 'device-offline',
  'link-lost': 'link-lost',
  'link-timeout': 'link-timeout',
  'wrong-backend': 'wrong-backend',
  'not-a-device': 'not-a-device',
  'out-of-range': 'out-of-range',
  refused: 'device-refused',
  'data-loss': 'data-loss',
  cancelled: 'cancelled',
  busy: 'device-busy',
  'schema-mismatch': 'schema-mismatch',
  'device-fault': 'device-fault',
  'device-too-hot': 'device-too-hot',
  'device-stopped': 'device-stopped',
};

/** By LinkError code; they reach a client only as the cause of a device's error. */
export const linkProblems: Readonly<Record<string, ProblemCode>> = {
  'link-timeout': 'link-timeout',
  'link-lost': 'link-lost',
  'device-rebooted': 'link-lost',
  'wrong-device': 'wrong-device',
  'not-a-device': 'not-a-device',
  'port-busy': 'device-offline',
  'port-failed': 'device-offline',
  'unsupported-version': 'schema-mismatch',
  'schema-mismatch': 'schema-mismatch',
  'fence-stale': 'fence-stale',
  refused: 'device-refused',
  'data-loss': 'data-loss',
  cancelled: 'cancelled',
  'run-failed': 'device-fault',
  'protocol-error': 'device-protocol-error',
};

interface CarriesCode {
  code: string;
  message: string;
  retryable?: boolean;
  remedy?: string;
  outcome?: ProblemExtras['outcome'];
}

/** The problem of an error of a lower floor; null when it is none of theirs. */
export function fromLowerFloor(error: unknown): ProblemError | null {
  if (error instanceof PhysicsError)
    return new ProblemError(physicsProblems[error.code], error.message, {
      errors: [{ pointer: error.pointer, detail: error.message, allowed: error.allowed }],
      cause: error,
    });
  if (error instanceof ParseError)
    return new ProblemError(error.code, error.message, {
      errors: [{ pointer: error.pointer, detail: error.message, allowed: error.allowed }],
      cause: error,
    });
  if (error instanceof StoreError)
    return new ProblemError(storeProblems[error.code], error.message, {
      retryable: error.retryable,
      remedy: error.remedy,
      cause: error,
    });
  if (error instanceof JobError)
    return new ProblemError(jobProblems[error.code], error.message, {
      retryable: error.retryable,
      remedy: error.remedy,
      ...(error.errors.length > 0 && { errors: error.errors }),
      ...(error.measured !== null && { measured: error.measured }),
      cause: error,
    });
  return fromDevice(error);
}

function fromDevice(error: unknown): ProblemError | null {
  if (!(error instanceof Error)) return null;
  const tables: Record<string, Readonly<Record<string, ProblemCode>>> = {
    DeviceError: deviceProblems,
    LinkError: linkProblems,
  };
  const { code, message, retryable, remedy, outcome } = error as Error & CarriesCode;
  const problem = tables[error.name]?.[code];
  return problem === undefined
    ? null
    : new ProblemError(problem, message, { retryable, remedy, outcome, cause: error });
}
