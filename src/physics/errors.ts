// The one error of the physics floor: a value that the physics or the device's number format cannot take, named
// by a JSON pointer so that a caller can show the reader where it is.

/** Everything that can be wrong with a model, a program, an image, a record or an array file. */
export const physicsErrorCodes = [
  'not-finite',
  'wrong-shape',
  'not-symmetric',
  'nonzero-diagonal',
  'not-positive-definite',
  'coupling-out-of-range',
  'bias-out-of-range',
  'field-out-of-range',
  'potential-out-of-range',
  'noise-temperature-out-of-range',
  'bad-argument',
  'bad-image',
  'bad-record',
  'bad-npz',
  'bad-safetensors',
  'bad-bqm',
  'not-converged',
] as const;
export type PhysicsErrorCode = (typeof physicsErrorCodes)[number];

/** What would have been accepted: a closed range of numbers, or words. */
export type Allowed = { min: number; max: number } | string;

export class PhysicsError extends Error {
  override readonly name = 'PhysicsError';
  readonly code: PhysicsErrorCode;
  /** Pure functions give the same answer again: never retryable. */
  readonly retryable = false;
  /** JSON pointer (RFC 6901) into the model or argument, '' for the whole of it. */
  readonly pointer: string;
  readonly allowed: Allowed;
  readonly remedy: string;
  constructor(
    code: PhysicsErrorCode,
    message: string,
    details: { pointer?: string; allowed: Allowed; remedy?: string; cause?: unknown },
  ) {
    super(message, { cause: details.cause });
    this.code = code;
    this.pointer = details.pointer ?? '';
    this.allowed = details.allowed;
    this.remedy = details.remedy ?? `Allowed: ${describeAllowed(details.allowed)}.`;
  }
}

/** The allowed values in words. */
export function describeAllowed(allowed: Allowed): string {
  return typeof allowed === 'string' ? allowed : `${allowed.min} to ${allowed.max}`;
}
