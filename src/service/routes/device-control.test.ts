// What people want of a device, over HTTP: states with If-Match, the safe stop past queue and rate limit, leases.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { jobBody, startTestService, type TestService } from '../../../test/support/test-service.ts';

let service: TestService;
beforeEach(async () => {
  service = await startTestService();
});
afterEach(() => service.close());

const DEVICE = '/v1/devices/chip-0';
type Body = Record<string, unknown>;
const as = async (
  role: 'researcher' | 'operator' | 'viewer',
  method: string,
  path: string,
  body?: object,
  headers = {},
) => {
  const response = await service.call(method, path, { role, body, headers });
  return {
    status: response.statusCode,
    headers: response.headers,
    body: response.body === '' ? {} : response.json<Body>(),
  };
};
const job = async (body: object, role: 'researcher' | 'operator' = 'researcher') =>
  as(role, 'POST', '/v1/jobs', jobBody(await service.uploadPair(), body));
const jobIs = (id: unknown, state: object) =>
  vi.waitFor(async () => {
    const { body } = await as('operator', 'GET', `/v1/jobs/${String(id)}`);
    expect(body).toMatchObject(state);
    return body;
  }, 10_000);

describe('a safe stop', () => {
  it('ends what runs as safe-stop, keeps the queue waiting, and refuses new jobs that do not wait', async () => {
    service.device.held = true;
    const started = service.device.started();
    const running = await job({ retry: 'never' });
    await started;
    const again = await job({});
    service.device.stopReport = { confirmed: true, endedOperation: true, duration_s: 0.02, reason: null };
    const stop = await as('operator', 'POST', `${DEVICE}/safe-stop`, { reason: 'smoke' });
    expect(stop).toMatchObject({
      status: 200,
      body: {
        desired: 'ready',
        safeStop: {
          reason: 'smoke',
          confirmed: true,
          duration_s: 0.02,
          endedOperation: true,
          notConfirmed: null,
        },
      },
    });
    expect(stop.headers['thermoloop-device']).toBe('chip-0');
    expect(await jobIs(running.body['id'], { state: 'failed' })).toMatchObject({ cause: 'safe-stop' });
    expect(await job({})).toMatchObject({ status: 503, body: { code: 'device-stopped', retryable: false } });
    const calibration = { device: 'chip-0', kind: 'noise-temperature' };
    expect(await as('operator', 'POST', '/v1/calibrations', calibration)).toMatchObject({ status: 503 });
    const waiting = await job({ onUnmet: 'wait' });
    expect(waiting.status).toBe(201);
    service.device.held = false;
    const resume = await as('operator', 'POST', `${DEVICE}/resume`, { reason: 'a fan was off' });
    expect(resume).toMatchObject({ status: 200, body: { safeStop: null } });
    await jobIs(again.body['id'], { state: 'succeeded' });
    await jobIs(waiting.body['id'], { state: 'succeeded' });
    expect(service.device.ran).toEqual([3, 3, 3]);
    const audit = await service.store.audit.list();
    expect(audit.filter((row) => row.target === 'chip-0')).toMatchObject([
      { action: 'device.resume', detail: { reason: 'a fan was off' } },
      { action: 'device.safe-stop', detail: { reason: 'smoke' } },
    ]);
  });

  it('puts a job with retry auto back, which runs after the resume', async () => {
    service.device.held = true;
    const started = service.device.started();
    const { body } = await job({});
    await started;
    await as('operator', 'POST', `${DEVICE}/safe-stop`);
    await vi.waitFor(async () =>
      expect(await service.store.jobs.get(String(body['id']))).toMatchObject({
        state: 'held',
        hold: { reason: 'device-stopped' },
      }),
    );
    service.device.held = false;
    await as('operator', 'POST', `${DEVICE}/resume`, { reason: 'ok' });
    const done = await jobIs(body['id'], { state: 'succeeded' });
    expect(done['attempts']).toMatchObject([{ cause: 'safe-stop' }, { state: 'succeeded' }]);
  });

  it('may be repeated, with and without a body, and says what the device did not confirm', async () => {
    const reason = { code: 'link-timeout', message: 'it is silent', remedy: 'Cut its power.' };
    service.device.stopReport = { confirmed: false, endedOperation: false, duration_s: 5, reason };
    for (const body of [undefined, {}, { reason: 'x' }])
      expect(await as('operator', 'POST', `${DEVICE}/safe-stop`, body)).toMatchObject({
        status: 200,
        body: { safeStop: { confirmed: false, notConfirmed: reason } },
      });
    expect(service.device.stops).toBe(3);
  });

  it('is not counted against the rate of the key', async () => {
    const limited = await startTestService({ rateLimitPerMinute: 2 });
    try {
      const call = (method: string, path: string) => limited.call(method, path, { role: 'operator' });
      for (let k = 0; k < 3; k++) await call('GET', DEVICE);
      expect((await call('GET', DEVICE)).statusCode).toBe(429);
      expect((await call('POST', `${DEVICE}/safe-stop`)).statusCode).toBe(200);
    } finally {
      await limited.close();
    }
  });

  it('needs its own scope, and a resume another one and a reason', async () => {
    expect(await as('researcher', 'POST', `${DEVICE}/safe-stop`)).toMatchObject({
      status: 403,
      body: { requiredScope: 'device:stop' },
    });
    expect(await as('operator', 'POST', `${DEVICE}/resume`, { reason: 'x' })).toMatchObject({
      status: 409,
      body: { code: 'state-conflict' },
    });
    for (const body of [
      undefined,
      {},
      { reason: '' },
      { reason: '   ' },
      { reason: 7 },
      { reason: 'x'.repeat(501) },
    ])
      expect((await as('operator', 'POST', `${DEVICE}/resume`, body)).status).toBe(422);
    for (const body of [{ reason: 7 }, { why: 'x' }, [1], { reason: { deep: [[[[]]]] } }])
      expect((await as('operator', 'POST', `${DEVICE}/safe-stop`, body)).status).toBe(422);
    expect((await as('operator', 'POST', '/v1/devices/%F0%9F%94%A5/safe-stop')).status).toBe(404);
  });
});

describe('the state of a device', () => {
  const put = (desired: unknown, etag?: string) =>
    as('operator', 'PUT', `${DEVICE}/state`, { desired }, etag === undefined ? {} : { 'if-match': etag });

  it('is changed by who has seen it, and its tags grow', async () => {
    const before = await as('viewer', 'GET', `${DEVICE}/state`);
    expect(before.body).toMatchObject({ desired: 'ready', allowed: ['ready', 'maintenance', 'offline'] });
    const tag = String(before.headers['etag']);
    const device = await as('viewer', 'GET', DEVICE);
    expect(await put('maintenance')).toMatchObject({ status: 428 });
    expect(await put('maintenance', '"other"')).toMatchObject({ status: 412 });
    const changed = await put('maintenance', tag);
    expect(changed).toMatchObject({ status: 200, body: { desired: 'maintenance' } });
    expect(changed.headers['etag']).not.toBe(tag);
    expect(await put('offline', tag)).toMatchObject({
      status: 412,
      body: { currentEtag: changed.headers['etag'] },
    });
    const after = await as('viewer', 'GET', DEVICE);
    expect(after.headers['etag']).not.toBe(device.headers['etag']);
    expect(after.body).toMatchObject({ use: { desired: 'maintenance', safeStop: null, lease: null } });
    const known = { 'if-none-match': String(changed.headers['etag']) };
    expect(await as('viewer', 'GET', `${DEVICE}/state`, undefined, known)).toMatchObject({ status: 304 });
  });

  it('in maintenance lets what runs end and the queue wait; offline is refused meanwhile, and disconnects afterwards', async () => {
    service.device.held = true;
    const started = service.device.started();
    const running = await job({});
    await started;
    expect((await put('maintenance', '*')).status).toBe(200);
    expect(await put('offline', '*')).toMatchObject({
      status: 409,
      body: { code: 'state-conflict', errors: [{ pointer: '/desired', allowed: ['ready', 'maintenance'] }] },
    });
    const queued = await job({});
    service.device.held = false;
    service.device.release();
    await jobIs(running.body['id'], { state: 'succeeded' });
    expect((await put('offline', '*')).status).toBe(200);
    expect((await as('viewer', 'GET', DEVICE)).body).toMatchObject({
      state: 'offline',
      reason: { code: 'taken-offline' },
    });
    expect(await job({})).toMatchObject({ status: 503, body: { code: 'device-offline' } });
    expect(service.device.ran).toHaveLength(1);
    expect((await put('ready', '*')).status).toBe(200);
    await jobIs(queued.body['id'], { state: 'succeeded' });
  });

  it('takes nothing else', async () => {
    for (const desired of ['running', '', null, 1, ['ready'], { a: {} }])
      expect((await put(desired, '*')).status).toBe(422);
    expect((await as('viewer', 'PUT', `${DEVICE}/state`, { desired: 'offline' })).status).toBe(403);
  });
});

describe('a lease', () => {
  const take = (role: 'researcher' | 'operator', ttl_s: unknown = 60, extra = {}) =>
    as(role, 'POST', `${DEVICE}/leases`, { ttl_s, ...extra });

  it('is held by one key, shown to those who may know, renewed, and given back', async () => {
    const taken = await take('researcher', 60, { purpose: 'calibrating the world' });
    expect(taken).toMatchObject({
      status: 201,
      body: { own: true, active: true, purpose: 'calibrating the world' },
    });
    const path = String(taken.headers['location']);
    const refused = await take('operator');
    expect(refused).toMatchObject({ status: 409, body: { code: 'lease-held', retryable: true } });
    expect(refused.body['detail']).toContain(String(taken.body['key']));
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    expect((await take('researcher')).body['remedy']).toContain('Renew');
    expect((await as('viewer', 'GET', path)).body).toMatchObject({ own: false, key: null, purpose: null });
    expect((await as('viewer', 'GET', DEVICE)).body).toMatchObject({
      use: { lease: { id: taken.body['id'] } },
    });
    expect(await as('operator', 'PUT', path, { ttl_s: 60 })).toMatchObject({ status: 403 });
    const renewed = await as('researcher', 'PUT', path, { ttl_s: 600 });
    expect(renewed).toMatchObject({ status: 200 });
    expect(Date.parse(String(renewed.body['expiresAt']))).toBeGreaterThan(
      Date.parse(String(taken.body['expiresAt'])),
    );
    for (let k = 0; k < 2; k++) expect((await as('operator', 'DELETE', path)).status).toBe(204);
    expect(await as('researcher', 'PUT', path, { ttl_s: 60 })).toMatchObject({
      status: 409,
      body: { code: 'state-conflict' },
    });
    expect((await take('operator')).status).toBe(201);
    expect((await as('viewer', 'GET', `${DEVICE}/leases`)).body['items']).toHaveLength(2);
  });

  it('makes the jobs of others wait and not those of its key, and the first runs when it ends', async () => {
    const lease = await take('operator');
    const other = await job({}, 'researcher');
    const own = await job({}, 'operator');
    await jobIs(own.body['id'], { state: 'succeeded' });
    expect(await service.store.jobs.get(String(other.body['id']))).toMatchObject({
      state: 'held',
      hold: { reason: 'lease', until_ms: Date.parse(String(lease.body['expiresAt'])) },
    });
    expect(service.device.ran).toHaveLength(1);
    await as('operator', 'DELETE', String(lease.headers['location']));
    await jobIs(other.body['id'], { state: 'succeeded' });
  });

  it('ends by itself', async () => {
    await take('operator', 1);
    const other = await job({}, 'researcher');
    await jobIs(other.body['id'], { state: 'succeeded' });
    expect(await service.store.audit.list({ action: 'lease.expire' })).toHaveLength(1);
  });

  it('is answered once per Idempotency-Key', async () => {
    const headers = { 'idempotency-key': 'k1' };
    const first = await as('researcher', 'POST', `${DEVICE}/leases`, { ttl_s: 60 }, headers);
    const again = await as('researcher', 'POST', `${DEVICE}/leases`, { ttl_s: 60 }, headers);
    expect([again.status, again.body['id'], again.headers['idempotency-replayed']]).toEqual([
      201,
      first.body['id'],
      'true',
    ]);
  });

  it('takes no nonsense', async () => {
    for (const ttl of [0, -1, 86_401, '60', null, 1e308, [60]])
      expect((await take('operator', ttl)).status).toBe(422);
    expect((await take('operator', 60, { purpose: 'x'.repeat(501) })).status).toBe(422);
    expect((await take('operator', 60, { more: 1 })).status).toBe(422);
    for (const method of ['GET', 'PUT', 'DELETE'])
      expect(
        await as('operator', method, `${DEVICE}/leases/nobody`, method === 'PUT' ? { ttl_s: 60 } : undefined),
      ).toMatchObject({
        status: 404,
        body: { code: 'unknown-lease' },
      });
  });
});
