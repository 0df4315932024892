import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { budgetSpent, utcDay_ms } from '../jobs/index.ts';
import { jobBody, startTestService, type TestService } from '../../test/support/test-service.ts';

let service: TestService;
let model: string;
beforeAll(async () => {
  service = await startTestService();
  model = await service.uploadPair();
});
afterAll(() => service.close());

type Caller = Awaited<ReturnType<TestService['addKey']>>;
const submit = async (caller: Caller, change: object = {}) => {
  const response = await service.call('POST', '/v1/jobs', {
    headers: caller.headers,
    body: jobBody(model, change),
  });
  return { response, body: response.json<Record<string, unknown>>() };
};

describe('queuedJobsMax of a key', () => {
  it('refuses one more than may wait, keeps nothing of it, and takes it when one has left', async () => {
    service.device.become('offline');
    const caller = await service.addKey('researcher', [], undefined, { queuedJobsMax: 2 });
    const other = await service.addKey('researcher');
    const waiting = { onUnmet: 'wait' };
    const first = await submit(caller, waiting);
    await submit(caller, waiting);
    const refused = await submit(caller, waiting);
    expect([refused.response.statusCode, refused.body.code, refused.body.retryable]).toEqual([
      429,
      'queue-full',
      true,
    ]);
    expect(Number(refused.response.headers['retry-after'])).toBeGreaterThan(0);
    expect(await service.store.jobs.countWaiting(caller.id)).toBe(2);
    expect((await submit(other, waiting)).response.statusCode).toBe(201);
    await service.call('POST', `/v1/jobs/${String(first.body.id)}/cancel`, { headers: caller.headers });
    expect((await submit(caller, waiting)).response.statusCode).toBe(201);
    service.device.become('ready');
  });
});

describe('maxPriority of a key', () => {
  it.each([
    ['batch', 'batch'],
    ['normal', 'normal'],
    ['interactive', 'normal'],
  ])('%s makes a job that names no priority %s', async (maxPriority, expected) => {
    const caller = await service.addKey('researcher', [], undefined, { maxPriority });
    const { response, body } = await submit(caller);
    expect([response.statusCode, body.priority]).toEqual([201, expected]);
    const { headers } = caller;
    const jobs = { jobs: [jobBody(model)] };
    const batch = await service.call('POST', '/v1/jobs/batch', { headers, body: jobs });
    expect(batch.json()).toMatchObject({ items: [{ job: { priority: expected } }] });
    const dryRun = await service.call('POST', '/v1/jobs/validate', { headers, body: jobBody(model) });
    expect(dryRun.json()).toMatchObject({ ok: true, request: { priority: expected } });
  });

  it('still refuses a higher one that is named', async () => {
    const caller = await service.addKey('researcher', [], undefined, { maxPriority: 'batch' });
    const { response, body } = await submit(caller, { priority: 'normal' });
    expect([response.statusCode, body.errors]).toEqual([
      403,
      [expect.objectContaining({ pointer: '/priority' })],
    ]);
  });
});

describe('energyPerDay_J of a key', () => {
  const DAY_MS = 86_400_000;
  const spend = (keyId: string, joules: number, jobId = service.store.newId()) =>
    service.store.heat.add({
      device: 'chip-0',
      backend: 'twin',
      jobId,
      attempt: 1,
      keyId,
      ended: 'failed',
      from_ms: 0,
      to_ms: 1,
      samples: 0,
      effectiveSamples: null,
      energy_J: { idle: joules, program: 0, relax: 0, read: 0 },
      energyReason: null,
      released_kT: null,
      absorbed_kT: null,
      heatReason: null,
      calibration: null,
    });

  it('refuses jobs of the key once they have used it up, until midnight UTC, and keeps nothing of them', async () => {
    const caller = await service.addKey('researcher', [], undefined, { energyPerDay_J: 10 });
    const other = await service.addKey('researcher');
    await spend(other.id, 1000);
    await spend(caller.id, 9.99);
    expect((await submit(caller)).response.statusCode).toBe(201);
    await spend(caller.id, 0.01);
    const before = await service.store.jobs.list({ keyId: caller.id });
    const { response, body } = await submit(caller);
    expect([response.statusCode, body.code, body.retryable]).toEqual([429, 'energy-budget-spent', true]);
    expect(body.detail).toContain('10 J today, of 10 J a day');
    const left_s = (DAY_MS - (Date.now() % DAY_MS)) / 1000;
    const retryAfter_s = Number(response.headers['retry-after']);
    expect(retryAfter_s).toBeLessThanOrEqual(Math.ceil(left_s) + 1);
    expect(retryAfter_s).toBeGreaterThan(left_s - 60);
    expect(await service.store.jobs.list({ keyId: caller.id })).toHaveLength(before.length);
    expect((await submit(other)).response.statusCode).toBe(201);
    // Whoever waits is told by the hold.
    expect((await submit(caller, { onUnmet: 'wait' })).response.statusCode).toBe(201);
  });

  it('holds what waits, lets the jobs of others by, and releases it when the limit is raised', async () => {
    const caller = await service.addKey('researcher', [], undefined, { energyPerDay_J: 1 });
    const other = await service.addKey('researcher');
    await spend(caller.id, 1);
    const { body } = await submit(caller, { onUnmet: 'wait' });
    const { runner, store } = service;
    await expect.poll(async () => (await store.jobs.get(String(body.id))).state).toBe('held');
    const held = await store.jobs.get(String(body.id));
    expect(held.hold).toMatchObject({
      reason: 'budget',
      detail: expect.stringContaining('1 J a day') as string,
    });
    expect(held.hold?.until_ms).toBe(utcDay_ms(held.hold?.since_ms ?? 0).end_ms);
    const { body: theirs } = await submit(other);
    expect((await runner.waitForEnd(String(theirs.id), 20_000)).state).toBe('succeeded');
    expect((await store.jobs.get(held.id)).state).toBe('held');
    const key = await store.keys.find(caller.id);
    if (key === null) throw new Error('the key is gone');
    await store.keys.edit(key.id, key.revision, { limits: { ...key.limits, energyPerDay_J: 5 } });
    expect((await runner.waitForEnd(held.id, 20_000)).state).toBe('succeeded');
  });

  it('is the problem of each job of a batch that does not wait', async () => {
    const caller = await service.addKey('researcher', [], undefined, { energyPerDay_J: 0 });
    const jobs = [jobBody(model), jobBody(model, { onUnmet: 'wait' })];
    const response = await service.call('POST', '/v1/jobs/batch', {
      headers: caller.headers,
      body: { jobs },
    });
    expect(response.json()).toMatchObject({
      accepted: 1,
      items: [{ job: null, problem: { code: 'energy-budget-spent', status: 429 } }, { problem: null }],
    });
  });
});

describe('a budget of joules', () => {
  it('is spent from the limit on, for the rest of the UTC day', () => {
    const noon_ms = Date.UTC(2026, 10, 24, 12);
    expect(budgetSpent({ energyPerDay_J: null }, 1e9, noon_ms)).toBeNull();
    expect(budgetSpent({ energyPerDay_J: 5 }, 4.999, noon_ms)).toBeNull();
    expect(budgetSpent({ energyPerDay_J: 5 }, 5, noon_ms)?.until_ms).toBe(Date.UTC(2026, 10, 25));
    expect(budgetSpent({ energyPerDay_J: 0 }, 0, noon_ms)?.detail).toContain('0 J a day');
    expect(utcDay_ms(Date.UTC(2026, 10, 25))).toEqual({
      begin_ms: Date.UTC(2026, 10, 25),
      end_ms: Date.UTC(2026, 10, 26),
    });
  });
});
