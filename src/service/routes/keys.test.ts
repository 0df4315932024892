// Limits of keys, and edits of them: two administrators notice each other, and nobody grants more than they may.
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { jobBody, startTestService, type TestService } from '../../../test/support/test-service.ts';
import { ensureBootstrapKey } from '../auth/bootstrap.ts';

let service: TestService;
beforeAll(async () => {
  service = await startTestService();
});
afterAll(() => service.close());

interface KeyBody {
  id: string;
  key: string;
  limits: Record<string, unknown>;
  [name: string]: unknown;
}
const NO_LIMITS = {
  devices: null,
  backends: null,
  maxPriority: null,
  requestsPerMinute: null,
  queuedJobsMax: null,
  storageBytesMax: null,
  energyPerDay_J: null,
  cidr: [],
};
const make = async (body: object): Promise<KeyBody> => {
  const made = await service.call('POST', '/v1/keys', {
    role: 'admin',
    body: { name: 'k', role: 'researcher', ...body },
  });
  expect(made.statusCode).toBe(201);
  return made.json<KeyBody>();
};
const patch = (id: string, body: object | string, ifMatch?: string) =>
  service.call('PATCH', `/v1/keys/${id}`, {
    headers: { ...service.as.admin, ...(ifMatch !== undefined && { 'if-match': ifMatch }) },
    body,
  });
const etagOf = async (id: string): Promise<string> =>
  String((await service.call('GET', `/v1/keys/${id}`, { role: 'admin' })).headers['etag']);
const code = (response: { json(): unknown }): unknown => (response.json() as { code?: string }).code;

describe('limits of a key', () => {
  it('are none unless named, and are shown', async () => {
    expect((await make({})).limits).toEqual(NO_LIMITS);
    const limits = { maxPriority: 'batch', cidr: ['10.0.0.0/8', '::1'], storageBytesMax: 1e9 };
    expect((await make({ limits })).limits).toEqual({ ...NO_LIMITS, ...limits });
  });

  it.each([
    [{ cidr: ['10.0.0.0/33'] }, '/limits/cidr/0'],
    [{ cidr: '10.0.0.0/8' }, '/limits/cidr'],
    [{ cidr: ['é'.repeat(40)] }, '/limits/cidr/0'],
    [{ cidr: new Array(51).fill('::1') }, '/limits/cidr'],
    [{ requestsPerMinute: -1 }, '/limits/requestsPerMinute'],
    [{ requestsPerMinute: 1.5 }, '/limits/requestsPerMinute'],
    [{ requestsPerMinute: '0' }, '/limits/requestsPerMinute'],
    [{ queuedJobsMax: 1e9 }, '/limits/queuedJobsMax'],
    [{ storageBytesMax: 2 ** 60 }, '/limits/storageBytesMax'],
    [{ energyPerDay_J: -1 }, '/limits/energyPerDay_J'],
    [{ energyPerDay_J: '5' }, '/limits/energyPerDay_J'],
    [{ maxPriority: 'toString' }, '/limits/maxPriority'],
    [{ backends: ['chips'] }, '/limits/backends/0'],
    [{ devices: [''] }, '/limits/devices/0'],
    [{ energyPerWeek_J: 1 }, '/limits/energyPerWeek_J'],
    [[], '/limits'],
  ])('%j is refused', async (limits, pointer) => {
    const body = { name: 'x', role: 'viewer', limits };
    const response = await service.call('POST', '/v1/keys', { role: 'admin', body });
    expect([response.statusCode, response.json()]).toMatchObject([422, { errors: [{ pointer }] }]);
  });

  it('keep a key to its devices and kinds of device', async () => {
    const model = await service.uploadPair();
    const submit = async (limits: object, role = 'researcher'): Promise<unknown[]> => {
      const { key } = await make({ role, limits });
      const headers = { authorization: `Bearer ${key}` };
      const response = await service.call('POST', '/v1/jobs', { headers, body: jobBody(model) });
      return [response.statusCode, code(response)];
    };
    service.device.backend = 'chip';
    expect(await submit({ devices: ['chip-0'] })).toEqual([201, undefined]);
    expect(await submit({ devices: ['chip-1'] })).toEqual([403, 'forbidden']);
    expect(await submit({ devices: [] }, 'admin')).toEqual([403, 'forbidden']);
    expect(await submit({ backends: ['chip', 'replay'] })).toEqual([201, undefined]);
    expect(await submit({ backends: ['twin'] }, 'operator')).toEqual([403, 'forbidden']);
    expect(await submit({}, 'ci')).toEqual([403, 'forbidden']);
    expect(await submit({ devices: ['chip-0'] }, 'ci')).toEqual([201, undefined]);
    service.device.backend = 'twin';
  });

  it('keep a key to its networks', async () => {
    const { key } = await make({ limits: { cidr: ['192.0.2.0/24', '2001:db8::/32'] } });
    const from = (remoteAddress: string) =>
      service.app.inject({ url: '/v1/about', remoteAddress, headers: { authorization: `Bearer ${key}` } });
    expect((await from('192.0.2.9')).statusCode).toBe(200);
    expect((await from('::ffff:192.0.2.9')).statusCode).toBe(200);
    expect((await from('2001:db8::9')).statusCode).toBe(200);
    const refused = await from('127.0.0.1');
    expect([refused.statusCode, code(refused)]).toEqual([401, 'unauthenticated']);
  });

  it('exempt from the rate limit only where an admin key says so', async () => {
    expect((await make({ limits: { requestsPerMinute: 0 } })).limits['requestsPerMinute']).toBe(0);
    const fresh = await startTestService();
    try {
      for (const key of await fresh.store.keys.list()) await fresh.store.keys.revoke(key.id);
      const token = await ensureBootstrapKey(fresh.store, Date.now(), randomBytes);
      const headers = { authorization: `Bearer ${token}` };
      const limits = { requestsPerMinute: 0 };
      const body = { name: 'first', role: 'admin', limits };
      const refused = await fresh.call('POST', '/v1/keys', { headers, body });
      expect(refused.json()).toMatchObject({ code: 'forbidden', requiredScope: 'keys:admin' });
      const made = await fresh.call('POST', '/v1/keys', { headers, body: { name: 'first', role: 'admin' } });
      expect(made.statusCode).toBe(201);
    } finally {
      await fresh.close();
    }
  });
});

describe('PATCH /v1/keys/{id}', () => {
  it('changes what is named and keeps the rest', async () => {
    const { id } = await make({ role: 'ci', devices: ['chip-0'], limits: { queuedJobsMax: 7 } });
    const edited = await patch(
      id,
      { name: 'new', scopes: ['device:read', 'job:read'], limits: { maxPriority: 'batch' } },
      await etagOf(id),
    );
    expect(edited.statusCode).toBe(200);
    expect(edited.json()).toMatchObject({
      name: 'new',
      scopes: ['device:read', 'job:read'],
      devices: ['chip-0'],
      limits: { ...NO_LIMITS, queuedJobsMax: 7, maxPriority: 'batch' },
    });
    expect(edited.headers['etag']).toBe(await etagOf(id));
    const shown = await service.call('GET', `/v1/keys/${id}`, { role: 'admin' });
    expect(shown.json()).toEqual(edited.json());
    const expiresAt = new Date(Date.now() + 3_600_000).toISOString();
    expect((await patch(id, { expiresAt }, await etagOf(id))).json()).toMatchObject({ expiresAt });
    expect((await patch(id, { expiresAt: null }, await etagOf(id))).json()).toMatchObject({
      expiresAt: null,
    });
    const rows = await service.store.audit.list({ action: 'key.edit' });
    expect(rows.filter((row) => row.target === id)).toHaveLength(3);
  });

  it('wants the version it changes', async () => {
    const { id } = await make({});
    const tag = await etagOf(id);
    const without = await patch(id, { name: 'a' });
    expect([without.statusCode, code(without)]).toEqual([428, 'precondition-required']);
    for (const stale of ['"other"', `W/${tag}`, 'nonsense', '']) {
      const refused = await patch(id, { name: 'a' }, stale);
      expect([stale, refused.statusCode, refused.json<KeyBody>()['currentEtag']]).toEqual([stale, 412, tag]);
    }
    const both = await Promise.all([patch(id, { name: 'a' }, tag), patch(id, { name: 'b' }, tag)]);
    expect(both.map((response) => response.statusCode).sort()).toEqual([200, 412]);
    expect((await patch(id, { name: 'c' }, '*')).statusCode).toBe(200);
  });

  it.each([
    [{}, ''],
    [{ name: 'x', role: 'admin' }, '/role'],
    [{ scopes: ['keys:admin'] }, '/scopes/0'],
    [{ scopes: [] }, '/scopes'],
    [{ expiresAt: '2001-01-01T00:00:00Z' }, '/expiresAt'],
    [{ limits: { devices: 'chip-0' } }, '/limits/devices'],
    ['[]', ''],
  ])('refuses %j', async (body, pointer) => {
    const { id } = await make({});
    const response = await service.call('PATCH', `/v1/keys/${id}`, {
      headers: { ...service.as.admin, 'if-match': '*', 'content-type': 'application/json' },
      body,
    });
    expect([response.statusCode, response.json()]).toMatchObject([422, { errors: [{ pointer }] }]);
  });

  it('does not bring a revoked key back, and knows no others', async () => {
    const { id } = await make({});
    await service.call('DELETE', `/v1/keys/${id}`, { role: 'admin' });
    expect((await patch(id, { name: 'a' }, '*')).statusCode).toBe(404);
    expect((await patch('nobody', { name: 'a' }, '*')).statusCode).toBe(404);
  });
});
