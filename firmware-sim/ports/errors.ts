// The one error class of the twin's ports; `remedy` tells the reader what to do.
export type TwinPortErrorCode =
  'socat-missing' | 'path-in-use' | 'pty-failed' | 'address-in-use' | 'permission-denied' | 'listen-failed';

export class TwinPortError extends Error {
  override readonly name = 'TwinPortError';
  readonly code: TwinPortErrorCode;
  readonly remedy: string;
  readonly retryable: boolean;
  constructor(
    code: TwinPortErrorCode,
    message: string,
    options: { remedy: string; retryable?: boolean; cause?: unknown },
  ) {
    super(message, { cause: options.cause });
    this.code = code;
    this.remedy = options.remedy;
    this.retryable = options.retryable ?? false;
  }
}
