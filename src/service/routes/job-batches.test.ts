// Batches, ids that clients give, and sparse answers.
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { jobBody, startTestService, type TestService } from '../../../test/support/test-service.ts';
import { createUlidSource } from '../../store/ulid.ts';

interface Item {
  job: { id: string; state: string; labels: Record<string, string> } | null;
  problem: { code: string; status: number; remedy: string; errors?: { pointer: string }[] } | null;
}
interface Answer {
  accepted: number;
  refused: number;
  items: Item[];
}

let service: TestService;
let model: string;
beforeAll(async () => {
  service = await startTestService();
  model = await service.uploadPair();
});
afterAll(async () => {
  for (const { id } of await service.store.jobs.list({ state: ['queued', 'running'], limit: 500 }))
    await service.runner.waitForEnd(id, 10_000);
  await service.close();
});

const code = (response: { json(): unknown }): unknown => (response.json() as { code?: string }).code;
const batch = (jobs: unknown, headers: Record<string, string> = {}) =>
  service.call('POST', '/v1/jobs/batch', {
    headers: { ...service.as.researcher, ...headers },
    body: { jobs },
  });
const submit = (change: object) =>
  service.call('POST', '/v1/jobs', { role: 'researcher', body: jobBody(model, change) });
const ulidAt = (offset_ms: number): string =>
  createUlidSource({ wall_ms: () => Date.now() + offset_ms, random: (count) => randomBytes(count) })();
const count = async (): Promise<number> => (await service.store.jobs.list({ limit: 500 })).length;

describe('POST /v1/jobs/batch', () => {
  it('accepts what passes and gives each of the others its problem, in order', async () => {
    const strong = await service.uploadPair(5);
    const id = ulidAt(0);
    const before = await count();
    const response = await batch([
      jobBody(model, { labels: { n: '0' } }),
      jobBody(`sha256:${'0'.repeat(64)}`),
      jobBody(strong),
      jobBody(model, { samples: { count: 0 } }),
      jobBody(model, { device: { id: 'chip-9' } }),
      jobBody(model, { id, labels: { n: '5' } }),
      jobBody(model, { id }),
      jobBody(model, { relax: { duration_s: 1e-6, readAt_s: [2e-6] } }),
      null,
      'x'.repeat(1000),
    ]);
    expect(response.statusCode).toBe(200);
    const { accepted, refused, items } = response.json<Answer>();
    expect([accepted, refused, (await count()) - before]).toEqual([2, 8, 2]);
    expect(items.map(({ job, problem }) => job?.labels['n'] ?? problem?.code)).toEqual([
      '0',
      'unknown-model',
      'coupling-out-of-range',
      'validation-failed',
      'unknown-device',
      '5',
      'state-conflict',
      'validation-failed',
      'validation-failed',
      'validation-failed',
    ]);
    const pointers = items.map(({ problem }) => problem?.errors?.[0]?.pointer);
    expect([pointers[3], pointers[7]]).toEqual(['/samples/count', '/relax/readAt_s/0']);
    for (const { job, problem } of items) {
      expect(job === null).toBe(problem !== null);
      if (problem !== null) expect(problem.remedy).toMatch(/\w/);
      if (job !== null) expect((await service.runner.waitForEnd(job.id, 10_000)).state).toBe('succeeded');
    }
    const rows = await service.store.audit.list({ action: 'job.submit', target: id, limit: 10 });
    expect(rows).toHaveLength(1);
  });

  it('answers the whole again for its Idempotency-Key', async () => {
    const headers = { 'idempotency-key': 'batch-1' };
    const jobs = [jobBody(model), jobBody(model, { priority: 'urgent' })];
    const first = await batch(jobs, headers);
    const before = await count();
    const again = await batch(jobs, headers);
    expect([again.headers['idempotency-replayed'], again.json()]).toEqual(['true', first.json()]);
    expect(await count()).toBe(before);
    expect(code(await batch([jobBody(model)], headers))).toBe('idempotency-mismatch');
  });

  it('keeps each job to the limits of the key', async () => {
    const { headers } = await service.addKey('researcher', [], undefined, { maxPriority: 'normal' });
    const { items } = (
      await batch([jobBody(model, { priority: 'interactive' }), jobBody(model)], headers)
    ).json<Answer>();
    expect(items.map(({ problem }) => problem?.code ?? null)).toEqual(['forbidden', null]);
    const few = await service.addKey('researcher', [], undefined, { queuedJobsMax: 1 });
    service.device.held = true;
    const stored = await count();
    const full = await batch([jobBody(model), jobBody(model), jobBody(model)], few.headers);
    service.device.held = false;
    service.device.release();
    expect([full.statusCode, code(full), (await count()) - stored]).toEqual([429, 'queue-full', 0]);
    const limited = await service.addKey('researcher', [], undefined, { devices: ['another'] });
    const refused = (await batch([jobBody(model)], limited.headers)).json<Answer>();
    expect([refused.accepted, refused.items[0].problem?.code]).toEqual([0, 'forbidden']);
  });

  it.each([[[]], [null], ['x'], [{}], [Array.from({ length: 101 }, () => ({}))]])(
    'refuses a batch that is none: %#',
    async (jobs) => {
      const response = await batch(jobs);
      expect([response.statusCode, code(response)]).toEqual([422, 'validation-failed']);
    },
  );
});

describe('ids that clients give', () => {
  it('takes one once', async () => {
    const id = ulidAt(-3_600_000);
    const first = await submit({ id });
    expect([first.statusCode, first.json<{ id: string }>().id]).toEqual([201, id]);
    const second = await submit({ id });
    expect([second.statusCode, code(second)]).toEqual([409, 'state-conflict']);
  });

  it.each([
    'job-1',
    '',
    '8'.repeat(26),
    ulidAt(0).toLowerCase(),
    `${ulidAt(0)}0`,
    ulidAt(3_600_000),
    ulidAt(-2 * 86_400_000),
    '7ZZZZZZZZZZZZZZZZZZZZZZZZZ',
    7,
    null,
  ])('refuses %j', async (id) => {
    const response = await submit({ id });
    expect([response.statusCode, code(response)]).toEqual([422, 'validation-failed']);
    expect(response.json<{ errors: { pointer: string }[] }>().errors[0].pointer).toBe('/id');
  });
});

describe('?fields=', () => {
  it('answers with these members alone, in the list and for one job', async () => {
    const id = ulidAt(0);
    await submit({ id });
    await service.runner.waitForEnd(id, 10_000);
    const get = (path: string) => service.call('GET', `/v1/jobs${path}`, { role: 'researcher' });
    const one = await get(`/${id}?fields=state,result,id`);
    const body = one.json<{ result: { samples: object } }>();
    expect(Object.keys(body)).toEqual(['state', 'result', 'id']);
    // What the schema does not know stays inside, here too.
    expect(body.result.samples).not.toHaveProperty('blob');
    expect(one.headers['etag']).toMatch(`"${id}.`);
    const list = (await get('?fields=id&limit=1')).json<{ items: object[]; nextCursor: string }>();
    expect(list.items.map((item) => Object.keys(item))).toEqual([['id']]);
    expect(list.nextCursor).toMatch(/\w/);
    for (const path of [
      '?fields=',
      '?fields=id,blob',
      `/${id}?fields=__proto__`,
      `/${id}?fields=id,,state`,
    ]) {
      const refused = await get(path);
      expect([refused.statusCode, code(refused)]).toEqual([422, 'validation-failed']);
    }
  });
});
