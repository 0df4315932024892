// The Link of the public surface: one session, its transfers, and translation into plain names. See index.ts.
import {
  RunPhase,
  FaultCode,
  type Capabilities,
  type DeviceStatus,
  type Event,
  type Limits,
} from './messages/index.ts';
import type { LinkCounters } from './session/counters.ts';
import type { HostOptions } from './session/host-choices.ts';
import { LinkError } from './session/link-error.ts';
import { Priority } from './session/send-queue.ts';
import { Session } from './session/session.ts';
import { ImageCache } from './transfers/image-cache.ts';
import { forecastImageLoad, loadImage } from './transfers/image-load.ts';
import type { LoadForecast } from './transfers/load-choice.ts';
import { clearLeftovers, stopRun } from './transfers/run-commands.ts';
import { imageIdBytes } from './transfers/run-request.ts';
import { referenceOrder, scheduleOrder, type RunOrder } from './transfers/run-order.ts';
import { runOrdered } from './transfers/run.ts';
import type {
  LoadOptions,
  LoadOutcome,
  ReferenceRunRequest,
  RunOptions,
  RunRequest,
  RunResult,
} from './transfers/types.ts';

export interface ConnectOptions extends HostOptions {
  /** What patches are made against. Handed to the next connect() of the same device, it outlives a lost link. */
  images?: ImageCache;
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
  /** True when nobody answers and the port plays a recording; the transport knows, the recorded device does not. */
  replayed: boolean;
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
  /**
   * Brings an image into the device and has it verified there (STAGED). Sends nothing that the device has, and a patch
   * where the device holds an image close to it that was loaded over `images`.
   */
  load(image: Uint8Array, options: LoadOptions): Promise<LoadOutcome>;
  /** What load() of a program with this id would send now. Sends no byte of it. */
  forecastLoad(image: Uint8Array, id: string): Promise<LoadForecast>;
  /** Makes a staged program the active one; with `expectActiveId` only if that one is active now. */
  activate(programId: string, expectActiveId?: string): Promise<void>;
  /** Runs a schedule and returns its records once their digest agrees with the device's. One run at a time. */
  run(request: RunRequest, options?: RunOptions): Promise<RunResult>;
  /** Reads the converter reference through the channels of the units, otherwise as run(). */
  readReference(request: ReferenceRunRequest, options?: RunOptions): Promise<RunResult>;
  /** Ends whatever run is going on, ahead of everything that waits to be sent. */
  stop(): Promise<void>;
  /** Round trip in milliseconds. */
  ping(): Promise<number>;
  clearFault(code: number): Promise<void>;
  /** Readings come as events from now on; replaces the subscription before it, mask 0 ends it. */
  subscribeTelemetry(period_ms: number, mask: number): Promise<void>;
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
export async function connect(options: ConnectOptions): Promise<Link> {
  const { session, status } = await Session.open(options);
  return new SessionLink(session, status, options.images ?? new ImageCache());
}

class SessionLink implements Link {
  readonly identity: LinkIdentity;
  readonly #session: Session;
  readonly #images: ImageCache;
  readonly #onEvent: ((event: Event) => void)[] = [];
  readonly #onClosed: ((why: LinkError) => void)[] = [];
  /** The run that the device is known to have, for stop(). */
  #run: number;
  /** Transfers take turns: each has the bulk lane or the sample stream to itself. */
  #busy: 'load' | 'run' | null = null;
  #stopWanted = false;
  /** A run of an earlier session was on the device when this one began; it would block Activate. */
  #hasLeftovers: boolean;

  constructor(session: Session, status: DeviceStatus, images: ImageCache) {
    const { hello } = session;
    this.#session = session;
    this.#images = images;
    this.#run = status.run?.run ?? 0;
    this.#hasLeftovers = status.run !== undefined;
    this.identity = {
      uid: Buffer.from(hello.deviceUid).toString('hex'),
      simulated: hello.simulated,
      replayed: session.isReplay,
      bootId: hello.bootId,
      firmware: hello.fwVersion,
      firmwareGit: Buffer.from(hello.fwGit).toString('hex'),
      schemaHash: hello.schemaHash,
      limits: hello.limits,
      session: hello.session,
    };
    session.listen({
      onEvent: (event) => this.#takeEvent(event),
      onClosed: (why) => {
        for (const callback of this.#onClosed.splice(0)) callback(why);
      },
    });
  }

  capabilities(): Promise<Capabilities> {
    return this.#session.request('GetCapabilities', { type: 'getCapabilities', value: {} }, 'capabilities');
  }

  async status(): Promise<DeviceStatus> {
    const body = { type: 'getStatus', value: {} } as const;
    const status = await this.#session.request('GetStatus', body, 'deviceStatus');
    this.#run = status.run?.run ?? this.#run;
    return status;
  }

  load(image: Uint8Array, options: LoadOptions): Promise<LoadOutcome> {
    return this.#exclusively('load', () => loadImage(this.#session, image, options, this.#images));
  }

  forecastLoad(image: Uint8Array, id: string): Promise<LoadForecast> {
    return forecastImageLoad(this.#session, image, imageIdBytes(id), this.#images);
  }

  async activate(programId: string, expectActiveId?: string): Promise<void> {
    const value = {
      programId: imageIdBytes(programId),
      expectActiveId: expectActiveId === undefined ? new Uint8Array(0) : imageIdBytes(expectActiveId),
    };
    if (this.#hasLeftovers) await clearLeftovers(this.#session);
    this.#hasLeftovers = false;
    await this.#session.command('Activate', { type: 'activate', value });
  }

  run(request: RunRequest, options: RunOptions = {}): Promise<RunResult> {
    return this.#ordered(scheduleOrder(request), options);
  }

  readReference(request: ReferenceRunRequest, options: RunOptions = {}): Promise<RunResult> {
    return this.#ordered(referenceOrder(request), options);
  }

  #ordered(order: RunOrder, options: RunOptions): Promise<RunResult> {
    this.#stopWanted = false;
    return this.#exclusively('run', () =>
      runOrdered(this.#session, order, options, (run) => {
        this.#run = run;
        // A stop that came before the run had a number could not name it.
        if (this.#stopWanted) void this.stop().catch(() => undefined);
      }),
    );
  }

  async #exclusively<T>(what: 'load' | 'run', work: () => Promise<T>): Promise<T> {
    if (this.#busy !== null) {
      throw new LinkError('refused', `a ${this.#busy} is going on over this link`, { retryable: true });
    }
    this.#busy = what;
    try {
      return await work();
    } finally {
      this.#busy = null;
    }
  }

  async stop(): Promise<void> {
    this.#stopWanted = true;
    await stopRun(this.#session, this.#run);
  }

  async ping(): Promise<number> {
    const nonce = this.#session.random32() >>> 0;
    const started_ms = this.#session.clock.now_ms();
    const echo = await this.#session.request('Ping', { type: 'ping', value: { nonce } }, 'ping');
    if (echo.nonce !== nonce) throw new LinkError('protocol-error', 'a ping came back with another nonce');
    return this.#session.clock.now_ms() - started_ms;
  }

  async clearFault(code: number): Promise<void> {
    const known = Object.values(FaultCode).find((value) => value === code);
    if (known === undefined) throw new LinkError('refused', `${code} is no fault code`);
    const body = { type: 'clearFault', value: { code: known } } as const;
    await this.#session.command('ClearFault', body, Priority.urgent);
  }

  async subscribeTelemetry(period_ms: number, mask: number): Promise<void> {
    const body = { type: 'subscribeTelemetry', value: { periodMs: period_ms, mask: mask >>> 0 } } as const;
    await this.#session.command('SubscribeTelemetry', body);
  }

  counters(): LinkCounters {
    const { counters, rtt, queued_bytes } = this.#session;
    return {
      ...counters,
      rxCorrupt: { ...counters.rxCorrupt },
      rxRejected: { ...counters.rxRejected },
      srtt_ms: rtt.srtt_ms,
      rttvar_ms: rtt.rttvar_ms,
      rto_ms: rtt.rto_ms,
      queuedBytes: queued_bytes,
    };
  }

  onEvent(callback: (event: Event) => void): void {
    this.#onEvent.push(callback);
  }

  onClosed(callback: (why: LinkError) => void): void {
    const why = this.#session.closed;
    if (why === null) this.#onClosed.push(callback);
    else queueMicrotask(() => callback(why));
  }

  close(): Promise<void> {
    return this.#session.close();
  }

  #takeEvent(event: Event): void {
    if (event.body?.type === 'heartbeat' && event.body.value.run !== 0) this.#run = event.body.value.run;
    if (event.body?.type === 'runState' && event.body.value.phase !== RunPhase.IDLE) {
      this.#run = event.body.value.run;
    }
    for (const callback of this.#onEvent) callback(event);
  }
}
