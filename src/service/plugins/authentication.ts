// The guard: every route stands in the matrix (auth/matrix.ts), and every one that is not public needs a key with the scope.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { accessOf, type Access } from '../auth/matrix.ts';
import { isInside } from '../auth/networks.ts';
import { parseAuthorization, secretMatches } from '../auth/keys.ts';
import type { Identity, ServiceContext } from '../context.ts';
import { ProblemError } from '../problems/problem.ts';

/** Compared with when the id is unknown, so that an unknown id takes as long as a wrong secret. */
const NO_SECRET = '0'.repeat(64);

export function registerAuthentication(app: FastifyInstance, context: ServiceContext): void {
  app.decorateRequest('identity', null);
  app.addHook('onRoute', (route) => {
    for (const method of [route.method].flat()) {
      const access = accessOf(method, route.url);
      if (access === undefined)
        throw new Error(`${method} ${route.url} is missing in src/service/auth/matrix.ts`);
      route.config = { ...route.config, access };
    }
  });
  app.addHook('onRequest', async (request) => {
    const access = request.routeOptions.config.access;
    // No route was found: the 404 and 405 handlers answer, and tell nothing that is not in the public OpenAPI document.
    if (access === undefined || access === 'public') return;
    request.identity = await identify(request, context);
    const { scopes } = request.identity;
    if (access.some((scope) => scopes.has(scope))) return;
    throw new ProblemError('forbidden', `The key lacks the scope ${access.join(' or ')}.`, {
      requiredScope: access[0],
    });
  });
}

async function identify(request: FastifyRequest, { store, clock }: ServiceContext): Promise<Identity> {
  const refuse = (detail: string): ProblemError => new ProblemError('unauthenticated', detail);
  if (request.headers.authorization === undefined) throw refuse('There is no Authorization header.');
  const given = parseAuthorization(request.headers.authorization);
  if (given === null) throw refuse('The Authorization header is not Bearer tlk_<id>_<secret>.');
  const row = await store.keys.find(given.id);
  if (!secretMatches(given.secret, row?.secretSha256 ?? NO_SECRET) || row === null)
    throw refuse('The key is not known.');
  if (row.revokedAt_ms !== null) throw refuse('The key was revoked.');
  if (row.expiresAt_ms !== null && row.expiresAt_ms <= clock.wall_ms()) throw refuse('The key has expired.');
  const { id, role, limits, expiresAt_ms } = row;
  if (limits.cidr.length > 0 && !isInside(request.ip, limits.cidr))
    throw refuse('The key may not be used from this address.');
  await store.keys.touch(id);
  return { keyId: id, role, scopes: new Set(row.scopes), limits, expiresAt_ms };
}

/** The caller of a route that needs a key. */
export function caller(request: FastifyRequest): Identity {
  if (request.identity === null) throw new ProblemError('unauthenticated', 'This route needs a key.');
  return request.identity;
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** From the matrix; set for every route. */
    access?: Access;
  }
}
