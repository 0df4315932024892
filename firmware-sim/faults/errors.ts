// Why a fault cannot be planted or cleared: shown by the control channel and the command line, with what to do.
export type FaultErrorCode =
  | 'invalid-fault'
  /** The component cannot fail in that way. */
  | 'impossible-fault'
  | 'unknown-target'
  | 'unknown-fault'
  | 'too-many-faults';

export class FaultError extends Error {
  override readonly name = 'FaultError';
  readonly code: FaultErrorCode;
  readonly remedy: string;
  readonly retryable = false;
  constructor(code: FaultErrorCode, message: string, remedy: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.remedy = remedy;
  }
}
