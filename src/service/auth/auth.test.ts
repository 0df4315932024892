import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { startTestService, type TestService } from '../../../test/support/test-service.ts';
import { systemClock } from '../../clock/clock.ts';
import { ensureBootstrapKey } from './bootstrap.ts';
import { scrapeGuard } from './scrape-guard.ts';
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

describe('the guard of the metrics', () => {
  it('lets keys with metrics:read scrape, from where they may come', async () => {
    const guard = scrapeGuard({ store: service.store, clock: systemClock });
    expect(await guard(service.as.viewer.authorization, '192.0.2.1')).toBeNull();
    expect(await guard(service.as.researcher.authorization, '192.0.2.1')).toBe(403);
    expect(await guard(undefined, '192.0.2.1')).toBe(401);
    expect(await guard('Bearer tlk_x_y', '192.0.2.1')).toBe(401);
    const { headers } = await service.addKey('viewer', [], undefined, { cidr: ['192.0.2.0/24'] });
    expect(await guard(headers.authorization, '192.0.2.1')).toBeNull();
    expect(await guard(headers.authorization, '198.51.100.1')).toBe(401);
    vi.spyOn(service.store.keys, 'find').mockRejectedValueOnce(new Error('the database is gone'));
    await expect(guard(service.as.viewer.authorization, '192.0.2.1')).rejects.toThrow('gone');
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

describe('the bootstrap key in a race', () => {
  it('makes one key, whatever comes at the same time', async () => {
    const fresh = await startTestService();
    try {
      for (const key of await fresh.store.keys.list()) await fresh.store.keys.revoke(key.id);
      // Two hosts that start at the same time may each have made one.
      const first = await ensureBootstrapKey(fresh.store, Date.now(), randomBytes);
      const { id, token, secretSha256 } = { id: fresh.store.newId(), ...mintKey('x', randomBytes) };
      await fresh.store.keys.add({
        id,
        name: 'bootstrap',
        role: 'bootstrap',
        scopes: ['keys:create'],
        secretSha256,
        expiresAt_ms: null,
      });
      const tokens = [first, first, first, token.replace('tlk_x_', `tlk_${id}_`)];
      const answers = await Promise.all(
        tokens.map((key, k) =>
          fresh.call('POST', '/v1/keys', {
            headers: { authorization: `Bearer ${key}` },
            body: { name: `admin ${k}`, role: 'admin' },
          }),
        ),
      );
      expect(answers.map((answer) => answer.statusCode).sort()).toEqual([201, 401, 401, 401]);
      const rows = await fresh.store.audit.list({ action: 'key.create' });
      expect(rows).toHaveLength(1);
      expect(
        (await fresh.store.keys.list()).filter((key) => key.role === 'admin' && key.revokedAt_ms === null),
      ).toHaveLength(1);
    } finally {
      await fresh.close();
    }
  });
});

describe('rate limit', () => {
  it('goes by the limit of the key, is told in headers, and counts refusals too', async () => {
    const limited = await startTestService({ rateLimitPerMinute: 5 });
    try {
      const key = await limited.addKey('viewer', [], undefined, { requestsPerMinute: 2 });
      const ask = (headers: Record<string, string>, url = '/v1/about') =>
        limited.call('GET', url, { headers });
      const first = await ask(key.headers);
      expect([first.headers['ratelimit-limit'], first.headers['ratelimit-remaining']]).toEqual(['2', '1']);
      expect(Number(first.headers['ratelimit-reset'])).toBeGreaterThan(0);
      expect((await ask(key.headers, '/v1/keys')).statusCode).toBe(403);
      const refused = await ask(key.headers, '/v1/keys');
      expect([refused.statusCode, code(refused), refused.headers['ratelimit-remaining']]).toEqual([
        429,
        'rate-limited',
        '0',
      ]);
      const exempt = await limited.addKey('viewer', [], undefined, { requestsPerMinute: 0 });
      for (let k = 0; k < 20; k++) {
        const answer = await ask(exempt.headers);
        expect([answer.statusCode, answer.headers['ratelimit-limit']]).toEqual([200, undefined]);
      }
      const generous = await limited.addKey('viewer', [], undefined, { requestsPerMinute: 10 });
      for (let k = 0; k < 10; k++) expect((await ask(generous.headers)).statusCode).toBe(200);
      expect((await ask(generous.headers)).statusCode).toBe(429);
    } finally {
      await limited.close();
    }
  });

  it('holds for addresses that come without a valid key', async () => {
    const limited = await startTestService({ failedAuthPerMinute: 3 });
    try {
      const from = (remoteAddress: string, headers: Record<string, string>) =>
        limited.app.inject({ url: '/v1/about', remoteAddress, headers });
      expect((await from('192.0.2.1', limited.as.viewer)).statusCode).toBe(200);
      for (let k = 0; k < 3; k++)
        expect((await from('192.0.2.1', { authorization: 'Bearer x' })).statusCode).toBe(401);
      const refused = await from('192.0.2.1', { authorization: 'Bearer x' });
      expect([refused.statusCode, code(refused)]).toEqual([429, 'rate-limited']);
      expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
      expect((await from('192.0.2.1', limited.as.viewer)).statusCode).toBe(200);
      expect((await from('192.0.2.1', limited.as.admin)).statusCode).toBe(429);
      expect((await from('192.0.2.2', limited.as.admin)).statusCode).toBe(200);
    } finally {
      await limited.close();
    }
  });

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
