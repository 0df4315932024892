// The real service with a real twin behind a memory port, all in this process, and keys for it: for tests of what talks to it.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { attachMemory, createTwin } from '../../firmware-sim/ports/index.ts';
import { serveConfig } from '../../src/cli/serve/config.ts';
import { startServer } from '../../src/cli/serve/server.ts';
import { ThermoloopClient, type KeyRequest } from '../../src/client/index.ts';
import { systemClock } from '../../src/clock/clock.ts';
import { createMemoryPair } from '../../src/transports/index.ts';

export interface RealService {
  url: string;
  /** Of an administrator, which may make others. */
  adminKey: string;
  /** With an operator's key; never sends a request twice, so that a test sees every refusal. */
  client: ThermoloopClient;
  /** That operator's key. */
  key: string;
  newKey(request: KeyRequest): Promise<string>;
  /** Log lines so far, unless they go to `logTo`. */
  log: string[];
  close(): Promise<void>;
}

/** The device is `chip-0`. */
export async function startRealService(
  options: {
    units?: number;
    seed?: bigint;
    env?: Record<string, string>;
    logTo?: (line: string) => void;
  } = {},
): Promise<RealService> {
  const { units = 16, seed = 7n, env = {}, logTo } = options;
  const folder = mkdtempSync(join(tmpdir(), 'thermoloop-real-'));
  const twin = await createTwin({
    units,
    threads: 1,
    noiseTemperatureError_ratio: 0,
    seed,
    firmwareVersion: '0.0.0',
    clock: systemClock,
  });
  const keyFile = join(folder, 'bootstrap-key');
  const environment = {
    // For people; the port below is what is opened.
    THERMOLOOP_DEVICE: 'tcp://127.0.0.1:1',
    THERMOLOOP_PORT: '0',
    THERMOLOOP_METRICS_PORT: '0',
    THERMOLOOP_DATA: join(folder, 'data'),
    THERMOLOOP_BOOTSTRAP_KEY_FILE: keyFile,
    THERMOLOOP_EXPECT_BACKEND: 'twin',
    THERMOLOOP_RATE_LIMIT: '100000',
    // Tests of drift ask for probes.
    THERMOLOOP_SENTINEL_SHARE: '0',
    ...env,
  };
  const log: string[] = [];
  const config = serveConfig({ flags: {}, environment, readFile: () => '{}' });
  const service = await startServer(
    { ...config, devices: config.devices.map((device) => ({ ...device, url: 'memory:' })) },
    {
      version: '0.0.0',
      logTo: { write: (line) => void (logTo === undefined ? log.push(line) : logTo(line)) },
      openPort: () => {
        const [host, device] = createMemoryPair({ clock: systemClock });
        attachMemory(twin.controller, device);
        void device.open(new AbortController().signal);
        return host;
      },
    },
  );
  const { url } = service;
  const bootstrap = new ThermoloopClient({ baseUrl: url, key: readFileSync(keyFile, 'utf8').trim() });
  const { key: adminKey } = await bootstrap.createKey({ name: 'admin', role: 'admin' });
  const admin = new ThermoloopClient({ baseUrl: url, key: adminKey });
  const newKey = async (request: KeyRequest): Promise<string> => (await admin.createKey(request)).key;
  const key = await newKey({ name: 'test', role: 'operator' });
  return {
    url,
    adminKey,
    key,
    newKey,
    log,
    client: new ThermoloopClient({ baseUrl: url, key, retry: { attempts: 1 } }),
    close: async () => {
      await service.close();
      await twin.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
