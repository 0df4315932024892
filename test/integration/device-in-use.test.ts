// Several people and one real twin: a lease hands the device over with the right program, and a stop outlives the service.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { serveConfig } from '../../src/cli/serve/config.ts';
import { startServer, type RunningService } from '../../src/cli/serve/server.ts';
import { emptyModel, encodeModelNpz } from '../../src/physics/index.ts';
import { startMemoryTwin, type MemoryTwin } from '../support/memory-twin.ts';

const UNITS = 8;
let folder: string;
let twin: MemoryTwin;
let service: RunningService;
let keys: { operator: string; other: string };

type Body = Record<string, unknown>;
const call = async (key: string, method: string, path: string, body?: object | Uint8Array): Promise<Body> => {
  const isBytes = body instanceof Uint8Array;
  const response = await fetch(`${service.url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${key}`,
      ...(body !== undefined && { 'content-type': isBytes ? 'application/x-npz' : 'application/json' }),
    },
    ...(body !== undefined && { body: isBytes ? Buffer.from(body) : JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, ...(text === '' ? {} : (JSON.parse(text) as Body)) };
};

async function start(): Promise<void> {
  const environment = {
    THERMOLOOP_DEVICE: 'tcp://127.0.0.1:1',
    THERMOLOOP_PORT: '0',
    THERMOLOOP_METRICS_PORT: '0',
    THERMOLOOP_DATA: join(folder, 'data'),
    THERMOLOOP_BOOTSTRAP_KEY_FILE: join(folder, 'key'),
    THERMOLOOP_LOG_LEVEL: 'silent',
  };
  const config = serveConfig({ flags: {}, environment, readFile: () => '{}' });
  service = await startServer(config, { version: '0', openPort: () => twin.openPort() });
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'thermoloop-in-use-'));
  twin = await startMemoryTwin({ units: UNITS });
  await start();
  const bootstrap = readFileSync(join(folder, 'key'), 'utf8').trim();
  const admin = String((await call(bootstrap, 'POST', '/v1/keys', { name: 'admin', role: 'admin' }))['key']);
  const make = async (role: string) =>
    String((await call(admin, 'POST', '/v1/keys', { name: role, role }))['key']);
  keys = { operator: await make('operator'), other: await make('researcher') };
});
afterEach(async () => {
  await service.close();
  await twin.close();
  rmSync(folder, { recursive: true });
});

/** Uncoupled units with this bias, another program for each. */
async function upload(key: string, bias: number): Promise<string> {
  const model = emptyModel(UNITS);
  model.biases.fill(bias);
  return String((await call(key, 'POST', '/v1/models', encodeModelNpz({ model, metadata: {} })))['digest']);
}
const submit = (key: string, model: string, count = 20) =>
  call(key, 'POST', '/v1/jobs', {
    model,
    device: { id: 'chip-0' },
    relax: { duration_s: 1e-6 },
    samples: { count },
    seed: 5,
    onUnmet: 'wait',
  });
async function ended(key: string, { id }: Body): Promise<Body> {
  for (;;) {
    const job = await call(key, 'GET', `/v1/jobs/${String(id)}`);
    if (['succeeded', 'failed', 'cancelled'].includes(String(job['state']))) return job;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
interface Result {
  provenance: { programDigest: string };
  timing: { skippedUpload: boolean };
  samples: { wireDigest: string };
}

it('hands the device over with the program of the next user, verified by its digest', async () => {
  const [mine, theirs] = [await upload(keys.operator, 0.2), await upload(keys.other, -0.2)];
  const first = (await ended(keys.other, await submit(keys.other, theirs)))['result'] as Result;
  const lease = await call(keys.operator, 'POST', '/v1/devices/chip-0/leases', { ttl_s: 600 });
  const waiting = await submit(keys.other, theirs);
  const own = (await ended(keys.operator, await submit(keys.operator, mine)))['result'] as Result;
  expect(await call(keys.other, 'GET', `/v1/jobs/${String(waiting['id'])}`)).toMatchObject({ state: 'held' });
  expect(own.provenance.programDigest).not.toBe(first.provenance.programDigest);
  await call(keys.operator, 'DELETE', `/v1/devices/chip-0/leases/${String(lease['id'])}`);
  const again = (await ended(keys.other, waiting))['result'] as Result;
  expect(again.provenance.programDigest).toBe(first.provenance.programDigest);
  expect(again.samples.wireDigest).toBe(first.samples.wireDigest);
});

it('stays stopped over a restart, and runs what waited once somebody resumes it', async () => {
  const model = await upload(keys.operator, 0.1);
  const long = await submit(keys.operator, model, 20_000);
  for (;;) {
    const { state } = await call(keys.operator, 'GET', `/v1/jobs/${String(long['id'])}`);
    if (state === 'running') break;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  const stop = await call(keys.operator, 'POST', '/v1/devices/chip-0/safe-stop', { reason: 'smoke' });
  expect(stop).toMatchObject({ status: 200, safeStop: { confirmed: true, reason: 'smoke' } });
  await service.close();
  await start();
  const device = await call(keys.operator, 'GET', '/v1/devices/chip-0');
  expect(device).toMatchObject({ use: { safeStop: { reason: 'smoke', confirmed: true } } });
  const held = await call(keys.operator, 'GET', `/v1/jobs/${String(long['id'])}`);
  expect(held).toMatchObject({ state: 'held' });
  const refused = { model, device: { id: 'chip-0' }, relax: { duration_s: 1e-6 }, samples: { count: 1 } };
  expect(await call(keys.other, 'POST', '/v1/jobs', refused)).toMatchObject({
    status: 503,
    code: 'device-stopped',
  });
  await call(keys.operator, 'POST', '/v1/devices/chip-0/resume', { reason: 'it was toast' });
  expect(await ended(keys.operator, long)).toMatchObject({
    state: 'succeeded',
    attempts: [{ cause: 'safe-stop' }, {}],
  });
});
