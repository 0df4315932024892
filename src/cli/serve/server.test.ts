// The whole service over TCP against a real twin: start, the loop over REST, a twin that goes away, and the end.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createTwin, serveTcp } from '../../../firmware-sim/ports/index.ts';
import { ThermoloopClient } from '../../client/index.ts';
import { systemClock } from '../../clock/clock.ts';
import { decodeNpz, emptyModel, encodeModelNpz } from '../../physics/index.ts';
import { serveConfig } from './config.ts';
import { WrongBackendError } from './devices.ts';
import { startServer } from './server.ts';

const UNITS = 16;
let folder: string;
let ends: (() => Promise<unknown>)[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'thermoloop-serve-'));
  ends = [];
});
afterEach(async () => {
  for (const end of ends.reverse()) await end();
  rmSync(folder, { recursive: true, force: true });
});

async function startTwin(port = 0): Promise<{ url: string; port: number; stop(): Promise<void> }> {
  const twin = await createTwin({
    units: UNITS,
    threads: 1,
    noiseTemperatureError_ratio: 0,
    seed: 7n,
    firmwareVersion: '0.0.0',
    clock: systemClock,
  });
  const service = await serveTcp(twin.controller, { host: '127.0.0.1', port });
  let stopped = false;
  const stop = async (): Promise<void> => {
    if (stopped) return;
    stopped = true;
    await service.close();
    await twin.close();
  };
  ends.push(stop);
  return { url: `tcp://127.0.0.1:${service.port}`, port: service.port, stop };
}

const keyFile = () => join(folder, 'bootstrap-key');
const environment = (extra: Record<string, string> = {}) => ({
  THERMOLOOP_DATA: join(folder, 'data'),
  THERMOLOOP_PORT: '0',
  THERMOLOOP_METRICS_PORT: '0',
  THERMOLOOP_BOOTSTRAP_KEY_FILE: keyFile(),
  THERMOLOOP_LOG_LEVEL: 'trace',
  ...extra,
});

async function start(device: string | string[], extra: Record<string, string> = {}) {
  const log: string[] = [];
  const config = serveConfig({
    flags: { devices: [device].flat() },
    environment: environment(extra),
    readFile: () => '{}',
  });
  const service = await startServer(config, {
    version: '0.0.0',
    logTo: { write: (line) => void log.push(line) },
  });
  ends.push(() => service.close());
  return { ...service, log };
}

async function clientFor(url: string): Promise<ThermoloopClient> {
  const bootstrap = new ThermoloopClient({ baseUrl: url, key: readFileSync(keyFile(), 'utf8').trim() });
  const made = await bootstrap.json('POST', '/v1/keys', { name: 'test', role: 'operator' });
  return new ThermoloopClient({ baseUrl: url, key: String(made['key']) });
}

const model = encodeModelNpz({ model: emptyModel(UNITS), metadata: {} });
const jobOf = (digest: string, count: number) => ({
  model: digest,
  device: { id: 'chip-0', backend: 'twin' },
  relax: { duration_s: 2.5e-6 },
  samples: { count },
  seed: 7,
});

describe('thermoloop serve', () => {
  it('does the whole loop over REST with a twin behind a TCP port', async () => {
    const twin = await startTwin();
    const service = await start(twin.url, { THERMOLOOP_EXPECT_BACKEND: 'twin' });
    expect(service.bootstrapKey).toBeNull();
    expect(statSync(keyFile()).mode & 0o777).toBe(0o600);
    expect((await fetch(`${service.url}/readyz`)).status).toBe(200);
    const client = await clientFor(service.url);
    const digest = await client.uploadModel(model);
    const calibration = await client.json('POST', '/v1/calibrations', {
      device: 'chip-0',
      kind: 'noise-temperature',
      options: { holds: 40 },
    });
    const measured = await client.wait(`/v1/calibrations/${calibration.id}`);
    expect([measured.state, measured['backend']]).toEqual(['succeeded', 'twin']);
    const job = await client.wait(
      `/v1/jobs/${(await client.json('POST', '/v1/jobs', jobOf(digest, 20))).id}`,
    );
    expect(job).toMatchObject({
      state: 'succeeded',
      result: { provenance: { calibration: calibration.id, backend: 'twin' } },
    });
    const members = decodeNpz(await client.download(`/v1/jobs/${job.id}/samples`, 'application/x-npz'));
    expect(members.get('x')?.shape).toEqual([20, 2, UNITS]);
    const metrics = await (await fetch(service.metricsUrl)).text();
    expect(metrics).toContain('thermoloop_samples_total{device="chip-0",backend="twin"} 20');
    expect(metrics).toMatch(/^thermoloop_noise_temperature_ratio\{.*\} (0\.9|1\.0)/m);
    expect(metrics).toMatch(/^thermoloop_link_up\{.*\} 1$/m);
    const secrets = [readFileSync(keyFile(), 'utf8').trim().slice(-43)];
    for (const secret of secrets) expect(service.log.join('')).not.toContain(secret);
  });

  it('serves several devices, each with a queue and metrics of its own', async () => {
    const [a, b] = [await startTwin(), await startTwin()];
    const service = await start([`left=${a.url}`, `right=${b.url}`]);
    const client = await clientFor(service.url);
    const { items } = (await client.json('GET', '/v1/devices')) as unknown as { items: object[] };
    expect(items).toMatchObject([
      { id: 'left', url: a.url, state: 'ready' },
      { id: 'right', url: b.url, state: 'ready' },
    ]);
    const digest = await client.uploadModel(model);
    const jobs = await Promise.all(
      ['left', 'right'].map(async (id) => {
        const { id: job } = await client.json('POST', '/v1/jobs', { ...jobOf(digest, 20), device: { id } });
        return client.wait(`/v1/jobs/${job}`);
      }),
    );
    expect(jobs).toMatchObject([
      { state: 'succeeded', result: { provenance: { device: 'left' } } },
      { state: 'succeeded', result: { provenance: { device: 'right' } } },
    ]);
    // Counted when the heat of the job has been read back, which is after its end is told.
    const metrics = async () => (await fetch(service.metricsUrl)).text();
    for (const device of ['left', 'right'])
      await expect.poll(metrics).toContain(`thermoloop_samples_total{device="${device}",backend="twin"} 20`);
  });

  it('ends a job as link-lost when the twin goes away, and is ready again when it is back', async () => {
    const twin = await startTwin();
    const service = await start(twin.url);
    const client = await clientFor(service.url);
    const digest = await client.uploadModel(model);
    const { id } = await client.json('POST', '/v1/jobs', {
      ...jobOf(digest, 20_000),
      retry: 'never',
    });
    let job = await client.json('GET', `/v1/jobs/${id}`);
    while (job.state === 'queued')
      job = await client.json('GET', `/v1/jobs/${id}`, undefined, { prefer: 'wait=1' });
    expect(job.state).toBe('running');
    await twin.stop();
    expect(await client.wait(`/v1/jobs/${id}`)).toMatchObject({ state: 'failed', cause: 'link-lost' });
    await expect(client.json('POST', '/v1/jobs', jobOf(digest, 2))).rejects.toMatchObject({
      code: 'device-offline',
      retryable: true,
    });
    await startTwin(twin.port);
    const late = await client.json('POST', '/v1/jobs', { ...jobOf(digest, 2), onUnmet: 'wait' });
    expect((await client.wait(`/v1/jobs/${late.id}`)).state).toBe('succeeded');
  });

  it('refuses to serve another backend than the demanded one', async () => {
    const twin = await startTwin();
    const refused = start(twin.url, { THERMOLOOP_EXPECT_BACKEND: 'chip' });
    await expect(refused).rejects.toThrow(WrongBackendError);
    await expect(refused).rejects.toMatchObject({ exitCode: 3, remedy: expect.any(String) as string });
    // Nothing is left behind: the same folder can be opened again.
    await start(twin.url, { THERMOLOOP_EXPECT_BACKEND: 'twin' });
  });

  it('lets everything go when it is closed, and keeps keys and models', async () => {
    const twin = await startTwin();
    const first = await start(twin.url);
    const client = await clientFor(first.url);
    const digest = await client.uploadModel(model);
    await first.close();
    await expect(fetch(`${first.url}/healthz`)).rejects.toThrow();
    await expect(fetch(first.metricsUrl)).rejects.toThrow();
    const port = new URL(first.url).port;
    const second = await start(twin.url, { THERMOLOOP_PORT: port });
    expect(second.url).toBe(first.url);
    expect((await client.json('GET', `/v1/models/${digest}`))['digest']).toBe(digest);
  });

  it('says which port is taken', async () => {
    const twin = await startTwin();
    const first = await start(twin.url);
    const taken = start(twin.url, {
      THERMOLOOP_PORT: new URL(first.url).port,
      THERMOLOOP_DATA: join(folder, 'other'),
    });
    await expect(taken).rejects.toMatchObject({
      code: 'EADDRINUSE',
      remedy: expect.stringContaining('--port') as string,
    });
  });
});

describe('the process', () => {
  const serve = (args: string[], extra: Record<string, string | undefined> = {}) =>
    spawn(process.execPath, ['bin/thermoloop.js', 'serve', ...args], {
      env: { ...process.env, THERMOLOOP_DEVICE: undefined, ...extra },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  const textOf = async (stream: NodeJS.ReadableStream): Promise<string> => {
    let text = '';
    for await (const chunk of stream) text += String(chunk);
    return text;
  };

  it('prints one ready line, shows the bootstrap key outside the log, and ends on SIGTERM with 0', async () => {
    const twin = await startTwin();
    const args = [
      '--device',
      twin.url,
      '--port',
      '0',
      '--metrics-port',
      '0',
      '--data',
      join(folder, 'data'),
      '--json',
    ];
    const child = serve(args);
    const errors = textOf(child.stderr);
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const ready = JSON.parse(line.toString()) as Record<string, unknown>;
    expect(ready).toMatchObject({ ready: true, pid: child.pid, dataDir: join(folder, 'data') });
    expect((await fetch(`${String(ready['url'])}/healthz`)).status).toBe(200);
    child.kill('SIGTERM');
    expect(await once(child, 'close')).toEqual([0, null]);
    const lines = (await errors).split('\n').filter((text) => text !== '');
    const shown = lines.filter((text) => text.includes('tlk_'));
    expect(shown).toHaveLength(1);
    expect(shown[0].trim()).toMatch(/^tlk_/);
  });

  it('ends with its parent when asked to', async () => {
    const twin = await startTwin();
    const args = ['--device', twin.url, '--port', '0', '--metrics-port', '0', '--data', join(folder, 'data')];
    // A parent that starts the service, passes its ready line on, and is then killed.
    const program = `
      const { spawn } = require('node:child_process');
      spawn(process.execPath, ${JSON.stringify(['bin/thermoloop.js', 'serve', ...args, '--json', '--exit-with-parent'])}, {
        stdio: ['ignore', 'inherit', 'ignore'],
      });`;
    const parent = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = (await once(parent.stdout, 'data')) as [Buffer];
    const { url } = JSON.parse(line.toString()) as { url: string };
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    // The pipe is closed when the last process that holds it has ended.
    const ended = once(parent.stdout, 'end');
    parent.stdout.resume();
    parent.kill('SIGKILL');
    await ended;
    await expect(fetch(`${url}/healthz`)).rejects.toThrow();
  });

  it('exits 2 without a device and 3 for the wrong backend, with what to do', async () => {
    const none = serve([]);
    const help = textOf(none.stderr);
    expect(await once(none, 'close')).toEqual([2, null]);
    expect(await help).toContain('tcp://127.0.0.1:7700');
    const twin = await startTwin();
    const file = join(folder, 'config.json');
    writeFileSync(
      file,
      JSON.stringify({ device: twin.url, data: join(folder, 'data'), port: 0, metricsPort: 0 }),
    );
    const wrong = serve([], { THERMOLOOP_CONFIG: file, THERMOLOOP_EXPECT_BACKEND: 'chip' });
    const why = textOf(wrong.stderr);
    expect(await once(wrong, 'close')).toEqual([3, null]);
    expect(await why).toContain('THERMOLOOP_EXPECT_BACKEND=chip');
  });
});
