// The one error class of the message layer. Encoding refuses what would be changed silently on the wire; decoding
// never throws.

export type MessageErrorCode = 'wrong-type' | 'out-of-range' | 'over-limit' | 'unknown-enum';

/** A message that must not be sent: a mistake of the caller, never of the line. */
export class MessageError extends Error {
  override readonly name = 'MessageError';
  readonly code: MessageErrorCode;
  /** Where, for instance `Envelope.body.startRun.phase[1].noiseCode`. */
  readonly path: string;
  readonly retryable = false;
  constructor(code: MessageErrorCode, path: string, message: string) {
    super(`${path}: ${message}`);
    this.code = code;
    this.path = path;
  }
}

/** Why received bytes are no message: not protobuf of this schema, or larger than link.options allows. */
export type DecodeReason = 'malformed' | 'over-limit';
export type Decoded<T> = { ok: true; value: T } | { ok: false; reason: DecodeReason; detail: string };
