import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DeviceError } from '../../device/index.ts';
import { jobBody, startTestService, type TestService } from '../../../test/support/test-service.ts';

interface Job {
  id: string;
  state: string;
  [name: string]: unknown;
}

let service: TestService;
let model: string;
beforeAll(async () => {
  service = await startTestService();
  model = await service.uploadPair();
});
afterAll(() => service.close());

const submit = (change: object = {}, headers: Record<string, string> = {}) =>
  service.call('POST', '/v1/jobs', {
    headers: { ...service.as.researcher, ...headers },
    body: jobBody(model, change),
  });
const get = (id: string, headers: Record<string, string> = {}) =>
  service.call('GET', `/v1/jobs/${id}`, { headers: { ...service.as.researcher, ...headers } });
const samples = (id: string, accept: string) =>
  service.call('GET', `/v1/jobs/${id}/samples`, { headers: { ...service.as.researcher, accept } });
const code = (response: { json(): unknown }): unknown => (response.json() as { code?: string }).code;

async function finished(id: string): Promise<Job> {
  await service.runner.waitForEnd(id, 10_000);
  return (await get(id)).json<Job>();
}

/** A job that holds the device until `release` is called. */
async function heldJob(): Promise<string> {
  service.device.held = true;
  const started = service.device.started();
  const { id } = (await submit()).json<Job>();
  await started;
  return id;
}
function release(): void {
  service.device.held = false;
  service.device.release();
}

describe('POST /v1/jobs', () => {
  it('runs a job to its result, and names device and backend in every answer', async () => {
    const sent = await submit({ seed: '18446744073709551615', labels: { run: 'A17' } });
    expect(sent.statusCode).toBe(201);
    const { id } = sent.json<Job>();
    expect(sent.headers).toMatchObject({
      location: `/v1/jobs/${id}`,
      'thermoloop-device': 'chip-0',
      'thermoloop-backend': 'twin',
    });
    const job = await finished(id);
    expect(job).toMatchObject({
      state: 'succeeded',
      cause: null,
      backend: 'twin',
      labels: { run: 'A17' },
      samples: `/v1/jobs/${id}/samples`,
      result: {
        samples: { shape: [3, 2, 2] },
        provenance: { backend: 'twin', faultsActive: false, model, seed: '18446744073709551615' },
        heat: { n: 3 },
      },
    });
  });

  it.each([
    [{ samples: { count: 0 } }, '/samples/count'],
    [{ samples: { count: 2.5 } }, '/samples/count'],
    [{ samples: { count: 1_000_000 } }, '/samples/count'],
    [{ relax: { duration_s: -1 } }, '/relax/duration_s'],
    [{ relax: { duration_s: 1e-6, readAt_s: [2e-6] } }, '/relax/readAt_s/0'],
    [{ relax: { duration_s: 1e-6, readAt_s: [] } }, '/relax/readAt_s'],
    [{ relax: { duration_s: 1e-6, initial: { kind: 'optimised' } } }, '/relax/initial/kind'],
    [{ noiseTemperature: 0 }, '/noiseTemperature'],
    [{ seed: '18446744073709551616' }, '/seed'],
    [{ seed: 'x' }, '/seed'],
    [{ mode: 'equilibrium' }, '/mode'],
    [{ device: { id: 'chip-0', backend: 'simulator' } }, '/device/backend'],
    [{ device: 'chip-0' }, '/device'],
    [{ model: 'sha256:1' }, '/model'],
    [{ priority: 'urgent' }, '/priority'],
    [{ onUnmet: 'recalibrate' }, '/onUnmet'],
    [{ deadline: '2020-01-01T00:00:00Z' }, '/deadline'],
    [{ deadline: 'soon' }, '/deadline'],
    [{ deadline: 1e12 }, '/deadline'],
    [{ labels: { a: 1 } }, '/labels/a'],
    [{ mitigation: { driftCompensation: true } }, '/mitigation/driftCompensation'],
    [{ mitigation: { dither: 65 } }, '/mitigation/dither'],
    [{ mitigation: { dither: 4 }, samples: { count: 3 } }, '/mitigation/dither'],
    [{ mitigation: { dither: 2 }, samples: { count: 9, targetEss: 5 } }, '/mitigation/dither'],
    [{ clock: { scale: 0 } }, '/clock/scale'],
    [{ clock: { scale: 64 }, relax: { duration_s: 6.4e-6 } }, '/clock/scale'],
  ])('refuses %j and names the place', async (change, pointer) => {
    const before = (await service.store.jobs.list({ limit: 500 })).length;
    const response = await submit(change);
    expect([response.statusCode, code(response)]).toEqual([422, 'validation-failed']);
    expect(response.json<{ errors: { pointer: string }[] }>().errors[0].pointer).toBe(pointer);
    expect((await service.store.jobs.list({ limit: 500 })).length).toBe(before);
  });

  it('refuses what the device cannot do, an unknown model, an unknown device and the wrong backend', async () => {
    const strong = await service.uploadPair(5);
    const beyond = await submit({ model: strong });
    expect([beyond.statusCode, code(beyond)]).toEqual([422, 'coupling-out-of-range']);
    expect(beyond.json()).toMatchObject({ errors: [{ pointer: '/couplings/0/1', allowed: { max: 0.8 } }] });
    const noModel = await submit({ model: `sha256:${'0'.repeat(64)}` });
    expect([noModel.statusCode, code(noModel)]).toEqual([404, 'unknown-model']);
    const noDevice = await submit({ device: { id: 'chip-9' } });
    expect([noDevice.statusCode, code(noDevice)]).toEqual([404, 'unknown-device']);
    const wrong = await submit({ device: { id: 'chip-0', backend: 'chip' } });
    expect([wrong.statusCode, code(wrong)]).toEqual([409, 'wrong-backend']);
    expect(wrong.headers['thermoloop-backend']).toBe('twin');
  });

  it('refuses a job for a device that is away, with a remedy, and takes one that waits', async () => {
    service.device.become('offline');
    const refused = await submit();
    expect([refused.statusCode, code(refused)]).toEqual([503, 'device-offline']);
    expect(refused.json()).toMatchObject({ retryable: true, remedy: expect.any(String) as string });
    const waiting = await submit({ onUnmet: 'wait' });
    expect([waiting.statusCode, waiting.json<Job>().state]).toEqual([201, 'queued']);
    service.device.become('ready');
    expect((await finished(waiting.json<Job>().id)).state).toBe('succeeded');
  });

  it('shows a lost link as cause, and goes on', async () => {
    service.device.failWith = new DeviceError('link-lost', 'the twin was killed');
    const { id } = (await submit({ retry: 'never' })).json<Job>();
    expect(await finished(id)).toMatchObject({
      state: 'failed',
      cause: 'link-lost',
      failure: { code: 'link-lost', retryable: true },
      samples: null,
    });
    const none = await samples(id, '*/*');
    expect([none.statusCode, code(none)]).toEqual([409, 'no-samples']);
    expect((await finished((await submit()).json<Job>().id)).state).toBe('succeeded');
  });

  it('submits once for one Idempotency-Key', async () => {
    const headers = { 'idempotency-key': 'job-1' };
    const first = await submit({}, headers);
    const again = await submit({}, headers);
    expect(again.json<Job>().id).toBe(first.json<Job>().id);
    expect(again.headers['idempotency-replayed']).toBe('true');
    expect(code(await submit({ samples: { count: 4 } }, headers))).toBe('idempotency-mismatch');
    const both = await Promise.all([1, 2].map(() => submit({}, { 'idempotency-key': 'job-2' })));
    const ids = new Set(both.map((r) => r.json<Job>().id).filter((id) => id !== undefined));
    expect(ids.size).toBe(1);
    for (const response of both)
      if (response.statusCode !== 201) expect(code(response)).toBe('idempotency-in-progress');
  });

  it('answers 200 with the finished job when it ends within Prefer: wait', async () => {
    const response = await submit({}, { prefer: 'wait=10' });
    expect([response.statusCode, response.json<Job>().state]).toEqual([200, 'succeeded']);
    expect(response.headers['preference-applied']).toBe('wait=10');
  });
});

describe('GET /v1/jobs', () => {
  it('waits for a change, and tells by ETag that there was none', async () => {
    const id = await heldJob();
    const now = await get(id);
    expect(now.json()).toMatchObject({ state: 'running', phase: 'relaxing', progress: { unit: 'samples' } });
    const etag = String(now.headers['etag']);
    const same = await get(id, { 'if-none-match': etag, prefer: 'wait=0' });
    expect([same.statusCode, same.body]).toEqual([304, '']);
    const waiting = get(id, { prefer: 'wait=30', 'if-none-match': etag });
    release();
    expect((await waiting).json<Job>().state).toBe('succeeded');
    const stale = await get(id, { prefer: 'wait=30', 'if-none-match': etag });
    expect(stale.json<Job>().state).toBe('succeeded');
  });

  it('shows keys their own jobs, and all with job:read:all', async () => {
    const own = await service.addKey('researcher');
    const sent = await service.call('POST', '/v1/jobs', { headers: own.headers, body: jobBody(model) });
    const { id } = sent.json<Job>();
    const mine = await service.call('GET', '/v1/jobs', { headers: own.headers });
    expect(mine.json<{ items: Job[] }>().items.map((job) => job.id)).toEqual([id]);
    expect(code(await get(id))).toBe('unknown-job');
    const seen = await service.call('GET', `/v1/jobs/${id}`, { role: 'viewer' });
    expect(seen.statusCode).toBe(200);
    const noCancel = await service.call('POST', `/v1/jobs/${id}/cancel`, { role: 'researcher' });
    expect(code(noCancel)).toBe('unknown-job');
    await service.runner.waitForEnd(id, 10_000);
  });

  it('pages and filters', async () => {
    const labelled = (await submit({ labels: { sweep: 'b' } })).json<Job>();
    await finished(labelled.id);
    const list = (query: string) => service.call('GET', `/v1/jobs?${query}`, { role: 'viewer' });
    const found = await list('label=sweep%3Db');
    expect(found.json<{ items: Job[] }>().items.map((job) => job.id)).toEqual([labelled.id]);
    const first = await list('limit=1');
    const { nextCursor, items } = first.json<{ nextCursor: string; items: Job[] }>();
    const second = await list(`limit=1&cursor=${nextCursor}`);
    expect(second.json<{ items: Job[] }>().items[0].id < items[0].id).toBe(true);
    expect(first.headers['thermoloop-device']).toBe('chip-0');
    for (const [query, parameter] of [
      ['limit=0', 'limit'],
      ['limit=501', 'limit'],
      ['state=lost', 'state'],
      ['label=x', 'label'],
      ['sort=up', 'sort'],
    ]) {
      const refused = await list(query);
      expect(refused.json()).toMatchObject({ code: 'validation-failed', errors: [{ parameter }] });
    }
  });

  it('answers an unknown id with a problem', async () => {
    for (const id of ['nothing', '01M874MCMVJ592T76YT5R0F90V', '%2e%2e%2fkeys']) {
      const response = await get(id);
      expect([response.statusCode, code(response)]).toEqual([404, 'unknown-job']);
    }
  });
});

describe('POST /v1/jobs/{id}/cancel', () => {
  it('cancels a queued job at once, asks a running one to stop, and refuses a finished one', async () => {
    const running = await heldJob();
    const queued = (await submit()).json<Job>().id;
    const cancel = (id: string) => service.call('POST', `/v1/jobs/${id}/cancel`, { role: 'researcher' });
    const first = await cancel(queued);
    expect([first.statusCode, first.json<Job>().state]).toEqual([200, 'cancelled']);
    const second = await cancel(running);
    expect([200, 202]).toContain(second.statusCode);
    expect(await finished(running)).toMatchObject({ state: 'cancelled', cause: 'cancelled' });
    service.device.held = false;
    const third = await cancel(running);
    expect([third.statusCode, code(third)]).toEqual([409, 'already-finished']);
    expect(third.headers['thermoloop-device']).toBe('chip-0');
    const audit = await service.store.audit.list({ action: 'job.cancel', limit: 10 });
    expect(audit.map((row) => row.target)).toEqual(expect.arrayContaining([queued, running]));
  });
});
