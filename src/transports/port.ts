// A Port is the place where chip and twin are swapped: a two-way byte stream, and nothing above it knows which kind.
import type { Clock } from '../clock/clock.ts';

/** Why a port closed; `asked` is our own close(). */
export interface PortCloseReason {
  code: 'asked' | 'disconnected' | 'error';
  message: string;
  cause?: unknown;
}

export interface Port {
  /** For people and logs: the URL without secrets. */
  readonly label: string;
  open(signal: AbortSignal): Promise<void>;
  /** Accepts all bytes; false means above the high-water mark: wait for onDrain. The buffer is copied or sent at once. */
  write(bytes: Uint8Array): boolean;
  /** Bytes accepted by write() and not yet handed to the operating system. */
  readonly queuedBytes: number;
  /** Any split; the buffer is valid during the call only. */
  onData(callback: (bytes: Uint8Array) => void): void;
  onDrain(callback: () => void): void;
  /** Exactly once per successful open. */
  onClosed(callback: (why: PortCloseReason) => void): void;
  /** Idempotent, never rejects. */
  close(): Promise<void>;
  /** Only recorders and replays have one. */
  readonly tap?: HostTap;
}

/** What makes a host repeatable byte for byte: a recorder keeps its choices, a replay hands the recorded ones back. */
export interface HostTap {
  /** A value that the host chose freely, such as a nonce; returns the one to use. */
  choose<T extends number | string>(what: string, value: T): T;
  /** The link over this port is over, told before close(). `established`: a session existed. */
  linkEnded(code: string, established: boolean): void;
  /** The time to go by; absent: the host's own. */
  readonly clock?: Clock;
  /** Nothing answers here: the bytes are those of a recording. */
  readonly isReplay: boolean;
}

export type TransportErrorCode =
  | 'bad-url'
  | 'unsupported-scheme'
  | 'port-not-found'
  | 'port-busy'
  | 'permission-denied'
  | 'connection-refused'
  | 'open-timeout'
  | 'open-failed'
  /** Capture files: written by recorders, played by replays. */
  | 'capture-unwritable'
  | 'capture-unreadable'
  | 'capture-damaged'
  | 'capture-foreign'
  | 'capture-version'
  | 'capture-incomplete'
  | 'replay-mismatch'
  | 'replay-silent';

/** The one error class of this floor; `remedy` tells the reader what to do. */
export class TransportError extends Error {
  override readonly name = 'TransportError';
  readonly code: TransportErrorCode;
  readonly remedy: string;
  readonly retryable: boolean;
  constructor(
    code: TransportErrorCode,
    message: string,
    options: { remedy: string; retryable: boolean; cause?: unknown },
  ) {
    super(message, { cause: options.cause });
    this.code = code;
    this.remedy = options.remedy;
    this.retryable = options.retryable;
  }
}
