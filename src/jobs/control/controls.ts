// What people want of the devices, made so: kept in the store, obeyed by the device on whichever host drives it, and
// over a restart. Work in the queue asks here whether it may start (holds.ts).
import { sleep, type Clock, type Timer } from '../../clock/clock.ts';
import type { DeviceReason, StopReport } from '../../device/index.ts';
import {
  isStoreError,
  type JobHold,
  type Repositories,
  type Store,
  type UseLeaseRow,
} from '../../store/index.ts';
import { JobError } from '../errors.ts';
import { useHold, type DeviceUse } from './holds.ts';
import { LeaseWatch } from './leases.ts';
import {
  allowedStates,
  columnOf,
  controlOf,
  untouched,
  type ControlState,
  type DesiredState,
} from './state.ts';

/** How long a stop is awaited that another host has to carry out: its own limit, and the way there. */
const ELSEWHERE_MS = 7_000;
const LOOK_EVERY_MS = 100;
/** Between two facts that the holder of the device writes into the same row. */
const WRITE_ATTEMPTS = 20;
const OFFLINE: DeviceReason = {
  code: 'taken-offline',
  message: 'it was taken offline',
  remedy: 'PUT /v1/devices/{id}/state with {"desired": "ready"} brings it back.',
};
const BY = 'operator';

/** What this needs of a device; `Device` of src/device satisfies it. */
export interface ControlledDevice {
  readonly id: string;
  stop(): Promise<StopReport>;
  resume(): void;
  takeOffline(by: string, reason: DeviceReason): Promise<void>;
  bringOnline(by: string): void;
}

export interface DeviceControlsOptions {
  store: Store;
  clock: Clock;
  /** The name under which this process holds devices. */
  host: string | null;
  /** Calls back for what other processes have committed; returns what ends it. */
  hearChanges?: (callback: (change: { table: string; id: string }) => void) => () => void;
  /** How often the store is looked into for what other hosts were asked; absent: nobody else writes. */
  pollEvery_ms?: number;
  onLog?(level: 'info' | 'warn' | 'error', message: string, fields: object): void;
}

/** Who asks, and what is written in the same commit. */
export interface ControlRequest {
  keyId: string | null;
  alongside?(tx: Repositories, state: ControlState): Promise<void>;
}

export class DeviceControls {
  readonly #options: DeviceControlsOptions;
  readonly #devices = new Map<string, ControlledDevice>();
  readonly #states = new Map<string, ControlState>();
  readonly #leases: LeaseWatch;
  readonly #onChange = new Set<(device: string) => void>();
  readonly #onStop = new Set<(device: string) => void>();
  readonly #unsubscribe: (() => void) | undefined;
  /** Being pressed here: the device has been told already. */
  readonly #pressing = new Set<string>();
  /** The press that each device was told of. */
  readonly #told = new Map<string, number>();
  #timer: Timer | null = null;
  #closed = false;

  constructor(options: DeviceControlsOptions) {
    this.#options = options;
    this.#leases = new LeaseWatch({
      store: options.store,
      clock: options.clock,
      onChange: (devices) => devices.forEach((device) => this.#changed(device)),
      onError: (error) => this.#log('error', 'leases could not be looked up', { error }),
    });
    this.#unsubscribe = options.hearChanges?.(({ table, id }) => {
      if (table === 'device') this.#look(id);
    });
  }

  /** Takes a device on, before it connects: one that was stopped, or taken offline, stays so over a restart. */
  async add(device: ControlledDevice): Promise<void> {
    this.#devices.set(device.id, device);
    await this.#read(device.id);
  }

  async start(): Promise<void> {
    await this.#leases.refresh();
    this.#poll();
  }

  close(): void {
    this.#closed = true;
    this.#unsubscribe?.();
    this.#timer?.cancel();
    this.#leases.close();
  }

  of(device: string): DeviceUse {
    return { state: this.#states.get(device) ?? untouched, lease: this.#leases.of(device) };
  }

  /** Why work of this key may not start on the device now; null: it may. */
  holdFor(device: string, keyId: string | null): JobHold | null {
    return useHold(this.of(device), keyId, this.#options.clock.wall_ms());
  }

  /** The state or the lease of a device changed; returns what ends it. Callbacks must not throw. */
  onChange(callback: (device: string) => void): () => void {
    this.#onChange.add(callback);
    return () => this.#onChange.delete(callback);
  }

  /** Called at once when a device is stopped, before anything is sent or written. */
  onStop(callback: (device: string) => void): () => void {
    this.#onStop.add(callback);
    return () => this.#onStop.delete(callback);
  }

  /**
   * Stops the device ahead of everything, and keeps it stopped. Idempotent: the device is told again.
   * Rejects only when the stop could not be kept over a restart; the device has been told all the same.
   */
  async safeStop(id: string, request: ControlRequest & { reason: string | null }): Promise<ControlState> {
    const { clock } = this.#options;
    this.#pressing.add(id);
    const telling = this.#stopHere(id);
    const pressed = await this.#write(id, request, (state) => ({
      ...state,
      safeStop: {
        at_ms: state.safeStop?.at_ms ?? clock.wall_ms(),
        keyId: state.safeStop?.keyId ?? request.keyId,
        reason: state.safeStop?.reason ?? request.reason,
        presses: (state.safeStop?.presses ?? 0) + 1,
        confirmation: null,
      },
    })).finally(() => this.#pressing.delete(id));
    const report = await telling;
    if (report?.confirmed === true || !(await this.#isElsewhere(id)))
      return this.#confirm(id, pressed, report);
    return this.#confirmedElsewhere(id, pressed, report);
  }

  /** Lets a stopped device work again. @throws JobError state-conflict when it is not stopped */
  resume(id: string, request: ControlRequest): Promise<ControlState> {
    return this.#write(id, request, (state) => {
      if (state.safeStop === null) throw new JobError('state-conflict', `device ${id} is not stopped`);
      return { ...state, safeStop: null };
    });
  }

  /**
   * @param expected the revision that was looked at; null: whichever
   * @throws JobError stale-revision; state-conflict with the states that are allowed
   */
  setState(
    id: string,
    desired: DesiredState,
    request: ControlRequest & { expected: number | null },
  ): Promise<ControlState> {
    return this.#write(id, request, async (state, tx) => {
      if (request.expected !== null && request.expected !== state.revision)
        throw new JobError('stale-revision', `the state of ${id} was changed since it was read`);
      const allowed = allowedStates(state, await isWorking(tx, id));
      if (allowed.includes(desired)) return { ...state, desired };
      throw new JobError('state-conflict', `device ${id} cannot become ${desired} now`, {
        errors: [{ pointer: '/desired', detail: `is ${desired}`, allowed }],
        remedy: desired === 'ready' ? RESUME_FIRST : MAINTENANCE_FIRST,
      });
    });
  }

  /** The states that may be asked for now. */
  async allowed(id: string): Promise<DesiredState[]> {
    return allowedStates(this.of(id).state, await isWorking(this.#options.store, id));
  }

  /** A change to who has the device to himself: `change` writes it, in the commit that tells the other hosts. */
  async lease<T extends UseLeaseRow>(id: string, change: (tx: Repositories) => Promise<T>): Promise<T> {
    let written: T | null = null;
    await this.#write(id, { keyId: null }, async (state, tx) => {
      written = await change(tx);
      return state;
    });
    await this.#leases.refresh();
    return written as unknown as T;
  }

  /** Sends the stop before it returns; null: no such device here. */
  #stopHere(id: string): Promise<StopReport> | null {
    for (const callback of this.#onStop) callback(id);
    return this.#devices.get(id)?.stop() ?? null;
  }

  async #confirm(id: string, pressed: ControlState, report: StopReport | null): Promise<ControlState> {
    if (report === null) return pressed;
    const confirmation = { ...report, at_ms: this.#options.clock.wall_ms() };
    this.#log(report.confirmed ? 'warn' : 'error', 'safe stop', { device: id, ...report });
    return this.#write(id, { keyId: null }, (state) =>
      // Resumed meanwhile: there is nothing left to confirm.
      state.safeStop === null ? state : { ...state, safeStop: { ...state.safeStop, confirmation } },
    );
  }

  /** Another host drives the device: it sees the stop in the store, and answers there. */
  async #confirmedElsewhere(
    id: string,
    pressed: ControlState,
    report: StopReport | null,
  ): Promise<ControlState> {
    const { clock, store } = this.#options;
    const end_ms = clock.now_ms() + ELSEWHERE_MS;
    while (clock.now_ms() < end_ms && !this.#closed) {
      const { state } = await readRow(store, id);
      if (state.safeStop === null || state.safeStop.confirmation !== null) return state;
      await sleep(clock, LOOK_EVERY_MS);
    }
    return this.#confirm(id, pressed, report);
  }

  async #isElsewhere(id: string): Promise<boolean> {
    const { store, clock, host } = this.#options;
    const lease = await store.leases.find(id);
    return lease !== null && lease.leaseUntil_ms > clock.wall_ms() && lease.holder !== host;
  }

  /** One change of the row, again when its holder wrote facts in between; then made so here. */
  async #write(
    id: string,
    request: ControlRequest,
    change: (state: ControlState, tx: Repositories) => ControlState | Promise<ControlState>,
  ): Promise<ControlState> {
    for (let attempt = 1; ; attempt++) {
      try {
        const written = await this.#options.store.transaction(async (tx) => {
          await tx.devices.find(id).then((row) => row ?? tx.devices.declare(id, null));
          const { state, revision } = await readRow(tx, id);
          const next = { ...(await change(state, tx)), revision: state.revision + 1 };
          await tx.devices.setControl(id, columnOf(next), revision);
          await request.alongside?.(tx, next);
          return next;
        });
        this.#apply(id, written);
        return written;
      } catch (error) {
        if (!isStoreError(error, 'conflict') || attempt === WRITE_ATTEMPTS) throw error;
      }
    }
  }

  async #read(id: string): Promise<void> {
    this.#apply(id, (await readRow(this.#options.store, id)).state);
  }

  #apply(id: string, state: ControlState): void {
    const before = this.#states.get(id);
    if (before !== undefined && state.revision < before.revision) return;
    this.#states.set(id, state);
    const device = this.#devices.get(id);
    if (device !== undefined) this.#obey(device, state, (before ?? state).safeStop !== null);
    if (before !== undefined && before.revision !== state.revision) this.#changed(id);
  }

  #obey(device: ControlledDevice, state: ControlState, wasStopped: boolean): void {
    const { id } = device;
    const failed = (error: unknown): void =>
      this.#log('error', 'a device did not obey', { device: id, error });
    // A stop that could not be written is no stop here, and yet nothing lets the device go on but a resume.
    if (state.safeStop === null) {
      if (wasStopped) device.resume();
    } else if (this.#told.get(id) !== state.safeStop.presses) {
      this.#told.set(id, state.safeStop.presses);
      if (!this.#pressing.has(id)) this.#obeyStop(id, state).catch(failed);
    }
    if (state.desired === 'offline') device.takeOffline(BY, OFFLINE).catch(failed);
    else device.bringOnline(BY);
  }

  /** A stop that another host was asked for, or that a restart found. */
  async #obeyStop(id: string, state: ControlState): Promise<void> {
    const report = await this.#stopHere(id);
    // A host without the link to the device has nothing to say about it.
    if (report?.confirmed === true) await this.#confirm(id, state, report);
  }

  #changed(device: string): void {
    for (const callback of [...this.#onChange]) callback(device);
  }

  #look(id: string): void {
    if (this.#closed || !this.#devices.has(id)) return;
    const failed = (error: unknown): void =>
      this.#log('error', 'what people want of a device could not be read', { device: id, error });
    Promise.all([this.#read(id), this.#leases.refresh()]).catch(failed);
  }

  #poll(): void {
    const { pollEvery_ms, clock } = this.#options;
    if (pollEvery_ms === undefined || this.#closed) return;
    this.#timer = clock.after(pollEvery_ms, () => {
      for (const id of this.#devices.keys()) this.#look(id);
      this.#poll();
    });
  }

  #log(level: 'info' | 'warn' | 'error', message: string, fields: object): void {
    this.#options.onLog?.(level, message, fields);
  }
}

const RESUME_FIRST =
  'The device was stopped: resume it first (POST /v1/devices/{id}/resume), then it is ready.';
const MAINTENANCE_FIRST =
  'Something runs on the device: put it into maintenance, wait until that has ended, then take it offline.';

async function readRow(
  { devices }: Pick<Repositories, 'devices'>,
  id: string,
): Promise<{ state: ControlState; revision: number }> {
  const row = await devices.find(id);
  return row === null
    ? { state: untouched, revision: 0 }
    : { state: controlOf(row.control), revision: row.revision };
}

async function isWorking({ jobs, calibrations }: Repositories, device: string): Promise<boolean> {
  const running = { device, state: 'running' as const, limit: 1 };
  return (await jobs.list(running)).length + (await calibrations.list(running)).length > 0;
}
