// Captures over HTTP: frozen on request and by failed jobs, listed, downloaded in parts, removed, and kept from others.
import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { jobBody, startTestService, type TestService } from '../../../test/support/test-service.ts';
import { KEPT_OF_FAILED_JOBS } from '../captures/captures.ts';

let service: TestService;
beforeEach(async () => {
  service = await startTestService();
});
afterEach(() => service.close());

type Body = Record<string, unknown>;
const call = (
  method: string,
  path: string,
  options: { body?: object; headers?: Record<string, string> } = {},
) => service.call(method, path, { role: 'operator', ...options });
const freeze = (headers = {}) => call('POST', '/v1/captures', { body: { device: 'chip-0' }, headers });

describe('a capture', () => {
  it('is kept, listed, read whole and in part, and removed, which the audit knows', async () => {
    const made = await freeze();
    expect(made.statusCode).toBe(201);
    const { id, digest } = made.json<{ id: string; digest: string }>();
    expect(made.json()).toMatchObject({
      device: 'chip-0',
      why: 'asked',
      replayable: true,
      bytes: 9,
      job: null,
    });
    const path = String(made.headers['location']);
    const whole = await call('GET', path);
    expect([whole.statusCode, whole.body, whole.headers['content-type']]).toEqual([
      200,
      'a capture',
      'application/x-mcap',
    ]);
    const sha256 = createHash('sha256').update('a capture').digest();
    expect(digest).toBe(`sha256:${sha256.toString('hex')}`);
    expect(whole.headers['repr-digest']).toBe(`sha-256=:${sha256.toString('base64')}:`);
    const part = await call('GET', path, { headers: { range: 'bytes=2-4' } });
    expect([part.statusCode, part.body, part.headers['content-range']]).toEqual([206, 'cap', 'bytes 2-4/9']);
    expect((await call('GET', path, { headers: { range: 'bytes=9-' } })).statusCode).toBe(416);
    expect(
      (await call('GET', path, { headers: { 'if-none-match': String(whole.headers['etag']) } })).statusCode,
    ).toBe(304);
    const list = (await call('GET', '/v1/captures?device=chip-0')).json<{ items: Body[] }>();
    expect(list.items.map((item) => item['id'])).toEqual([id]);
    expect((await call('GET', '/v1/captures?device=chip-1')).json<{ items: Body[] }>().items).toEqual([]);
    expect((await call('DELETE', path)).statusCode).toBe(204);
    expect((await call('GET', path)).json()).toMatchObject({ code: 'unknown-capture' });
    expect((await call('DELETE', path)).statusCode).toBe(404);
    const audit = (await service.store.audit.list()).filter((row) => row.target === id);
    expect(audit.map(({ action }) => action)).toEqual(['capture.delete', 'capture.freeze']);
  });

  it('is made once per Idempotency-Key, and of what is recorded only', async () => {
    const headers = { 'idempotency-key': 'once' };
    const [first, again] = [await freeze(headers), await freeze(headers)];
    expect(again.json<Body>()['id']).toBe(first.json<Body>()['id']);
    service.device.line = null;
    expect((await freeze()).json()).toMatchObject({ status: 409, code: 'nothing-recorded' });
  });

  it('says when the beginning is forgotten', async () => {
    service.device.line = { facts: { opened_wall_ms: 1, dropped_bytes: 7 }, bytes: new Uint8Array(3) };
    expect((await freeze()).json()).toMatchObject({ replayable: false, forgottenBytes: 7 });
  });

  it('is for those with capture:read, and takes no nonsense', async () => {
    expect((await service.call('GET', '/v1/captures', { role: 'researcher' })).statusCode).toBe(403);
    for (const body of [
      {},
      { device: 1 },
      { device: '' },
      { device: 'chip-0', more: 1 },
      [],
      { device: ['chip-0'] },
    ])
      expect((await call('POST', '/v1/captures', { body })).statusCode).toBe(422);
    expect((await call('POST', '/v1/captures', { body: { device: '🔥' } })).statusCode).toBe(404);
  });
});

describe('a job that fails', () => {
  const fail = async (code: string): Promise<Body> => {
    service.device.failWith = Object.assign(new Error('gone'), { code });
    const body = jobBody(await service.uploadPair(), { retry: 'never' });
    const made = await service.call('POST', '/v1/jobs', { role: 'researcher', body });
    const ended = await service.runner.waitForEnd(made.json<{ id: string }>().id, 10_000);
    return { ...ended };
  };

  it('names the capture of what passed before; the oldest of them make room', async () => {
    const job = await fail('link-lost');
    const { capture } = job['failure'] as { capture: string };
    expect(await service.store.captures.find(capture)).toMatchObject({
      jobId: job['id'],
      why: 'job-failed',
      keyId: job['keyId'],
    });
    const shown = await service.call('GET', `/v1/jobs/${String(job['id'])}`, { role: 'operator' });
    expect(shown.json()).toMatchObject({ failure: { capture } });
    await freeze();
    for (let k = 0; k < KEPT_OF_FAILED_JOBS; k++) await fail('device-fault');
    const kept = await service.store.captures.list();
    expect(kept.filter(({ why }) => why === 'job-failed')).toHaveLength(KEPT_OF_FAILED_JOBS);
    expect(kept.filter(({ why }) => why === 'asked')).toHaveLength(1);
    expect(await service.store.captures.find(capture)).toBeNull();
  });

  it('ends all the same when nothing can be kept', async () => {
    service.device.line = null;
    expect(((await fail('link-lost'))['failure'] as Body)['capture']).toBeUndefined();
    const broken = { opened_wall_ms: 1, dropped_bytes: 0 };
    service.device.line = { facts: broken, bytes: null as never };
    expect(await fail('link-lost')).toMatchObject({ state: 'failed', cause: 'link-lost' });
  });
});
