import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestService, type TestService } from '../../../test/support/test-service.ts';
import { ensureBootstrapKey } from './bootstrap.ts';
import { mintKey, parseAuthorization, secretMatches } from './keys.ts';

let service: TestService;
beforeAll(async () => {
  service = await startTestService();
});
afterAll(() => service.close());

const code = (response: { json(): unknown }): unknown => (response.json() as { code?: string }).code;
describe('keys', () => {
  it('are compared as a whole', () => {
    const { token, secretSha256 } = mintKey('01ABC', (n) => new Uint8Array(n).fill(7));
    const given = parseAuthorization(`Bearer ${token}`);
    expect(given?.id).toBe('01ABC');
    expect(secretMatches(given?.secret ?? '', secretSha256)).toBe(true);
    expect(secretMatches(`${given?.secret.slice(0, -1)}A`, secretSha256)).toBe(false);
    expect(secretMatches('', secretSha256)).toBe(false);
  });

  it.each([
    '',
    'Bearer',
    'Bearer x',
    'Basic dGxrOg==',
    'Bearer tlk_1_short',
    'Bearer tlk__',
    `Bearer tlk_${'a'.repeat(900)}`,
  ])('refuses the header "%s"', async (authorization) => {
    const response = await service.call('GET', '/v1/about', { headers: { authorization } });
    expect([response.statusCode, code(response)]).toEqual([401, 'unauthenticated']);
  });

  it('refuses another secret, an expired key and a revoked one', async () => {
    const { id, headers } = await service.addKey('viewer');
    const flipped = { authorization: `${headers.authorization.slice(0, -2)}zz` };
    expect((await service.call('GET', '/v1/about', { headers: flipped })).statusCode).toBe(401);
    const old = await service.addKey('viewer', [], Date.now() - 1);
    expect((await service.call('GET', '/v1/about', { headers: old.headers })).statusCode).toBe(401);
    expect((await service.call('GET', '/v1/about', { headers })).statusCode).toBe(200);
    const revoked = await service.call('DELETE', `/v1/keys/${id}`, { role: 'admin' });
    expect([revoked.statusCode, revoked.body]).toEqual([204, '']);
    expect((await service.call('GET', '/v1/about', { headers })).statusCode).toBe(401);
  });

  it('are made with the scopes of their role or fewer, and the secret is stored nowhere', async () => {
    const body = { name: 'lab', role: 'researcher', scopes: ['device:read'], devices: ['chip-0'] };
    const made = await service.call('POST', '/v1/keys', { role: 'admin', body });
    expect(made.statusCode).toBe(201);
    const { id, key, ...rest } = made.json<{ id: string; key: string }>();
    expect(rest).toMatchObject({ role: 'researcher', scopes: ['device:read'], devices: ['chip-0'] });
    expect(made.headers['location']).toBe(`/v1/keys/${id}`);
    const headers = { authorization: `Bearer ${key}` };
    expect((await service.call('GET', '/v1/about', { headers })).statusCode).toBe(200);
    expect((await service.call('GET', '/v1/jobs', { headers })).statusCode).toBe(403);
    const shown = await service.call('GET', `/v1/keys/${id}`, { role: 'admin' });
    expect(shown.json()).not.toHaveProperty('key');
    expect(JSON.stringify(await service.store.keys.find(id))).not.toContain(key.slice(-43));
    const listed = await service.call('GET', '/v1/keys?limit=500', { role: 'admin' });
    expect(listed.json<{ items: { id: string }[] }>().items.map((k) => k.id)).toContain(id);
  });

  it.each([
    [{ name: 'x', role: 'bootstrap' }, '/role'],
    [{ name: 'x', role: 'viewer', scopes: ['keys:admin'] }, '/scopes/0'],
    [{ name: '', role: 'viewer' }, '/name'],
    [{ name: 'x', role: 'viewer', expiresAt: 'tomorrow' }, '/expiresAt'],
    [{ name: 'x', role: 'viewer', extra: 1 }, '/extra'],
  ])('refuses %j', async (body, pointer) => {
    const response = await service.call('POST', '/v1/keys', { role: 'admin', body });
    expect(response.statusCode).toBe(422);
    expect(response.json()).toMatchObject({ code: 'validation-failed', errors: [{ pointer }] });
  });

  it('does not repeat a secret in a replayed answer', async () => {
    const headers = { ...service.as.admin, 'idempotency-key': 'make-one' };
    const body = { name: 'once', role: 'viewer' };
    const first = await service.call('POST', '/v1/keys', { headers, body });
    const again = await service.call('POST', '/v1/keys', { headers, body });
    expect(again.headers['idempotency-replayed']).toBe('true');
    expect(again.json()).toEqual({ ...first.json<object>(), key: null });
  });
});

describe('the bootstrap key', () => {
  it('appears while no key can make keys, makes one, and is spent', async () => {
    const fresh = await startTestService();
    try {
      for (const key of await fresh.store.keys.list()) await fresh.store.keys.revoke(key.id);
      const first = await ensureBootstrapKey(fresh.store, Date.now(), randomBytes);
      const second = await ensureBootstrapKey(fresh.store, Date.now(), randomBytes);
      const use = (token: string | null, method: string, url: string, body?: object) =>
        fresh.call(method, url, { headers: { authorization: `Bearer ${token}` }, body });
      expect((await use(first, 'POST', '/v1/keys', { name: 'a', role: 'admin' })).statusCode).toBe(401);
      expect((await use(second, 'GET', '/v1/devices')).statusCode).toBe(403);
      expect((await use(second, 'POST', '/v1/keys', { name: 'a', role: 'admin' })).statusCode).toBe(201);
      expect((await use(second, 'POST', '/v1/keys', { name: 'b', role: 'admin' })).statusCode).toBe(401);
      expect(await ensureBootstrapKey(fresh.store, Date.now(), randomBytes)).toBeNull();
    } finally {
      await fresh.close();
    }
  });
});

describe('rate limit', () => {
  it('counts each key by itself and says when to come back', async () => {
    const limited = await startTestService({ rateLimitPerMinute: 3 });
    try {
      for (let k = 0; k < 3; k++)
        expect((await limited.call('GET', '/v1/about', { role: 'viewer' })).statusCode).toBe(200);
      const refused = await limited.call('GET', '/v1/about', { role: 'viewer' });
      expect([refused.statusCode, code(refused)]).toEqual([429, 'rate-limited']);
      expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
      expect((await limited.call('GET', '/v1/about', { role: 'admin' })).statusCode).toBe(200);
      for (let k = 0; k < 5; k++) expect((await limited.call('GET', '/healthz')).statusCode).toBe(200);
    } finally {
      await limited.close();
    }
  });
});
