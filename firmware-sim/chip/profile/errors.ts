// Why a chip profile cannot be used: shown by the command line, with the place in the document and what is allowed.
export type ProfileErrorCode = 'unknown-profile' | 'unreadable' | 'not-json' | 'invalid';

export class ProfileError extends Error {
  override readonly name = 'ProfileError';
  readonly code: ProfileErrorCode;
  readonly retryable = false;
  readonly remedy: string;
  /** Wrong use of the program. */
  readonly exitCode = 2;
  constructor(code: ProfileErrorCode, message: string, remedy: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.remedy = remedy;
  }
}
