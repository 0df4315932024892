// The running service: store, device, runner, HTTP and metrics put together from a configuration, and taken apart again
// in the right order. Used by `thermoloop serve`, and by programs that hold the service in their own process.
import { randomBytes } from 'node:crypto';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { pino, type Logger } from 'pino';
import { calibrationProcedures } from '../../calibration/index.ts';
import { keyIdOf } from '../../certificate/index.ts';
import { sleep, systemClock, type Clock } from '../../clock/clock.ts';
import { Device } from '../../device/index.ts';
import { createJobRunner } from '../../jobs/index.ts';
import { createMonitoring, listenForScrapes } from '../../monitoring/index.ts';
import { createService, ensureBootstrapKey, feedMonitoring, readingOf } from '../../service/index.ts';
import { openCertificateKeys, openStore, type Store } from '../../store/index.ts';
import { watchForReturn, type Port } from '../../transports/index.ts';
import { Participant } from '../lock-step/participant.ts';
import type { ServeConfig } from './config.ts';
import { devicePorts } from './device-port.ts';
import { TwinWatch } from './twin-watch.ts';

/** How long a start waits for the first answer of the device; the service then starts with the device offline. */
const FIRST_ANSWER_MS = 10_000;

export interface RunningService {
  url: string;
  metricsUrl: string;
  /** The secret of the first key, when it was not written to a file; show it once, never log it. */
  bootstrapKey: string | null;
  log: Logger;
  close(): Promise<void>;
}

export interface ServerOptions {
  version: string;
  /** Instead of the port of config.device: a twin in this process. */
  openPort?: () => Port;
  /** The device's time, where it is not the machine's: a virtual one that the twin keeps too. */
  deviceClock?: Clock;
  /** Where log lines go; standard error unless told. */
  logTo?: { write(line: string): void };
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

/** Starts everything; what was started is closed again when a later part fails. */
export async function startServer(config: ServeConfig, options: ServerOptions): Promise<RunningService> {
  // Keys, waiting requests and timestamps are of the machine's time whatever time the device keeps.
  const clock = systemClock;
  const log = makeLog(config, options);
  const closers: (() => Promise<void> | void)[] = [];
  const close = async (): Promise<void> => {
    for (const end of closers.splice(0).reverse()) await end();
  };
  const onLog = (
    level: 'info' | 'warn' | 'error',
    message: string,
    { error, ...fields }: { error?: unknown },
  ): void => log[level]({ ...fields, ...(error !== undefined && { err: error }) }, message);
  try {
    const tls = readTls(config);
    const store = await openStore({ dataDir: config.dataDir, clock });
    closers.push(() => store.close());
    const certificateKeys = await openCertificateKeys({
      dataDir: config.dataDir,
      wall_ms: clock.wall_ms(),
      idOf: keyIdOf,
    });
    const twin = await watchTwin(config, onLog);
    if (twin !== null) closers.push(() => twin.close());
    const lockStep = await joinClock(config, onLog);
    if (lockStep !== null) closers.push(() => lockStep.close());
    const deviceClock = lockStep?.clock ?? options.deviceClock ?? systemClock;
    const device = new Device({
      id: config.deviceId,
      url: config.device,
      openPort: devicePorts({
        url: config.device,
        deviceId: config.deviceId,
        captureDir: config.captureDir,
        openPort: options.openPort,
        clock: deviceClock,
        ...(lockStep !== null && { lineClock: clock, around: (port) => lockStep.counted(port) }),
        log: onLog,
      }),
      watchForReturn: (callback) => watchForReturn(config.device, callback),
      clock: deviceClock,
      random32: () => randomBytes(4).readUInt32LE(),
      ...(config.expectBackend !== null && { expectBackend: config.expectBackend }),
      ...(twin !== null && { injectedFaults: twin }),
      hostVersion: options.version,
      telemetryPeriod_ms: config.telemetryPeriod_ms,
      onLog,
    });
    closers.push(() => device.close());
    device.start();
    await firstAnswer(device, config);
    const devices = new Map([[device.id, device]]);
    const runner = createJobRunner<Device>({
      store,
      devices,
      clock,
      deviceClock,
      procedures: calibrationProcedures,
      onLog,
    });
    closers.push(() => runner.close());
    let wsClients = (): number => 0;
    const monitoring = createMonitoring({
      version: options.version,
      node: process.versions.node,
      devices: () => [readingOf(device, config.expectBackend)],
      jobsByState: () => store.jobs.countByState(),
      wsClients: () => wsClients(),
    });
    feedMonitoring({
      runner,
      store,
      monitoring,
      onError: (error) => log.warn({ err: error }, 'the heat of a job could not be counted'),
    });
    const app = await createService({
      store,
      runner,
      devices,
      clock,
      deviceClock,
      randomBytes: (count) => randomBytes(count),
      certificateKeys,
      version: options.version,
      expectBackend: config.expectBackend,
      logger: log,
      rateLimitPerMinute: config.rateLimitPerMinute,
      tls,
      onRequest: (...request) => monitoring.httpRequest(...request),
      onSlowClient: () => monitoring.slowClientClosed(),
    });
    closers.push(() => app.close());
    wsClients = () => app.liveClients();
    const bootstrapKey = await bootstrap(store, config);
    await runner.start();
    await app.listen({ host: config.host, port: config.port });
    const metrics = await listenForScrapes(monitoring, {
      host: config.metricsHost,
      port: config.metricsPort,
    });
    closers.push(() => metrics.close());
    const { port } = app.server.address() as AddressInfo;
    const url = `${tls === undefined ? 'http' : 'https'}://${hostInUrl(config.host)}:${port}`;
    return { url, metricsUrl: metrics.url, bootstrapKey, log, close };
  } catch (error) {
    await close();
    throw addressInUse(error, config);
  }
}

/** @throws {ControlClientError} what answers there is no twin's control channel */
async function watchTwin(
  { twinControl }: ServeConfig,
  onLog: (level: 'info' | 'warn', message: string, fields: object) => void,
): Promise<TwinWatch | null> {
  if (twinControl === null) return null;
  const watch = new TwinWatch({ address: twinControl, clock: systemClock, onLog });
  await watch.start();
  return watch;
}

/** @throws {ControlClientError} */
async function joinClock(
  { clock }: ServeConfig,
  log: (level: 'info' | 'warn', message: string, fields: object) => void,
): Promise<Participant | null> {
  if (clock === null) return null;
  return Participant.join(clock, { name: `thermoloop serve (process ${process.pid})`, log });
}

/** Waits for the first outcome of connecting. @throws {WrongBackendError} */
async function firstAnswer(device: Device, config: ServeConfig): Promise<void> {
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
    `${config.device} is refused: ${device.reason.message}`,
    config.twinControl === null
      ? `THERMOLOOP_EXPECT_BACKEND=${config.expectBackend}: name another device, or change the demand.`
      : 'Only a twin has a control channel: leave THERMOLOOP_TWIN_CONTROL out, or name the device of the twin.',
  );
}

/** Returns the key to show, or null when it went to the file or is not needed. */
async function bootstrap(store: Store, { bootstrapKeyFile }: ServeConfig): Promise<string | null> {
  const token = await ensureBootstrapKey(store, systemClock.wall_ms(), (count) => randomBytes(count));
  if (token === null || bootstrapKeyFile === null) return token;
  writeFileSync(bootstrapKeyFile, `${token}\n`, { mode: 0o600 });
  chmodSync(bootstrapKeyFile, 0o600); // the mode above counts only for a file that was not there
  return null;
}

function makeLog(config: ServeConfig, options: ServerOptions): Logger {
  const paths = ['authorization', 'cookie', 'key', 'token', 'secret'].flatMap((name) => [
    name,
    `*.${name}`,
    `req.headers.${name}`,
    `headers.${name}`,
  ]);
  return pino(
    { level: config.logLevel, redact: { paths, censor: '[redacted]' }, base: { service: 'thermoloop' } },
    options.logTo ?? pino.destination({ dest: 2, sync: true }),
  );
}

function readTls({ tlsCert, tlsKey }: ServeConfig): { cert: Buffer; key: Buffer } | undefined {
  if (tlsCert === null || tlsKey === null) return undefined;
  return { cert: readFileSync(tlsCert), key: readFileSync(tlsKey) };
}

function hostInUrl(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

function addressInUse(error: unknown, config: ServeConfig): unknown {
  const { code, port } = error as { code?: string; port?: number };
  if (code !== 'EADDRINUSE') return error;
  const flag = port === config.metricsPort ? '--metrics-port' : '--port';
  return Object.assign(new Error(`port ${port} is taken`, { cause: error }), {
    code,
    remedy: `Stop the program that uses it, or choose another one with ${flag} (0 takes a free one).`,
  });
}
