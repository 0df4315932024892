// The matrix of role, scope and route, held to by walking through all of it: every route as every role, allowed and refused;
// things of other keys; limits of keys; and one audit row for every write that takes effect.
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { kitchenOf, recipes, type Caller, type Kitchen } from '../../../test/support/route-recipes.ts';
import { startTestService, type TestService } from '../../../test/support/test-service.ts';
import type { AuditRow } from '../../store/index.ts';
import { accessOf, roles, routeAccess, scopes, type Role, type Scope } from './matrix.ts';

let service: TestService;
let kitchen: Kitchen;
const seen = { allowed: 0, refused: 0, anonymous: 0 };
beforeAll(async () => {
  service = await startTestService({ rateLimitPerMinute: 100_000, failedAuthPerMinute: 100_000 });
  kitchen = kitchenOf(service);
});
afterAll(async () => {
  await service.close();
  process.stdout.write(
    `access matrix: ${Object.keys(routeAccess).length} routes x ${Object.keys(roles).length} roles, ${scopes.length} scopes: ` +
      `${seen.allowed} allowed, ${seen.refused} refused, ${seen.anonymous} without a key\n`,
  );
});

const code = (response: { json(): unknown }): unknown => (response.json() as { code?: string }).code;
const guarded = Object.entries(routeAccess).filter(
  (entry): entry is [string, readonly [Scope, ...Scope[]]] => entry[1] !== 'public',
);
const open = Object.entries(routeAccess).filter(([, access]) => access === 'public');
const methodOf = (route: string): string => route.split(' ')[0];
/** Asked by POST because the question has a body. */
const dryRuns = ['POST /v1/jobs/validate'];
const isWrite = (route: string): boolean => !['GET', 'HEAD'].includes(methodOf(route));
const changes = (route: string): boolean => isWrite(route) && !dryRuns.includes(route);
const publicPath = (route: string): string =>
  route.split(' ')[1].replace(/:\w+/, 'link-lost').replace('/docs/*', '/docs/json');

const newCaller = async (role: Role, limits?: object): Promise<Caller> => {
  const { id, headers } = await service.addKey(role, [], undefined, limits);
  return { keyId: id, role, headers };
};
const found = <T>(rows: T[]): T[] | false => (rows.length > 0 ? rows : false);
/** Sends the recipe of a route, made for `owner`, as `caller`. */
const send = async (route: string, caller: Caller, owner = caller) => {
  const { path, headers, body } = await recipes[route].ask(kitchen, owner);
  const correlation = service.store.newId();
  const response = await service.call(methodOf(route), path, {
    headers: { ...headers, ...caller.headers, 'x-correlation-id': correlation },
    body,
  });
  await kitchen.cleanUp();
  const find = async (): Promise<AuditRow[]> =>
    (await service.store.audit.list({ keyId: caller.keyId, limit: 500 })).filter(
      (row) => row.correlationId === correlation,
    );
  // The row of a refusal is written after its answer.
  const refused = isWrite(route) && response.statusCode === 403;
  const rows = refused
    ? await vi.waitUntil(async () => found(await find()), { timeout: 10_000, interval: 2 })
    : await find();
  return { response, rows };
};

describe('the matrix', () => {
  // A route that the matrix lacks cannot be registered at all (plugins/authentication.ts): the service would not start.
  it('lists only routes that exist', () => {
    for (const route of Object.keys(routeAccess)) {
      const [method, url] = route.replace('/docs/*', '/docs/static/*').split(' ');
      expect([route, service.app.hasRoute({ method: method, url })]).toEqual([route, true]);
    }
    expect(accessOf('GET', '/v1/not-there')).toBeUndefined();
  });

  it('has a recipe for every route that needs a key (test/support/route-recipes.ts)', () => {
    expect(Object.keys(recipes).sort()).toEqual(guarded.map(([route]) => route).sort());
  });

  it('gives roles only scopes that exist, and every scope to somebody', () => {
    const granted = new Set(Object.values(roles).flat());
    for (const scope of granted) expect(scopes).toContain(scope);
    for (const scope of scopes) expect([scope, granted.has(scope)]).toEqual([scope, true]);
  });

  it.each(open)('%s needs no key', async (route) => {
    const response = await service.call(methodOf(route), publicPath(route));
    expect([200, 302, 503]).toContain(response.statusCode);
  });

  it.each(guarded)('%s needs a key', async (route) => {
    const { path, headers, body } = await recipes[route].ask(kitchen, await newCaller('admin'));
    const response = await service.call(methodOf(route), path, { headers, body });
    await kitchen.cleanUp();
    expect([response.statusCode, code(response)]).toEqual([401, 'unauthenticated']);
    expect(response.headers['www-authenticate']).toMatch(/^Bearer/);
    seen.anonymous += 1;
  });
});

describe('every route as every role', () => {
  const cases = guarded.flatMap(([route, access]) =>
    (Object.keys(roles) as Role[]).map((role) => ({
      route,
      role,
      allowed: access.some((scope) => roles[role].includes(scope)),
    })),
  );

  it.each(cases)('$route as $role: allowed $allowed', async ({ route, role, allowed }) => {
    const { response, rows } = await send(route, await newCaller(role));
    const outcomes = rows.map((row) => row.outcome);
    if (allowed) {
      expect([response.statusCode, response.body]).toEqual([recipes[route].status, expect.any(String)]);
      // A write that took effect has exactly one row, a read and a dry run none.
      expect(outcomes).toEqual(changes(route) ? ['done'] : []);
      seen.allowed += 1;
    } else {
      expect(response.statusCode).toBe(403);
      expect(response.json()).toMatchObject({
        code: 'forbidden',
        requiredScope: expect.any(String) as string,
      });
      expect(outcomes).toEqual(isWrite(route) ? ['refused: forbidden'] : []);
      seen.refused += 1;
    }
  });

  it.each(guarded)('%s goes by the scopes of the key, not by its role', async (route, access) => {
    const { id, headers } = await service.addKey('admin');
    const without = roles.admin.filter((scope) => !access.includes(scope));
    await service.store.keys.edit(id, 0, { scopes: [...without] });
    const { response } = await send(route, { keyId: id, role: 'admin', headers });
    expect([response.statusCode, code(response)]).toEqual([403, 'forbidden']);
  });
});

describe('things of another key', () => {
  const owned = guarded.map(([route]) => route).filter((route) => recipes[route].foreign !== undefined);

  it.each(owned)('%s', async (route) => {
    const owner = await newCaller('researcher');
    const { response: refused } = await send(route, await newCaller('researcher'), owner);
    expect(refused.statusCode).toBe(recipes[route].foreign);
    const { response: granted } = await send(route, await newCaller('admin'), owner);
    expect(granted.statusCode).toBe(recipes[route].status);
  });
});

describe('limits of the key', () => {
  const users = guarded.map(([route]) => route).filter((route) => recipes[route].usesDevice === true);

  it.each(users)('%s', async (route) => {
    for (const limits of [{ devices: ['another'] }, { devices: [] }, { backends: ['chip'] }]) {
      const { response } = await send(route, await newCaller('admin', limits), await newCaller('admin'));
      expect([limits, response.statusCode, code(response)]).toEqual([limits, 403, 'forbidden']);
    }
    const fitting = { devices: ['chip-0'], backends: ['twin'] };
    const { response } = await send(route, await newCaller('admin', fitting));
    expect(response.statusCode).toBe(recipes[route].status);
    const elsewhere = await newCaller('admin', { cidr: ['192.0.2.0/24'] });
    expect((await send(route, elsewhere, await newCaller('admin'))).response.statusCode).toBe(401);
  });
});
