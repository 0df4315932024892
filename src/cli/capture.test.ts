// `thermoloop capture` and the recordings of `thermoloop serve`, against a real twin.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startTwin, until } from '../../test/support/processes.ts';
import { ThermoloopClient } from '../client/index.ts';
import { summariseCapture } from '../link/index.ts';
import { emptyModel, encodeModelNpz } from '../physics/index.ts';
import { readCapture } from '../transports/index.ts';
import { serveConfig } from './serve/config.ts';
import { startServer } from './serve/server.ts';

const MAIN = new URL('main.ts', import.meta.url).pathname;
const UNITS = 16;
let folder: string;
let ends: (() => Promise<unknown>)[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'thermoloop-capture-'));
  ends = [];
});
afterEach(async () => {
  for (const end of ends.reverse()) await end();
  rmSync(folder, { recursive: true, force: true });
});

function cli(...words: string[]): { status: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, 'capture', ...words]);
  return { status, out: stdout.toString(), err: stderr.toString() };
}

async function twin(): Promise<{ url: string; kill: () => Promise<unknown> }> {
  const child = await startTwin({ units: UNITS });
  ends.push(() => child.stop());
  return { url: String(child.ready['url']), kill: () => child.stop() };
}

async function serve(device: string, extra: Record<string, string> = {}) {
  const data = mkdtempSync(join(folder, 'data-'));
  const environment = {
    THERMOLOOP_DATA: data,
    THERMOLOOP_PORT: '0',
    THERMOLOOP_METRICS_PORT: '0',
    THERMOLOOP_BOOTSTRAP_KEY_FILE: join(data, 'key'),
    ...extra,
  };
  const log: string[] = [];
  const config = serveConfig({ flags: { device }, environment, readFile: () => '{}' });
  const service = await startServer(config, {
    version: '0.0.0',
    logTo: { write: (line) => void log.push(line) },
  });
  ends.push(() => service.close());
  const bootstrap = new ThermoloopClient({
    baseUrl: service.url,
    key: readFileSync(join(data, 'key'), 'utf8').trim(),
  });
  const made = await bootstrap.json('POST', '/v1/keys', { name: 'test', role: 'operator' });
  const client = new ThermoloopClient({ baseUrl: service.url, key: String(made['key']) });
  return { client, log, close: () => service.close() };
}

const model = encodeModelNpz({ model: emptyModel(UNITS), metadata: {} });

/** The samples of one job, as a file. */
async function samplesOf(
  client: ThermoloopClient,
  backend: 'twin' | 'replay',
  count: number,
): Promise<Uint8Array> {
  const created = await client.submitJob({
    model: await client.uploadModel(model),
    device: { id: 'chip-0', backend },
    relax: { duration_s: 2.5e-6 },
    samples: { count },
    seed: '5',
  });
  const done = await client.waitForJob(created.id);
  expect([done.state, done.failure]).toEqual(['succeeded', null]);
  return client.download(`/v1/jobs/${created.id}/samples?provenance=none`, 'application/x-npz');
}

describe('thermoloop capture', () => {
  it('records a device and shows what passed', async () => {
    const { url } = await twin();
    const out = join(folder, 'idle.mcap');
    const made = cli('record', '--device', url, '--out', out, '--seconds', '0.2', '--json');
    expect(made.err).toBe('');
    expect(JSON.parse(made.out)).toMatchObject({
      path: out,
      label: url,
      device: { simulated: true },
      end: { by: 'host', link: 'cancelled' },
      directions: { host_to_device: { messages: { hostHello: 1, getCapabilities: 1 } } },
    });
    const shown = cli('info', out);
    expect(shown.status).toBe(0);
    expect(shown.out).toContain('whole: it can be replayed');
    expect(shown.out).toMatch(/deviceHello 1/);
    const again = cli('record', '--device', url, '--out', out, '--seconds', '0.1', '--json');
    expect(JSON.parse(again.out)).toMatchObject({ path: join(folder, 'idle-2.mcap') });
  });

  it('says what is wrong, and what to do', () => {
    for (const words of [
      ['info', join(folder, 'missing.mcap')],
      ['record', '--device', 'replay:x', '--out', 'y'],
      ['record', '--device', 'tcp://127.0.0.1:1', '--out', join(folder, 'none.mcap')],
    ]) {
      const { status, err } = cli(...words);
      expect(status).toBe(1);
      expect(err.trim().split('\n')).toHaveLength(2);
    }
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe('thermoloop serve', () => {
  it('records a device, and serves the recording as backend replay with the same samples', async () => {
    const { url, kill } = await twin();
    const file = join(folder, 'job.mcap');
    const recorded = await serve(`record+${url}?capture=${file}`);
    const samples = await samplesOf(recorded.client, 'twin', 50);
    await recorded.close();
    await kill();
    await expect(serve(`replay:${file}`, { THERMOLOOP_EXPECT_BACKEND: 'twin' })).rejects.toMatchObject({
      code: 'wrong-backend',
      message: expect.stringContaining('a replay answers') as string,
    });
    const replayed = await serve(`replay:${file}`, { THERMOLOOP_EXPECT_BACKEND: 'replay' });
    expect(await replayed.client.json('GET', '/v1/devices/chip-0')).toMatchObject({
      state: 'ready',
      backend: 'replay',
    });
    expect(Buffer.from(await samplesOf(replayed.client, 'replay', 50)).equals(Buffer.from(samples))).toBe(
      true,
    );
  });

  it('keeps the last minute of a line whose link is lost, and nothing of one that is closed', async () => {
    const { url, kill } = await twin();
    const captures = join(folder, 'captures');
    const calm = await serve(url, { THERMOLOOP_CAPTURE_DIR: captures });
    await samplesOf(calm.client, 'twin', 5);
    await calm.close();
    expect(() => readdirSync(captures)).toThrow('ENOENT');
    // A device that idles is probed, and the job alone shall be in the capture.
    const unwatched = { THERMOLOOP_CAPTURE_DIR: captures, THERMOLOOP_SENTINEL_SHARE: '0' };
    const { client, log } = await serve(url, unwatched);
    await samplesOf(client, 'twin', 5);
    await kill();
    await until(() => log.some((line) => line.includes('is in a capture')), 20, 'the capture');
    const [file, ...others] = readdirSync(captures);
    expect(others).toEqual([]);
    expect(log.join('')).toContain(file);
    const summary = summariseCapture(await readCapture(join(captures, file)));
    expect(summary).toMatchObject({ label: url, dropped_bytes: 0, end: { by: 'device', link: 'link-lost' } });
    expect(summary.directions.host_to_device.messages).toMatchObject({
      hostHello: 1,
      startRun: 1,
      ackRun: 1,
    });
  });
});
