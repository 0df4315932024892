// The devices of a service: each with its line, and with what is known of a twin behind it.
import { randomBytes } from 'node:crypto';
import { sleep, systemClock, type Clock } from '../../clock/clock.ts';
import { SharedDevice } from '../../device/index.ts';
import type { Driving, LeaseKeeper } from '../../jobs/index.ts';
import type { LineRecorder, TwinChannel } from '../../service/index.ts';
import { watchForReturn, type Port } from '../../transports/index.ts';
import type { DeviceConfig } from './config.ts';
import { devicePorts } from './device-port.ts';
import { TwinWatch } from './twin-watch.ts';

/** How long a start waits for the first answer of each device; the service then starts with the device offline. */
const FIRST_ANSWER_MS = 10_000;

export type OnLog = (level: 'info' | 'warn' | 'error', message: string, fields: object) => void;

export interface DeviceParts {
  hostVersion: string;
  /** The device's time, and what its link goes by. */
  clock: Clock;
  /** What opening and planted delays of the line go by. */
  lineClock: Clock;
  /** Put around the line itself, within any recorder. */
  around?: (port: Port) => Port;
  /** Instead of the port of the address. */
  openPort?: () => Port;
  onLog: OnLog;
  /** Gets the flight recorder of each line; absent: lines are not kept in memory. */
  recorders?: Map<string, LineRecorder>;
  /** Keeps the lease of a device. */
  keeperOf(device: string): LeaseKeeper;
  /** Connects a device while its lease is held. */
  drivingOf(device: SharedDevice, keeper: LeaseKeeper): Pick<Driving<object>, 'start' | 'close'>;
  /** Gets the control channel of each twin that has one. */
  twins?: Map<string, TwinChannel>;
  /** Called with each device before it connects. */
  beforeStart?(device: SharedDevice): Promise<void>;
  /** Called with what ends each part, as soon as it runs. */
  onStarted(end: () => Promise<void> | void): void;
}

/** The device is not what THERMOLOOP_EXPECT_BACKEND demands. */
export class WrongBackendError extends Error {
  override readonly name = 'WrongBackendError';
  readonly code = 'wrong-backend';
  readonly retryable = false;
  readonly remedy: string;
  /** So that a supervisor can tell it from a crash. */
  readonly exitCode = 3;
  constructor(message: string, remedy: string) {
    super(message);
    this.remedy = remedy;
  }
}

/**
 * Starts the devices, and waits until each has answered or is known to be away.
 * @throws {ControlClientError} what answers as the control channel of a twin is none
 * @throws {WrongBackendError}
 * @throws {StoreError} conflict: a device of this name belongs to another host
 */
export async function startDevices(
  configs: readonly DeviceConfig[],
  parts: DeviceParts,
): Promise<{ devices: Map<string, SharedDevice>; leases: Map<string, LeaseKeeper> }> {
  const devices = new Map<string, SharedDevice>();
  const leases = new Map<string, LeaseKeeper>();
  for (const config of configs) {
    const keeper = parts.keeperOf(config.id);
    const device = await makeDevice(config, keeper, parts);
    const driving = parts.drivingOf(device, keeper);
    parts.onStarted(() => driving.close());
    parts.onStarted(() => device.close());
    await parts.beforeStart?.(device);
    await driving.start();
    device.start();
    devices.set(device.id, device);
    leases.set(device.id, keeper);
  }
  await Promise.all(configs.map((config) => firstAnswer(devices.get(config.id), config)));
  return { devices, leases };
}

async function makeDevice(
  config: DeviceConfig,
  lease: LeaseKeeper,
  parts: DeviceParts,
): Promise<SharedDevice> {
  const { clock, lineClock, around, openPort, onLog } = parts;
  const twin = await watchTwin(config, parts);
  if (twin !== null) parts.twins?.set(config.id, twin);
  const ports = devicePorts({
    url: config.url,
    deviceId: config.id,
    captureDir: config.captureDir,
    recorder: parts.recorders !== undefined,
    clock,
    lineClock,
    around,
    openPort,
    log: onLog,
  });
  parts.recorders?.set(config.id, ports.recorder);
  return new SharedDevice({
    id: config.id,
    lease,
    url: config.url,
    openPort: ports.open,
    watchForReturn: (callback) => watchForReturn(config.url, callback),
    clock,
    random32: () => randomBytes(4).readUInt32LE(),
    ...(config.expectBackend !== null && { expectBackend: config.expectBackend }),
    ...(twin !== null && { injectedFaults: twin }),
    hostVersion: parts.hostVersion,
    telemetryPeriod_ms: config.telemetryPeriod_ms,
    onLog,
  });
}

async function watchTwin({ twinControl }: DeviceConfig, parts: DeviceParts): Promise<TwinWatch | null> {
  if (twinControl === null) return null;
  const watch = new TwinWatch({ address: twinControl, clock: systemClock, onLog: parts.onLog });
  await watch.start();
  parts.onStarted(() => watch.close());
  return watch;
}

/** Waits for the first outcome of connecting. @throws {WrongBackendError} */
async function firstAnswer(device: SharedDevice | undefined, config: DeviceConfig): Promise<void> {
  if (device === undefined) return;
  const giveUp = new AbortController();
  await new Promise<void>((resolve) => {
    const look = (): void => {
      if (device.state === 'connecting') return;
      stop();
      giveUp.abort();
      resolve();
    };
    const stop = device.onChange(look);
    sleep(systemClock, FIRST_ANSWER_MS, giveUp.signal).then(resolve, resolve);
    look();
  });
  if (device.reason?.code !== 'wrong-backend') return;
  throw new WrongBackendError(
    `${config.url} is refused: ${device.reason.message}`,
    config.twinControl === null
      ? `THERMOLOOP_EXPECT_BACKEND=${config.expectBackend}: name another device, or change the demand.`
      : 'Only a twin has a control channel: leave THERMOLOOP_TWIN_CONTROL out, or name the device of the twin.',
  );
}
