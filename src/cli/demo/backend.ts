// What the demo talks to: a twin and a service, as two processes over a pty or TCP, or in this process over memory. All
// that differs between them stays in this file.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { attachMemory, createTwin } from '../../../firmware-sim/ports/index.ts';
import { ThermoloopClient } from '../../client/index.ts';
import { systemClock } from '../../clock/clock.ts';
import { createMemoryPair } from '../../transports/index.ts';
import { serveConfig } from '../serve/config.ts';
import { startServer } from '../serve/server.ts';
import { startChild } from './children.ts';

export const transports = ['pty', 'tcp', 'memory'] as const;
export type TransportName = (typeof transports)[number];

export interface BackendOptions {
  transport?: TransportName;
  /** A device that exists already; no twin is started. */
  device?: string;
  version: string;
  seed: number;
  threads: number;
  /** For the pty, the service's data and the bootstrap key; removed by the caller. */
  folder: string;
  signal: AbortSignal;
  /** Called with what ends each part, as soon as it runs. */
  onStarted(end: () => Promise<void>): void;
}

export interface Backend {
  url: string;
  key: string;
  deviceId: string;
  transport: string;
  description: string;
}

const DEVICE_ID = 'chip-0';
const UNITS = 784;

/** Starts what is needed, and makes a key for the demo from the service's bootstrap key. */
export async function startBackend(options: BackendOptions): Promise<Backend> {
  const transport =
    options.device !== undefined
      ? new URL(options.device).protocol.slice(0, -1)
      : chooseTransport(options.transport);
  const keyFile = join(options.folder, 'bootstrap-key');
  const service = await (transport === 'memory'
    ? inProcess(options, keyFile)
    : asProcesses(options, transport, keyFile));
  return { ...service, key: await demoKey(service.url, keyFile), deviceId: DEVICE_ID, transport };
}

function chooseTransport(asked?: TransportName): TransportName {
  if (asked !== undefined) return asked;
  return spawnSync('socat', ['-V']).status === 0 ? 'pty' : 'tcp';
}

async function asProcesses(
  options: BackendOptions,
  transport: string,
  keyFile: string,
): Promise<{ url: string; description: string }> {
  let device = options.device;
  if (device === undefined) {
    const where = transport === 'pty' ? ['--pty', join(options.folder, 'tty')] : ['--tcp', '127.0.0.1:0'];
    const twin = await startChild(
      'twin',
      [
        'twin',
        ...where,
        '--units',
        `${UNITS}`,
        '--seed',
        `${options.seed}`,
        '--threads',
        `${options.threads}`,
      ],
      {},
    );
    options.onStarted(twin.stop);
    device = String(twin.ready['url']);
  }
  const service = await startChild(
    'service',
    [
      'serve',
      '--device',
      device,
      '--device-id',
      DEVICE_ID,
      '--port',
      '0',
      '--metrics-port',
      '0',
      '--data',
      join(options.folder, 'data'),
    ],
    {
      THERMOLOOP_BOOTSTRAP_KEY_FILE: keyFile,
      ...(options.device === undefined ? { THERMOLOOP_EXPECT_BACKEND: 'twin' } : {}),
    },
  );
  options.onStarted(service.stop);
  return {
    url: String(service.ready['url']),
    description: `device ${device}, service ${String(service.ready['url'])}`,
  };
}

/** Twin and service in this process, joined by memory ports; a new pair for every connection, as a port opens once. */
async function inProcess(
  options: BackendOptions,
  keyFile: string,
): Promise<{ url: string; description: string }> {
  const twin = await createTwin({
    units: UNITS,
    threads: options.threads,
    noiseTemperatureError_ratio: 0,
    seed: BigInt(options.seed),
    firmwareVersion: options.version,
    clock: systemClock,
  });
  options.onStarted(() => twin.close());
  const environment = {
    // The address is for people; the port below is what is opened.
    THERMOLOOP_DEVICE: 'tcp://127.0.0.1:1',
    THERMOLOOP_DEVICE_ID: DEVICE_ID,
    THERMOLOOP_PORT: '0',
    THERMOLOOP_METRICS_PORT: '0',
    THERMOLOOP_DATA: join(options.folder, 'data'),
    THERMOLOOP_BOOTSTRAP_KEY_FILE: keyFile,
    THERMOLOOP_EXPECT_BACKEND: 'twin',
    THERMOLOOP_LOG_LEVEL: 'warn',
  };
  const config = serveConfig({ flags: {}, environment, readFile: () => '{}' });
  const service = await startServer(
    { ...config, devices: config.devices.map((device) => ({ ...device, url: 'memory:' })) },
    {
      version: options.version,
      openPort: () => {
        const [host, device] = createMemoryPair({ clock: systemClock });
        attachMemory(twin.controller, device);
        void device.open(new AbortController().signal);
        return host;
      },
    },
  );
  options.onStarted(() => service.close());
  return { url: service.url, description: `twin in this process, service ${service.url}` };
}

/** A key of our own: the bootstrap key can only create keys. */
async function demoKey(url: string, keyFile: string): Promise<string> {
  const bootstrap = readFileSync(keyFile, 'utf8').trim();
  const admin = new ThermoloopClient({ baseUrl: url, key: bootstrap });
  return (await admin.createKey({ name: 'demo', role: 'operator' })).key;
}
