// What the service is made of: everything from outside that routes use, handed in once by createService.
import type { FastifyBaseLogger } from 'fastify';
import type { Clock, ClockFacts } from '../clock/clock.ts';
import type {
  DeviceCounters,
  DeviceFault,
  DeviceFaultName,
  Series,
  SeriesQuery,
  TelemetryStatus,
} from '../device/index.ts';
import type { DeviceControls, JobRunner, RelaxDevice } from '../jobs/index.ts';
import type { WebhookTargets } from './webhooks/targets.ts';
import type { Captures } from './captures/captures.ts';
import type { CertificateKeys, KeyLimits, Store } from '../store/index.ts';
import type { TwinChannel } from './twins/channel.ts';

/** A device as the API shows it; `Device` of src/device satisfies it, and so does a fake in a test. */
export interface ServiceDevice extends Omit<RelaxDevice, 'relax' | 'telemetry'> {
  /** For people: how the device is reached. */
  readonly url: string;
  readonly identity: {
    uid: string;
    firmware: string;
    firmwareGit: string;
    /** Hexadecimal. */
    schemaHash: string;
    bootId: string;
  } | null;
  /** Whose time the device and its link keep. */
  readonly clock: ClockFacts;
  /** What it has latched; empty while it is away. */
  readonly faults: readonly DeviceFault[];
  readonly telemetry: {
    readonly status: TelemetryStatus;
    series(query: SeriesQuery): Series;
    /** Calls back after every reading, where this process has the device; returns what ends it. */
    onReading?(callback: () => void): () => void;
  };
  /** Where this process has the device. */
  counters?(): DeviceCounters;
  /** Grows with every change. */
  readonly revision: number;
  /** Rejects with what the device says against it. */
  clearFault(name: DeviceFaultName): Promise<void>;
}

export interface ServiceOptions {
  store: Store;
  runner: JobRunner;
  devices: ReadonlyMap<string, ServiceDevice>;
  /** What people want of them. */
  controls: DeviceControls;
  /** What their lines have carried. */
  captures: Captures;
  /** Control channels of those that are twins, by device. */
  twins: ReadonlyMap<string, TwinChannel>;
  /** Real time: keys, waiting requests, timestamps. */
  clock: Clock;
  /** The time of the devices where it is another one. */
  deviceClock?: Clock;
  /** Unpredictable bytes, for the secrets of keys. */
  randomBytes: (count: number) => Uint8Array;
  /** Signs certificates, and knows the public keys to publish. */
  certificateKeys: CertificateKeys;
  version: string;
  /** What the operator demands (THERMOLOOP_EXPECT_BACKEND). */
  expectBackend?: string | null;
  /** Where webhooks may go; public https addresses unless told. */
  webhookTargets?: WebhookTargets;
  logger?: FastifyBaseLogger;
  /** Requests of one key per minute. */
  rateLimitPerMinute?: number;
  /** Failed authentications from one address per minute, before it is refused unheard. */
  failedAuthPerMinute?: number;
  tls?: { cert: string | Buffer; key: string | Buffer };
  /** Called after every answer, for the HTTP metrics. */
  onRequest?: (method: string, route: string, status: number, duration_s: number) => void;
  onSlowClient?: () => void;
}

/** The caller of a request. */
export interface Identity {
  keyId: string;
  role: string;
  scopes: ReadonlySet<string>;
  limits: Readonly<KeyLimits>;
  expiresAt_ms: number | null;
}

/** The name of the id that stands for one run of the process; a client that sees another one starts over. */
export interface ServiceContext extends ServiceOptions {
  epoch: string;
  startedAt_ms: number;
  /** Aborts when the service begins to close: long polls end. */
  closing: AbortSignal;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Null on public routes. */
    identity: Identity | null;
    /** The problem that was answered, for the audit. */
    problemCode: string | null;
  }
}
