// A service that knows its twin's control channel: planted faults show in the device, in results, and in what it refuses.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { until } from '../../../test/support/processes.ts';
import { IDEAL_PROFILE } from '../../../firmware-sim/chip/index.ts';
import { describeMethods, faultMethods, serveControl } from '../../../firmware-sim/control/index.ts';
import { FakeCore, LIMITS } from '../../../firmware-sim/firmware/board.test-support.ts';
import { createController, twinCapabilities } from '../../../firmware-sim/firmware/index.ts';
import { createTwin, serveTcp, type Twin } from '../../../firmware-sim/ports/index.ts';
import { ThermoloopClient } from '../../client/index.ts';
import { systemClock } from '../../clock/clock.ts';
import { emptyModel, encodeModelNpz } from '../../physics/index.ts';
import { serveConfig } from './config.ts';
import { startServer } from './server.ts';

const UNITS = 8;
const BUSY_S = 30;
let folder: string;
let ends: (() => Promise<unknown> | void)[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'thermoloop-control-'));
  ends = [];
});
afterEach(async () => {
  for (const end of ends.reverse()) await end();
  rmSync(folder, { recursive: true, force: true });
});

interface RunningTwin {
  twin: Twin;
  device: string;
  control: string;
  /** Takes the control channel away, and opens it again at the same address. */
  closeControl: () => Promise<void>;
  openControl: () => Promise<void>;
}

async function startTwin(seed: bigint): Promise<RunningTwin> {
  const twin = await createTwin({ units: UNITS, threads: 1, seed, firmwareVersion: '0', clock: systemClock });
  ends.push(() => twin.close());
  const port = await serveTcp(twin.controller, { host: '127.0.0.1', port: 0 });
  ends.push(() => port.close());
  const { uid, faults, profile } = twin;
  const facts = {
    uid,
    units: UNITS,
    profile: IDEAL_PROFILE,
    profileDigest: profile.digest,
    speed: () => 1,
    faultsActive: () => faults.views(),
  };
  const methods = { ...describeMethods(facts), ...faultMethods(faults) };
  const open = (on: number) => serveControl(methods, { host: '127.0.0.1', port: on });
  let channel = await open(0);
  ends.push(() => channel.close());
  return {
    twin,
    device: `tcp://127.0.0.1:${port.port}`,
    control: channel.address,
    closeControl: () => channel.close(),
    openControl: async () => void (channel = await open(Number(channel.address.split(':')[1]))),
  };
}

interface Api {
  client: ThermoloopClient;
  log: string[];
  device(): Promise<{
    faultsActive: boolean;
    state: string;
    reason: { code: string; remedy: string } | null;
  }>;
  /** Units' codes of 16 samples, and the provenance. */
  relax(): Promise<{ codes: number[]; faultsActive: boolean }>;
}

async function startService(device: string, twinControl: string): Promise<Api> {
  const keyFile = join(folder, 'key');
  const environment = {
    THERMOLOOP_DATA: join(folder, 'data'),
    THERMOLOOP_PORT: '0',
    THERMOLOOP_METRICS_PORT: '0',
    THERMOLOOP_BOOTSTRAP_KEY_FILE: keyFile,
  };
  const config = serveConfig({ flags: { device, twinControl }, environment, readFile: () => '{}' });
  const log: string[] = [];
  const service = await startServer(config, {
    version: '0',
    logTo: { write: (line) => void log.push(line) },
  });
  ends.push(() => service.close());
  const bootstrap = new ThermoloopClient({ baseUrl: service.url, key: readFileSync(keyFile, 'utf8').trim() });
  const { key } = await bootstrap.json('POST', '/v1/keys', { name: 'test', role: 'operator' });
  const client = new ThermoloopClient({ baseUrl: service.url, key: String(key) });
  return {
    client,
    log,
    device: () => client.json('GET', '/v1/devices/chip-0') as unknown as ReturnType<Api['device']>,
    relax: async () => {
      const model = await client.uploadModel(encodeModelNpz({ model: emptyModel(UNITS), metadata: {} }));
      const body = {
        model,
        device: { id: 'chip-0' },
        relax: { duration_s: 1e-6 },
        samples: { count: 16 },
        seed: 5,
      };
      const { id } = await client.json('POST', '/v1/jobs', body);
      let job = await client.json('GET', `/v1/jobs/${id}`);
      await until(
        async () => {
          job = await client.json('GET', `/v1/jobs/${id}`);
          return job.state !== 'queued' && job.state !== 'running';
        },
        BUSY_S,
        'the job ends',
      );
      const { x } = await client.json('GET', `/v1/jobs/${id}/samples`);
      const { provenance } = job.result as { provenance: { faultsActive: boolean } };
      return { codes: (x as number[][][]).flat(2), faultsActive: provenance.faultsActive };
    },
  };
}

const faultsBecome = (api: Api, active: boolean): Promise<number> =>
  until(async () => (await api.device()).faultsActive === active, BUSY_S, `faultsActive is ${active}`);

describe('serve --twin-control', () => {
  it('knows of planted faults, marks results, and refuses calibrations', async () => {
    const { twin, device, control } = await startTwin(1n);
    const api = await startService(device, control);
    expect(await api.device()).toMatchObject({ state: 'ready', faultsActive: false });
    const healthy = await api.relax();
    expect(healthy.faultsActive).toBe(false);

    twin.faults.inject({
      component: 'readout',
      type: 'stuck',
      target: { unit: 3 },
      magnitude: { value: 512, unit: 'codes' },
    });
    await faultsBecome(api, true);
    const failing = await api.relax();
    expect(failing.faultsActive).toBe(true);
    failing.codes.forEach((x, at) => expect(x).toBe(at % UNITS === 3 ? 0.5 : healthy.codes[at]));

    const calibration = { device: 'chip-0', kind: 'noise-temperature', options: { holds: 10 } };
    const refused = api.client.json('POST', '/v1/calibrations', calibration);
    await expect(refused).rejects.toMatchObject({ code: 'faults-active' });
    const forced = await api.client.json('POST', '/v1/calibrations', { ...calibration, force: true });
    let seen = forced;
    await until(
      async () => {
        seen = await api.client.json('GET', `/v1/calibrations/${forced.id}`);
        return seen.state === 'succeeded';
      },
      BUSY_S,
      'the forced calibration ends',
    );
    expect(seen.provenance).toMatchObject({ faultsActive: true });

    twin.faults.clearAll();
    await faultsBecome(api, false);
    expect(await api.relax()).toEqual(healthy);
  });

  it('plants and clears over the API, as a whole or not at all', async () => {
    const { twin, device, control } = await startTwin(1n);
    const api = await startService(device, control);
    const path = '/v1/twins/chip-0/faults' as '/v1/devices';
    const put = (...faults: object[]) => api.client.json('PUT', path, { faults });
    const magnitude = { value: 512, unit: 'codes' };
    await put({ component: 'readout', type: 'stuck', target: { unit: 3 }, magnitude });
    await faultsBecome(api, true);
    expect((await api.relax()).faultsActive).toBe(true);
    const refused = put({ component: 'link', type: 'drift' });
    await expect(refused).rejects.toMatchObject({ code: 'validation-failed' });
    expect(twin.faults.views()).toMatchObject([{ component: 'readout', target: { unit: 3 } }]);
    await put();
    await faultsBecome(api, false);
    expect(twin.faults.views()).toEqual([]);
  });

  it('counts what nobody can say as planted, and asks again', async () => {
    const { device, control, closeControl, openControl } = await startTwin(1n);
    const api = await startService(device, control);
    expect((await api.device()).faultsActive).toBe(false);
    await closeControl();
    await faultsBecome(api, true);
    await openControl();
    await faultsBecome(api, false);
    expect(api.log.join()).toContain('nobody can say whether faults are planted');
  });

  it('starts without the channel, as without the device, and says so', async () => {
    const { device, control, closeControl } = await startTwin(1n);
    await closeControl();
    const api = await startService(device, control);
    expect(await api.device()).toMatchObject({ state: 'ready', faultsActive: true });
    expect(api.log.join()).toContain('nothing answers at');
  });

  it('does not start with what is no control channel', async () => {
    const { device } = await startTwin(1n);
    await expect(startService(device, device.replace('tcp://', ''))).rejects.toMatchObject({
      code: 'not-a-control-channel',
      remedy: expect.stringContaining('the port of the device itself') as string,
    });
  });

  it('does not start with a chip', async () => {
    const { control } = await startTwin(1n);
    const chip = createController({
      core: new FakeCore(),
      clock: systemClock,
      random32: () => 7,
      drawSeed: () => 1n,
      identity: {
        uid: Uint8Array.of(7),
        firmwareVersion: '0',
        firmwareGit: new Uint8Array(0),
        simulated: false,
      },
      capabilities: twinCapabilities(5),
      limits: LIMITS,
    });
    ends.push(() => chip.close());
    const port = await serveTcp(chip, { host: '127.0.0.1', port: 0 });
    ends.push(() => port.close());
    await expect(startService(`tcp://127.0.0.1:${port.port}`, control)).rejects.toMatchObject({
      code: 'wrong-backend',
      remedy: expect.stringContaining('Only a twin has a control channel') as string,
    });
  });

  it('refuses a device that is another twin', async () => {
    const [one, other] = [await startTwin(1n), await startTwin(2n)];
    const api = await startService(one.device, other.control);
    expect(await api.device()).toMatchObject({
      state: 'refused',
      faultsActive: true,
      reason: { code: 'refused', remedy: expect.stringContaining('THERMOLOOP_TWIN_CONTROL') as string },
    });
  });
});
