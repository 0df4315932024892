// For tests: the real service over the real store and runner in a new folder, with a fake device, and a key of every role.
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { keyIdOf } from '../../src/certificate/index.ts';
import { systemClock } from '../../src/clock/clock.ts';
import {
  TelemetryHistory,
  type StopReport,
  type DeviceFault,
  type DeviceFaultName,
  type DeviceCounters,
  type TelemetryStatus,
  type TelemetryValues,
} from '../../src/device/index.ts';
import { DeviceCounting } from '../../src/device/counters.ts';
import { newLinkCounters } from '../../src/link/session/counters.ts';
import { FakeDevice } from '../fakes/relax-device.ts';
import {
  DeviceControls,
  createJobRunner,
  type ControlledDevice,
  type CalibrationProcedure,
  type JobRunner,
  type RelaxDevice,
} from '../../src/jobs/index.ts';
import {
  NO_KEY_LIMITS,
  openCertificateKeys,
  openStore,
  type KeyLimits,
  type Store,
  type StorePlace,
} from '../../src/store/index.ts';
import { createService } from '../../src/service/app.ts';
import { Captures, type FrozenLine, type LineRecorder } from '../../src/service/captures/captures.ts';
import { mintKey } from '../../src/service/auth/keys.ts';
import { roles, type Role } from '../../src/service/auth/matrix.ts';
import type { TwinChannel } from '../../src/service/twins/channel.ts';
import type { ServiceDevice, ServiceOptions } from '../../src/service/context.ts';

/** A control channel that plants what it is told, and refuses the component `wrong`. */
export class FakeChannel implements TwinChannel {
  faults: { id: string; component: string; type: string }[] = [];
  isAway = false;
  /** Instead of any answer. */
  nonsense: unknown;
  #planted = 0;
  async call(
    method: string,
    params: { id?: string; component?: string; type?: string } = {},
  ): Promise<unknown> {
    const refuse = (code: string, reason: string | null): Error =>
      Object.assign(new Error(`no: ${reason}`), { code, reason, remedy: 'Do otherwise.', retryable: false });
    if (this.isAway) throw refuse('control-unreachable', null);
    if (this.nonsense !== undefined) return this.nonsense;
    const { id, component = '', type = '' } = params;
    const times = { plantedAt_s: 0, startsAt_s: 0, endsAt_s: null, inForce: true };
    switch (method) {
      case 'twin.describe':
        return { uid: 'cafe', units: 8, profile: { name: 'ideal', digest: 'sha256:00' }, speed: 1 };
      case 'profile.get':
        return { digest: 'sha256:00', profile: { version: 1 } };
      case 'faults.list':
        return { deviceTime_s: 5, faults: this.faults.map((fault) => ({ ...fault, ...times })) };
      case 'faults.inject':
        if (component === 'wrong') throw refuse('control-refused', 'invalid-fault');
        this.faults.push({ id: `fault-${(this.#planted += 1)}`, component, type });
        return { fault: { ...this.faults.at(-1), ...times } };
      case 'faults.clear':
        if (!this.faults.some((fault) => fault.id === id)) throw refuse('control-refused', 'unknown-fault');
        this.faults = this.faults.filter((fault) => fault.id !== id);
        return { cleared: 1 };
      default:
        this.faults = [];
        return { cleared: 0 };
    }
  }
}

/** A fake device with what the API shows beside what the runner uses. */
export class ApiDevice extends FakeDevice implements ServiceDevice, ControlledDevice {
  readonly url = 'tcp://127.0.0.1:7700';
  readonly clock = { kind: 'system' } as const;
  revision = 0;
  override identity: NonNullable<ServiceDevice['identity']> | null = {
    uid: 'cafe',
    firmware: '0.1',
    firmwareGit: '00ff',
    schemaHash: '1cc9d8e7',
    bootId: '1',
  };
  faults: DeviceFault[] = [];
  /** What clearFault rejects with. */
  refuseClear: Error | null = null;
  readonly history = new TelemetryHistory();
  telemetryStatus: TelemetryStatus = {
    latest: null,
    reason: { code: 'no-sensors', message: 'it has none', remedy: 'none' },
    period_s: null,
    maxAge_s: 10,
    readings: 0,
  };
  readonly #onReading = new Set<() => void>();
  override get telemetry(): ServiceDevice['telemetry'] & NonNullable<RelaxDevice['telemetry']> {
    return {
      status: this.telemetryStatus,
      readNow: async () => this.telemetryStatus.latest,
      series: (query) => this.history.series(query),
      onReading: (callback) => {
        this.#onReading.add(callback);
        return () => this.#onReading.delete(callback);
      },
    };
  }
  /** Its sensors say this now. */
  reads(values: TelemetryValues): void {
    const { readings } = this.telemetryStatus;
    const latest = { at_ms: Date.now(), uptime_s: 1, age_s: 0, values };
    this.telemetryStatus = { latest, reason: null, period_s: 1, maxAge_s: 10, readings: readings + 1 };
    for (const callback of this.#onReading) callback();
  }
  /** A link with three damaged frames. */
  counters(): DeviceCounters {
    const link = { ...newLinkCounters(), rxCorrupt: { crc: 2, cobs: 1 } };
    return { ...new DeviceCounting().read(link), connects: 1 };
  }
  /** The line as it is frozen; null: nothing is kept of it. */
  line: { facts: FrozenLine['facts']; bytes: Uint8Array } | null = {
    facts: { opened_wall_ms: 1_000, dropped_bytes: 0 },
    bytes: Buffer.from('a capture'),
  };
  readonly recorder: LineRecorder = {
    freeze: () =>
      this.line && {
        facts: this.line.facts,
        encode: () => Promise.resolve(this.line?.bytes ?? new Uint8Array(0)),
      },
  };
  /** The control channel of the twin. */
  readonly channel = new FakeChannel();
  /** What stop() reports. */
  stopReport: StopReport = { confirmed: true, endedOperation: false, duration_s: 0.001, reason: null };
  stops = 0;
  isStopped = false;
  async stop(): Promise<StopReport> {
    this.stops += 1;
    this.isStopped = true;
    return this.stopReport;
  }
  resume(): void {
    this.isStopped = false;
  }
  async takeOffline(_by: string, reason: NonNullable<ServiceDevice['reason']>): Promise<void> {
    this.reason = reason;
    this.become('offline');
  }
  bringOnline(): void {
    if (this.reason?.code !== 'taken-offline') return;
    this.reason = null;
    this.become('ready');
  }
  async clearFault(name: DeviceFaultName): Promise<void> {
    if (this.refuseClear !== null) throw this.refuseClear;
    this.faults = this.faults.filter((fault) => fault.name !== name);
  }
  override become(state: ServiceDevice['state']): void {
    this.revision += 1;
    super.become(state);
  }
}

/** Answers at once with fixed values. */
const noiseTemperature: CalibrationProcedure<ApiDevice> = {
  check: () => undefined,
  run: async (_device, _options, control) => {
    control.onProgress({ done: 1, total: 1 });
    return {
      values: { noiseTemperature_ratio: 1.01 },
      stderr: { noiseTemperature_ratio: 0.002 },
      device: {
        uid: 'cafe',
        backend: 'twin',
        bootId: '1',
        firmware: '0.1',
        schemaHash: '1cc9d8e7',
        clock: { kind: 'system' },
      },
    };
  },
};

type App = Awaited<ReturnType<typeof createService>>;
type Response = Awaited<ReturnType<App['inject']>>;

export interface TestService {
  app: App;
  store: Store;
  runner: JobRunner;
  controls: DeviceControls;
  captures: Captures;
  device: ApiDevice;
  /** Authorization headers by role. */
  as: Record<Role, { authorization: string }>;
  /** A new key; returns its headers and id. */
  addKey(
    role: Role,
    extraScopes?: string[],
    expiresAt_ms?: number,
    limits?: Partial<KeyLimits>,
  ): Promise<{ id: string; headers: { authorization: string } }>;
  /** Injects a request of a role, JSON bodies as objects. */
  call(method: string, url: string, options?: CallOptions): Promise<Response>;
  /** Uploads a pair model; returns its digest. */
  uploadPair(coupling?: number): Promise<string>;
  close(): Promise<void>;
}

export interface CallOptions {
  role?: Role;
  /** Instead of a role. */
  headers?: Record<string, string>;
  body?: object | string;
}

/** @param place a store that is there and stays; a new folder unless told */
export async function startTestService(
  options: Partial<ServiceOptions> = {},
  place?: StorePlace,
): Promise<TestService> {
  const dataDir = place?.dataDir ?? mkdtempSync(join(tmpdir(), 'thermoloop-service-'));
  const clock = systemClock;
  const store = await openStore({ ...place, dataDir, clock });
  const device = new ApiDevice('chip-0');
  const devices = new Map([[device.id, device]]);
  const procedures = { 'noise-temperature': noiseTemperature };
  const controls = new DeviceControls({ store, clock, host: null });
  await controls.add(device);
  await controls.start();
  const captures = new Captures({
    store,
    recorders: new Map([[device.id, device.recorder]]),
    ofFailedJobs: true,
  });
  const runner = createJobRunner({
    store,
    devices,
    clock,
    procedures,
    controls,
    freeze: (...of) => captures.ofFailedJob(...of),
  });
  const app = await createService({
    store,
    runner,
    devices,
    controls,
    captures,
    twins: new Map([[device.id, device.channel]]),
    clock,
    randomBytes,
    certificateKeys: await openCertificateKeys({ dataDir, wall_ms: clock.wall_ms(), idOf: keyIdOf }),
    version: '0.0.0-test',
    ...options,
  });
  await runner.start();
  await app.ready();

  const addKey: TestService['addKey'] = async (role, extraScopes = [], expiresAt_ms, limits) => {
    const id = store.newId();
    const { token, secretSha256 } = mintKey(id, randomBytes);
    const scopes = [...roles[role], ...extraScopes];
    await store.keys.add({
      id,
      name: role,
      role,
      scopes,
      secretSha256,
      limits: { ...NO_KEY_LIMITS, ...limits },
      expiresAt_ms: expiresAt_ms ?? null,
    });
    return { id, headers: { authorization: `Bearer ${token}` } };
  };
  const as = {} as TestService['as'];
  for (const role of Object.keys(roles) as Role[]) as[role] = (await addKey(role)).headers;

  const call: TestService['call'] = (method, url, { role, headers = {}, body } = {}) =>
    app.inject({
      method: method as 'GET',
      url,
      headers: { ...(role !== undefined && as[role]), ...headers },
      payload: body,
    });
  return {
    app,
    store,
    runner,
    controls,
    captures,
    device,
    as,
    addKey,
    call,
    async uploadPair(coupling = 0.25) {
      const body = {
        couplings: [
          [0, coupling],
          [coupling, 0],
        ],
      };
      const response = await call('POST', '/v1/models', { role: 'researcher', body });
      return response.json<{ digest: string }>().digest;
    },
    async close() {
      await app.close();
      await runner.close();
      controls.close();
      await store.close();
      if (place === undefined) rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

/** A job body for a device of the test service. */
export function jobBody(model: string, change: object = {}): object {
  return { model, device: { id: 'chip-0' }, relax: { duration_s: 2.5e-6 }, samples: { count: 3 }, ...change };
}
