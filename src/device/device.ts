// One chip as the service sees it: keeps a link to it for as long as the process lives, says honestly what answers, and
// runs one operation at a time. It never substitutes anything for a device that is away.
import { clockFacts, sleep, type ClockFacts } from '../clock/clock.ts';
import { ImageCache, connect, type LinkError, type LoadForecast } from '../link/index.ts';
import type { ProgramImage } from '../physics/index.ts';
import { AwayBy } from './away.ts';
import { failureOf } from './connect-failure.ts';
import { notStarted, transition, type ConnectionInput, type ConnectionState } from './connection.ts';
import { DeviceCounting } from './counters.ts';
import { DeviceError, notReady, saysMoreThanCancelled, toDeviceError, type DeviceReason } from './errors.ts';
import { DeviceLog } from './device-log.ts';
import { openSession, type DeviceSession } from './device-session.ts';
import { DeviceFaults, faultCodeOf, type DeviceFault, type DeviceFaultName } from './faults.ts';
import { faultsActive } from './injected-faults.ts';
import { FieldSlots } from './field-slots.ts';
import { planMeasure } from './measure-schedule.ts';
import { scheduled, type Chip, type Work } from './operation.ts';
import { OperationSlot } from './operation-slot.ts';
import { referenceWork } from './reference.ts';
import { Retry } from './retry.ts';
import { stopChip, type StopReport } from './safe-stop.ts';
import { planHold, planRelax } from './schedule.ts';
import { TelemetryFeed } from './telemetry/index.ts';
import { whenReady } from './when-ready.ts';
import type {
  DeviceBackend,
  DeviceCapabilities,
  DeviceCounters,
  DeviceIdentity,
  DeviceOptions,
  DeviceStateName,
  HoldRequest,
  MeasureRequest,
  OperationOptions,
  ReferenceRequest,
  RelaxRequest,
  RelaxResult,
} from './types.ts';

/** How long close() and takeOffline() give a running operation to stop the chip. */
const STOP_GRACE_MS = 1_000;

/**
 * Connects with `start()` and reconnects for ever. One operation at a time: a second one is refused as `busy`, because
 * order and fairness belong to the queue above. All rejections are DeviceError.
 */
export class Device {
  readonly id: string;
  readonly url: string;
  /** What its sensors say; subscribed to in every session. */
  readonly telemetry: TelemetryFeed;
  readonly #options: DeviceOptions;
  /** Random per Device, so that request ids of two processes never meet in a device's reply cache. */
  readonly #clientId: number;
  readonly #listeners = new Set<() => void>();
  /** Outlives the sessions, so that a patch is possible after a reconnect. */
  readonly #images = new ImageCache();
  readonly #fields = new FieldSlots();
  #connection: ConnectionState = notStarted;
  #started = false;
  #revision = 0;
  #session: DeviceSession | null = null;
  #attempt: AbortController | null = null;
  readonly #retry: Retry;
  readonly #slot = new OperationSlot((type) => this.#step({ type }));
  readonly #away = new AwayBy();
  #isStopped = false;
  readonly #log: DeviceLog;
  #lastIdentity: DeviceIdentity | null = null;
  #lastCapabilities: DeviceCapabilities | null = null;
  readonly #counting = new DeviceCounting();
  readonly #faults = new DeviceFaults((fault) => this.#faultChanged(fault));

  readonly #connectLink: typeof connect;

  /** `connectLink` is the link's own connect(); tests hand in another. */
  constructor(options: DeviceOptions, connectLink: typeof connect = connect) {
    this.#connectLink = connectLink;
    this.id = options.id;
    this.url = options.url;
    this.#options = options;
    this.#clientId = options.random32() >>> 0;
    this.#retry = new Retry(options, () => this.#step({ type: 'retry-due' }));
    this.#log = new DeviceLog(options, () => ({ device: this.id, backend: this.backend }));
    this.telemetry = new TelemetryFeed({
      clock: options.clock,
      period_ms: options.telemetryPeriod_ms,
      log: (...line) => this.#log.line(...line),
    });
  }

  get state(): DeviceStateName {
    return this.#connection.name;
  }

  /** Why the device is not ready; null while it is. Stays through an attempt to reconnect. */
  get reason(): DeviceReason | null {
    return 'reason' in this.#connection ? this.#connection.reason : null;
  }

  /** Who answered last; null until something has. Kept while the device is away, and of a refused one. */
  get identity(): DeviceIdentity | null {
    return this.#lastIdentity;
  }

  /** What answered last, as it said itself; never what was expected. */
  get backend(): DeviceBackend | null {
    return this.#lastIdentity?.backend ?? null;
  }

  /** Faults are planted in the line or the device, or nobody can say. */
  get faultsActive(): boolean {
    return faultsActive(this.#options, this.#lastIdentity);
  }

  /** Whose time the device and its link keep. */
  get clock(): ClockFacts {
    return clockFacts(this.#options.clock);
  }

  /** Of the device that answered last; null until one was accepted. */
  get capabilities(): DeviceCapabilities | null {
    return this.#lastCapabilities;
  }

  /** What the device has latched; empty while it is away. */
  get faults(): readonly DeviceFault[] {
    return this.#session === null ? [] : this.#faults.list;
  }

  /** Grows with every change of the state; an entity tag. */
  get revision(): number {
    return this.#revision;
  }

  /** Stopped by stop(), and not resumed since: operations are refused. */
  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** Connects, and reconnects with back-off until close(); while somebody has taken it offline, afterwards. */
  start(): void {
    if (this.#started) return;
    this.#started = true;
    this.#options.injectedFaults?.onChange(() => this.#changed());
    if (this.#away.reason === null) this.#step({ type: 'start' });
  }

  /**
   * Stops what runs, closes the port and stays away until bringOnline(by). Several may ask for it, each by its own name;
   * it comes back when the last of them has let go.
   */
  async takeOffline(by: string, reason: DeviceReason): Promise<void> {
    this.#away.add(by, reason);
    await this.#stopOperation();
    if (this.#away.reason === null) return;
    const { link } = this.#session ?? {};
    this.#step({ type: 'disconnect', reason: this.#away.reason });
    await link?.close();
  }

  bringOnline(by: string): void {
    if (!this.#away.delete(by) || !this.#started) return;
    const { reason } = this.#away;
    this.#step(reason === null ? { type: 'start' } : { type: 'disconnect', reason });
  }

  /**
   * Ends whatever runs, ahead of all that waits to be sent, and refuses operations until resume(), also over a
   * reconnect. Never rejects; says what the device confirmed.
   */
  async stop(): Promise<StopReport> {
    const wasStopped = this.#isStopped;
    this.#isStopped = true;
    const settled = this.#slot.abort();
    const report = stopChip(this.#session?.link ?? null, settled, this.#options.clock, this.reason);
    if (!wasStopped) this.#changed();
    return report;
  }

  /** Operations are taken again. */
  resume(): void {
    if (!this.#isStopped) return;
    this.#isStopped = false;
    this.#changed();
  }

  /** Calls back after every change of the state; returns what ends it. Callbacks must not throw. */
  onChange(callback: () => void): () => void {
    this.#listeners.add(callback);
    return () => this.#listeners.delete(callback);
  }

  /** A copy of the counters, with those of the link's present session and of all its sessions. */
  counters(): DeviceCounters {
    return this.#counting.read(this.#session?.link.counters() ?? null);
  }

  /** Resolves when an operation could start or runs; rejects when refused or closed, or after the time. */
  whenReady(timeout_ms: number): Promise<void> {
    return whenReady(this, this.#options.clock, timeout_ms, () => this.#notReady());
  }

  /** Lets the program relax from thermal noise and reads it; see RelaxRequest for units. */
  relax(request: RelaxRequest, options: OperationOptions = {}): Promise<RelaxResult> {
    return this.#operate(options, scheduled(request, planRelax));
  }

  /** An uncoupled run of the program's single units, for the thermometer. */
  hold(request: HoldRequest, options: OperationOptions = {}): Promise<RelaxResult> {
    return this.#operate(options, scheduled(request, planHold));
  }

  /**
   * Any schedule of phases and forces on one program. On the active program, with its fields in the device, it sends no
   * image and evicts nothing: 7 requests and half a kilobyte beside the codes (docs/protocol.md, what a probe costs).
   */
  measure(request: MeasureRequest, options: OperationOptions = {}): Promise<RelaxResult> {
    return this.#operate(options, scheduled(request, planMeasure));
  }

  /** Codes of known levels, [samples][levels][units], without a program (src/device/reference.ts). */
  readReference(request: ReferenceRequest, options: OperationOptions = {}): Promise<RelaxResult> {
    return this.#operate(options, referenceWork(request));
  }

  /** What loading this image of a program would send now; null without a session. Rejects with LinkError. */
  async forecastLoad({ bytes, id }: ProgramImage): Promise<LoadForecast | null> {
    return this.#session?.link.forecastLoad(bytes, id) ?? null;
  }

  /** Takes a latched fault away once its cause is gone; until then the device refuses, and says why. */
  async clearFault(name: DeviceFaultName): Promise<void> {
    if (this.#session === null) throw this.#notReady();
    try {
      await this.#session.link.clearFault(faultCodeOf(name));
    } catch (error) {
      throw toDeviceError(error, this.id);
    }
    this.#faults.cleared(name);
  }

  /** Stops what runs, closes the port and stays closed. */
  async close(): Promise<void> {
    await this.#stopOperation();
    const { link } = this.#session ?? {};
    this.#step({ type: 'close' });
    await link?.close();
  }

  async #stopOperation(): Promise<void> {
    const settled = this.#slot.abort();
    if (settled !== null) await Promise.race([settled, sleep(this.#options.clock, STOP_GRACE_MS)]);
  }

  async #operate(options: OperationOptions, prepare: (chip: Chip) => Work): Promise<RelaxResult> {
    const { totals } = this.#counting;
    totals.operations++;
    try {
      const session = this.#admit(options.signal);
      const { clock } = this.#options;
      const work = prepare({ ...session, fields: this.#fields, clock });
      const result = await this.#slot.run(work, options);
      this.#counting.result(result);
      return result;
    } catch (error) {
      const failure = options.signal?.aborted ? this.#cancelled(error) : this.#failed(error);
      this.#counting.note(totals.operationsFailed, failure.code);
      throw failure;
    }
  }

  #admit(signal: AbortSignal | undefined): DeviceSession {
    if (signal?.aborted) throw new DeviceError('cancelled', 'cancelled before it began');
    if (this.#isStopped) throw this.#stopped();
    if (this.#slot.isBusy) throw new DeviceError('busy', `device ${this.id} is running another operation`);
    if (this.#connection.name !== 'ready' || !this.#session) throw this.#notReady();
    return this.#session;
  }

  #cancelled(cause: unknown): DeviceError {
    const failure = toDeviceError(cause, this.id);
    return saysMoreThanCancelled(failure) ? failure : new DeviceError('cancelled', 'cancelled', { cause });
  }

  /** What a stop cut short says so, however it ended. */
  #failed(error: unknown): DeviceError {
    const failure = toDeviceError(error, this.id);
    return failure.code === 'cancelled' && this.#isStopped ? this.#stopped(error) : failure;
  }

  #stopped(cause?: unknown): DeviceError {
    return new DeviceError('device-stopped', `device ${this.id} is stopped`, { cause });
  }

  #step(input: ConnectionInput): void {
    const before = this.#connection;
    const { state, actions } = transition(before, input);
    this.#connection = state;
    for (const action of actions) {
      if (action.type === 'connect') this.#connect();
      if (action.type === 'wait') this.#retry.wait(action.delay_ms);
      if (action.type === 'release') this.#release();
    }
    if (state === before) return;
    if (state.name !== before.name) this.#log.state(state);
    this.#changed();
  }

  #faultChanged(fault: DeviceFault | null): void {
    if (fault !== null) this.#log.line('error', 'device fault', { fault: fault.name, value: fault.value });
    this.#changed();
  }

  #changed(): void {
    this.#revision++;
    for (const listener of [...this.#listeners]) listener();
  }

  #release(): void {
    this.#retry.stop();
    this.#attempt?.abort();
    this.#session = null;
    this.telemetry.detach();
  }

  #connect(): void {
    const attempt = new AbortController();
    this.#attempt = attempt;
    const identified = (identity: DeviceIdentity): void => void (this.#lastIdentity = identity);
    const opening = { clientId: this.#clientId, images: this.#images, log: this.#log, faults: this.#faults };
    openSession(this.#options, this.#connectLink, { ...opening, identified, signal: attempt.signal }).then(
      (session) => this.#connected(session, attempt),
      (error: unknown) => this.#connectFailed(error, attempt),
    );
  }

  #connected(session: DeviceSession, attempt: AbortController): void {
    if (this.#attempt !== attempt || attempt.signal.aborted) {
      void session.link.close();
      return;
    }
    this.#counting.totals.connects++;
    this.#retry.stop();
    this.#session = session;
    this.#lastCapabilities = session.capabilities;
    this.telemetry.attach(session.link, session.capabilities);
    this.#step({ type: 'connected' });
    session.link.onClosed((why) => this.#lost(session, why));
  }

  #connectFailed(error: unknown, attempt: AbortController): void {
    if (this.#attempt !== attempt || attempt.signal.aborted) return;
    const failure = failureOf(error);
    this.#counting.note(this.#counting.totals.connectFailures, failure.code);
    this.#step({ type: 'failed', failure, jitter: this.#jitter() });
  }

  #lost(session: DeviceSession, why: LinkError): void {
    if (this.#session !== session) return;
    this.#session = null;
    this.telemetry.detach();
    const failure = failureOf(why);
    this.#counting.note(this.#counting.totals.losses, failure.code);
    const counters = session.link.counters();
    this.#counting.sessionEnded(counters);
    // Cable or code: the numbers of both ends tell, and only now (link-protocol section 14).
    this.#log.line('info', 'link counters at the loss', { reason: failure.code, counters });
    const fail = this.#slot.drop();
    this.#step({ type: 'lost', failure, jitter: this.#jitter() });
    const message = `device ${this.id} was lost during the operation: ${why.message}`;
    fail?.(new DeviceError('link-lost', message, { cause: why }));
  }

  #jitter(): number {
    return (this.#options.random32() >>> 0) / 2 ** 32;
  }

  #notReady(): DeviceError {
    const reason = this.reason ?? {
      code: 'connecting',
      message: `it is ${this.state}`,
      remedy: 'Try again.',
    };
    return notReady(this.id, this.state === 'refused', reason);
  }
}
