// The whole product in this process on one virtual clock: service, link, firmware and chip, joined by memory ports.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadProfile } from '../../firmware-sim/chip/index.ts';
import { attachMemory, createTwin } from '../../firmware-sim/ports/index.ts';
import { serveConfig } from '../../src/cli/serve/config.ts';
import { startServer } from '../../src/cli/serve/server.ts';
import { ThermoloopClient } from '../../src/client/index.ts';
import { VirtualClock } from '../../src/clock/virtual-clock.ts';
import { VirtualTime } from '../../src/clock/virtual-time.ts';
import { createMemoryPair, type Port } from '../../src/transports/index.ts';
import { scratch } from './processes.ts';

export interface VirtualService {
  readonly clock: VirtualClock;
  /** With an operator's key. */
  readonly client: ThermoloopClient;
  readonly metricsUrl: string;
  /** Log lines of the service with the virtual time at which they were written. */
  readonly log: { at_ms: number; line: string }[];
  /** What was written into the ports of both ends. */
  readonly traffic: { bytes: number; writes: number };
  /** Cuts the line without telling either end: what is written from now on is lost, and so is that a port closed. */
  freezeLine(): void;
  /**
   * Resolves at this virtual time, with the clock held: what is done now takes none of it. The result lets time go on.
   * The next one has to be asked for before that.
   */
  at(time_s: number): Promise<() => void>;
  close(): Promise<void>;
}

/** Starts with the clock at 0 and lets it run, as fast as the work allows, once the device is being connected. */
export async function startVirtualService(options: {
  units: number;
  seed: bigint;
  profile: string;
  /** The first time that `at` is asked for. */
  first_s: number;
  /** Sees what is written into the ports, also by ends whose line is frozen; the device connects before this resolves. */
  tap?: (from: 'host' | 'device', bytes: Uint8Array, line: { now_ms: number; freeze(): void }) => void;
}): Promise<VirtualService & { first: Promise<() => void> }> {
  const clock = new VirtualClock({ speed: 'max' });
  const time = new VirtualTime(clock, { speed: 'max' });
  const starting = clock.hold();
  const folder = scratch();
  const log: VirtualService['log'] = [];
  const traffic = { bytes: 0, writes: 0 };
  let frozen = false;
  const freezeLine = (): void => {
    frozen = true;
  };
  const tapped = (port: Port, from: 'host' | 'device'): Port => {
    const write = port.write.bind(port);
    port.write = (bytes) => {
      traffic.bytes += bytes.length;
      traffic.writes += 1;
      options.tap?.(from, bytes, { now_ms: clock.now_ms(), freeze: freezeLine });
      return frozen || write(bytes);
    };
    const onClosed = port.onClosed.bind(port);
    port.onClosed = (callback) =>
      onClosed((why) => {
        if (!frozen) callback(why);
      });
    return port;
  };
  const at = (time_s: number): Promise<() => void> =>
    new Promise((resolve) => {
      clock.after(time_s * 1000 - clock.now_ms(), () => resolve(clock.hold()));
    });
  const first = at(options.first_s);
  time.start();
  const twin = await createTwin({
    units: options.units,
    threads: 1,
    profile: await loadProfile(options.profile),
    seed: options.seed,
    firmwareVersion: '0.0.0',
    clock,
  });
  const keyFile = join(folder.path, 'bootstrap-key');
  const config = serveConfig({
    flags: { device: 'tcp://127.0.0.1:1', data: join(folder.path, 'data') },
    environment: {
      THERMOLOOP_PORT: '0',
      THERMOLOOP_METRICS_PORT: '0',
      THERMOLOOP_BOOTSTRAP_KEY_FILE: keyFile,
      THERMOLOOP_RATE_LIMIT: '100000',
      // Tests of drift ask for probes.
      THERMOLOOP_SENTINEL_SHARE: '0',
    },
    readFile: () => '{}',
  });
  const service = await startServer(config, {
    version: '0.0.0',
    logTo: { write: (line) => void log.push({ at_ms: clock.now_ms(), line }) },
    deviceClock: clock,
    openPort: () => {
      const [host, device] = createMemoryPair({ clock });
      attachMemory(twin.controller, tapped(device, 'device'));
      void device.open(new AbortController().signal);
      starting();
      return tapped(host, 'host');
    },
  });
  const bootstrap = new ThermoloopClient({ baseUrl: service.url, key: readFileSync(keyFile, 'utf8').trim() });
  const { key } = await bootstrap.json('POST', '/v1/keys', { name: 'test', role: 'operator' });
  return {
    clock,
    client: new ThermoloopClient({ baseUrl: service.url, key: String(key) }),
    metricsUrl: service.metricsUrl,
    log,
    traffic,
    freezeLine,
    at,
    first,
    close: async () => {
      await service.close();
      await twin.close();
      await time.stop();
      folder.close();
    },
  };
}
