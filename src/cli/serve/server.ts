// The running service: store, devices, runner, HTTP and metrics put together from a configuration, and taken apart again
// in the right order. Used by `thermoloop serve`, and by programs that hold the service in their own process.
import { randomBytes } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import type { Logger } from 'pino';
import { calibrationProcedures } from '../../calibration/index.ts';
import { keyIdOf } from '../../certificate/index.ts';
import { systemClock, type Clock } from '../../clock/clock.ts';
import type { SharedDevice } from '../../device/index.ts';
import { createJobRunner, DeviceControls } from '../../jobs/index.ts';
import { createMonitoring, listenForScrapes } from '../../monitoring/index.ts';
import {
  Captures,
  createService,
  deliverWebhooks,
  feedMonitoring,
  readingOf,
  scrapeGuard,
  WebhookTargets,
  type LineRecorder,
  type TwinChannel,
} from '../../service/index.ts';
import { openCertificateKeys, openStore } from '../../store/index.ts';
import type { Port } from '../../transports/index.ts';
import { keepHouse } from './housekeeping.ts';
import { Participant } from '../lock-step/participant.ts';
import { isLoopback, type ServeConfig } from './config.ts';
import { startDevices, type OnLog } from './devices.ts';
import { hostId, makeDriving, makeKeeper } from './host.ts';
import { addressInUse, bootstrap, hostInUrl, makeLog, readTls } from './start-up.ts';

/** What other hosts were asked of a device is read so often, should a notification have been lost. */
const LOOK_EVERY_MS = 2_000;

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
  /** Instead of the port of the one device that there is: a twin in this process. */
  openPort?: () => Port;
  /** The device's time, where it is not the machine's: a virtual one that the twin keeps too. */
  deviceClock?: Clock;
  /** Where log lines go; standard error unless told. */
  logTo?: { write(line: string): void };
}

/** Starts everything; what was started is closed again when a later part fails. */
export async function startServer(config: ServeConfig, options: ServerOptions): Promise<RunningService> {
  // Keys, waiting requests and timestamps are of the machine's time whatever time the device keeps.
  const clock = systemClock;
  const log = makeLog(config, options.logTo);
  const closers: (() => Promise<void> | void)[] = [];
  const close = async (): Promise<void> => {
    for (const end of closers.splice(0).reverse()) await end();
  };
  const onLog: OnLog = (level, message, { error, ...fields }: { error?: unknown }) =>
    log[level]({ ...fields, ...(error !== undefined && { err: error }) }, message);
  try {
    const tls = readTls(config);
    const store = await openStore({
      dataDir: config.dataDir,
      clock,
      ...(config.database !== null && { database: config.database }),
      ...(config.blobs !== null && { blobs: config.blobs }),
    });
    closers.push(() => store.close());
    const certificateKeys = await openCertificateKeys({
      dataDir: config.dataDir,
      wall_ms: clock.wall_ms(),
      idOf: keyIdOf,
    });
    const lockStep = await joinClock(config, onLog);
    if (lockStep !== null) closers.push(() => lockStep.close());
    const deviceClock = lockStep?.clock ?? options.deviceClock ?? systemClock;
    const holder = hostId(config);
    const leasing = { config, holder, store, onLog };
    const controls = new DeviceControls({
      store,
      clock,
      host: holder,
      hearChanges: (callback) => store.onChange(callback),
      ...(config.database !== null && { pollEvery_ms: LOOK_EVERY_MS }),
      onLog,
    });
    closers.push(() => controls.close());
    const recorders = new Map<string, LineRecorder>();
    const twins = new Map<string, TwinChannel>();
    const captures = new Captures({ store, recorders, ofFailedJobs: config.captures === 'failed', onLog });
    const { devices, leases } = await startDevices(config.devices, {
      ...(config.captures !== 'off' && { recorders }),
      keeperOf: (device) => makeKeeper(device, leasing),
      drivingOf: (device, keeper) => makeDriving(device, keeper, leasing),
      twins,
      beforeStart: (device) => controls.add(device),
      hostVersion: options.version,
      clock: deviceClock,
      lineClock: lockStep === null ? deviceClock : clock,
      ...(lockStep !== null && { around: (port) => lockStep.counted(port) }),
      ...(options.openPort !== undefined && { openPort: options.openPort }),
      onLog,
      onStarted: (end) => closers.push(end),
    });
    const runner = createJobRunner<SharedDevice>({
      store,
      devices,
      leases,
      ...(config.database !== null && {
        hearChanges: store.onChange.bind(store),
        lookEvery_ms: LOOK_EVERY_MS,
      }),
      stopGrace_ms: config.stopGrace_ms,
      pacing: config.pacing,
      clock,
      deviceClock,
      procedures: calibrationProcedures,
      controls,
      sentinels: config.sentinels,
      freeze: (...of) => captures.ofFailedJob(...of),
      onLog,
    });
    closers.push(() => runner.close());
    const housekeeping = keepHouse({ store, policy: config.retention, clock, onLog });
    closers.push(() => housekeeping.close());
    let wsClients = (): number => 0;
    const monitoring = createMonitoring({
      version: options.version,
      node: process.versions.node,
      devices: () =>
        config.devices.flatMap(({ id, expectBackend }) => {
          const device = devices.get(id);
          return device === undefined ? [] : [readingOf(device, expectBackend)];
        }),
      jobsByState: () => store.jobs.countByState(),
      wsClients: () => wsClients(),
      staleWritesRefused: () => runner.counters().staleRefused,
    });
    feedMonitoring({
      runner,
      store,
      monitoring,
      onError: (error) => log.warn({ err: error }, 'the heat of a job could not be counted'),
    });
    const webhookTargets = new WebhookTargets({ allow: config.webhookAllow });
    const webhooks = deliverWebhooks({ store, targets: webhookTargets, clock, onLog });
    closers.push(() => webhooks.close());
    const app = await createService({
      webhookTargets,
      store,
      runner,
      devices,
      controls,
      captures,
      twins,
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
    await controls.start();
    await runner.start();
    await app.listen({ host: config.host, port: config.port });
    const metrics = await listenForScrapes(monitoring, {
      host: config.metricsHost,
      port: config.metricsPort,
      // Whoever can reach it from another machine shows a key, over TLS where the service has it.
      ...(!isLoopback(config.metricsHost) && { tls, guard: scrapeGuard({ store, clock }) }),
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

/** @throws {ControlClientError} */
async function joinClock(
  { clock }: ServeConfig,
  log: (level: 'info' | 'warn', message: string, fields: object) => void,
): Promise<Participant | null> {
  if (clock === null) return null;
  return Participant.join(clock, { name: `thermoloop serve (process ${process.pid})`, log });
}
