// The public surface of the link: connect() turns a byte stream into a Link, on which images are loaded and runs are
// run. Above this file nobody sees frames, sessions or protobuf types.
import type { Clock } from '../clock/clock.ts';
import type { Port } from '../transports/port.ts';
import type { Capabilities, DeviceStatus, Event, Limits } from './message-types.ts';
import type { LinkCounters } from './session/counters.ts';
import { LinkError } from './session/link-error.ts';
import type { LoadOptions, LoadOutcome, RunOptions, RunRequest, RunResult } from './transfers/types.ts';

export { LinkError, linkErrorCodes } from './session/link-error.ts';
export type { LinkErrorCode, LinkErrorOptions, LinkOutcome } from './session/link-error.ts';
export type { LinkCounters } from './session/counters.ts';
export type {
  LoadOptions,
  LoadOutcome,
  PhaseRequest,
  RunOptions,
  RunRequest,
  RunResult,
} from './transfers/types.ts';
export type {
  BlockRange,
  Capabilities,
  DeviceStatus,
  Event,
  Fault,
  Heartbeat,
  Limits,
  RunState,
} from './message-types.ts';

export interface ConnectOptions {
  /** A closed port; connect() opens it, and closes it again when it fails. */
  port: Port;
  clock: Clock;
  /** Uniform 32-bit numbers: nonces and run tokens. */
  random32(): number;
  /** Random per host process; scopes request ids, which go on counting when the same client connects again. */
  clientId: number;
  hostVersion: string;
  /** Lease fence; a device refuses one lower than the highest it has seen (decision 11). */
  fence?: bigint;
  /** Hexadecimal uid; another device is refused as `wrong-device`. */
  expectUid?: string;
  /** Called for every log line of the device. */
  onLog?(line: { level: number; text: string; dropped: number }): void;
  signal?: AbortSignal;
}

/** Who answers at the other end, as it said in its hello. */
export interface LinkIdentity {
  /** Hexadecimal. */
  uid: string;
  /** True when a twin answers; the device states it and nobody else does. */
  simulated: boolean;
  bootId: bigint;
  firmware: string;
  /** Hexadecimal commit of the firmware. */
  firmwareGit: string;
  schemaHash: number;
  limits: Limits;
  session: number;
}

/** One session with one device. All methods reject with LinkError. */
export interface Link {
  readonly identity: LinkIdentity;
  capabilities(): Promise<Capabilities>;
  status(): Promise<DeviceStatus>;
  /** Brings an image into the device and has it verified there (STAGED); sends nothing that the device has. */
  load(image: Uint8Array, options: LoadOptions): Promise<LoadOutcome>;
  /** Makes a staged program the active one; with `expectActiveId` only if that one is active now. */
  activate(programId: string, expectActiveId?: string): Promise<void>;
  /** Runs a schedule and returns its records once their digest agrees with the device's. One run at a time. */
  run(request: RunRequest, options?: RunOptions): Promise<RunResult>;
  /** Ends whatever run is going on, ahead of everything that waits to be sent. */
  stop(): Promise<void>;
  /** Round trip in milliseconds. */
  ping(): Promise<number>;
  clearFault(code: number): Promise<void>;
  counters(): LinkCounters;
  onEvent(callback: (event: Event) => void): void;
  /** Called exactly once, when the link is over; `cancelled` after our own close(). */
  onClosed(callback: (why: LinkError) => void): void;
  /** Idempotent, never rejects. */
  close(): Promise<void>;
}

/**
 * Opens the port, shakes hands (section 4) and reads the device's state.
 * Rejects with LinkError: `port-busy`, `port-failed`, `not-a-device`, `wrong-device`, `unsupported-version`,
 * `schema-mismatch`, `fence-stale`, `refused`, `link-timeout`, `link-lost`, `cancelled`.
 */
export function connect(options: ConnectOptions): Promise<Link> {
  return Promise.reject(new LinkError('port-failed', `the link to ${options.port.label} is not built yet`));
}
