// The twin dies or freezes in the middle of a job: the job fails with its cause in time, the service lives on, and the
// device comes back by itself when the twin does.
import { createServer, type AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { ClientError } from '../../src/client/index.ts';
import { encodeModelNpz, emptyModel } from '../../src/physics/index.ts';
import { scratch, startService, startTwin, until, type RunningService } from '../support/processes.ts';

const UNITS = 256;
const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** A coupled job that keeps the twin busy for tens of seconds. */
async function longJob({ client }: RunningService): Promise<string> {
  const model = emptyModel(UNITS);
  for (let i = 0; i < UNITS; i++)
    for (let j = 0; j < UNITS; j++) if (i !== j) model.couplings[i * UNITS + j] = 0.001 * (1 + ((i + j) % 3));
  const digest = await client.uploadModel(encodeModelNpz({ model, metadata: {} }));
  const job = await client.submitJob({
    mode: 'relax',
    model: digest,
    device: { id: 'chip-0' },
    relax: { duration_s: 2.5e-6 },
    samples: { count: 20_000 },
    seed: 1,
    retry: 'never',
  });
  const running = async (): Promise<boolean> => {
    const { state, progress } = await client.job(job.id);
    return state === 'running' && progress?.phase === 'reading';
  };
  await until(running, 20, 'the job delivers samples');
  return job.id;
}

const deviceState = async ({ client }: RunningService): Promise<string> =>
  (await client.get('/v1/devices/{id}', { params: { path: { id: 'chip-0' } } })).state;

async function setUp(): Promise<{
  twin: Awaited<ReturnType<typeof startTwin>>;
  service: RunningService;
  port: number;
}> {
  const folder = scratch();
  closers.push(folder.close);
  const port = await freePort();
  const twin = await startTwin({ units: UNITS, port });
  closers.push(twin.stop);
  const service = await startService(`tcp://127.0.0.1:${port}`, folder.path);
  closers.push(service.child.stop);
  return { twin, service, port };
}

async function failedWithin(service: RunningService, job: string, limit_s: number): Promise<void> {
  const failed = async (): Promise<boolean> =>
    (await service.client.json('GET', `/v1/jobs/${job}`)).state === 'failed';
  await until(failed, limit_s, 'the job fails');
  expect((await service.client.json('GET', `/v1/jobs/${job}`)).cause).toBe('link-lost');
}

describe('a twin lost in the middle of a job', () => {
  it('SIGKILL: the job fails as link-lost within 5 s, new jobs are refused, a new twin is taken up again', async () => {
    const { twin, service, port } = await setUp();
    const job = await longJob(service);
    process.kill(twin.pid, 'SIGKILL');
    await failedWithin(service, job, 5);
    const refused = await service.client
      .json('POST', '/v1/calibrations', { kind: 'noise-temperature', device: 'chip-0' })
      .catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(ClientError);
    expect(refused).toMatchObject({ code: 'device-offline', status: 503 });

    const again = await startTwin({ units: UNITS, port, seed: 2 });
    closers.push(again.stop);
    await until(async () => (await deviceState(service)) === 'ready', 15, 'the device is ready again');
  });

  it('SIGSTOP: the job fails as link-lost within 10 s, and the thawed twin is taken up again', async () => {
    const { twin, service } = await setUp();
    const job = await longJob(service);
    process.kill(twin.pid, 'SIGSTOP');
    try {
      await failedWithin(service, job, 10);
    } finally {
      process.kill(twin.pid, 'SIGCONT');
    }
    await until(async () => (await deviceState(service)) === 'ready', 20, 'the device is ready again');
  });
});
