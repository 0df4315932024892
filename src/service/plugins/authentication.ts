// The guard: every route stands in the matrix (auth/matrix.ts), and every one that is not public needs a key with the scope.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { accessOf, ticketRoutes, type Access } from '../auth/matrix.ts';
import { isInside } from '../auth/networks.ts';
import { parseAuthorization, secretMatches, ticketSha256 } from '../auth/keys.ts';
import type { KeyRow } from '../../store/index.ts';
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
      const takesTicket = ticketRoutes.includes(`${method} ${route.url}`);
      route.config = { ...route.config, access, takesTicket };
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

const refuse = (detail: string): ProblemError => new ProblemError('unauthenticated', detail);

async function identify(request: FastifyRequest, context: ServiceContext): Promise<Identity> {
  const { authorization } = request.headers;
  const { ticket } = request.query as { ticket?: unknown };
  const byTicket = request.routeOptions.config.takesTicket === true && authorization === undefined;
  const row =
    byTicket && ticket !== undefined
      ? await keyOfTicket(ticket, context)
      : await keyOfHeader(authorization, context);
  const { id, role, limits, expiresAt_ms } = row;
  if (row.revokedAt_ms !== null) throw refuse('The key was revoked.');
  if (expiresAt_ms !== null && expiresAt_ms <= context.clock.wall_ms()) throw refuse('The key has expired.');
  if (limits.cidr.length > 0 && !isInside(request.ip, limits.cidr))
    throw refuse('The key may not be used from this address.');
  await context.store.keys.touch(id);
  return { keyId: id, role, scopes: new Set(row.scopes), limits, expiresAt_ms };
}

async function keyOfHeader(authorization: string | undefined, { store }: ServiceContext): Promise<KeyRow> {
  if (authorization === undefined) throw refuse('There is no Authorization header.');
  const given = parseAuthorization(authorization);
  if (given === null) throw refuse('The Authorization header is not Bearer tlk_<id>_<secret>.');
  const row = await store.keys.find(given.id);
  if (!secretMatches(given.secret, row?.secretSha256 ?? NO_SECRET) || row === null)
    throw refuse('The key is not known.');
  return row;
}

async function keyOfTicket(ticket: unknown, { store }: ServiceContext): Promise<KeyRow> {
  const digest = ticketSha256(ticket);
  const keyId = digest === null ? null : await store.tickets.take(digest);
  const row = keyId === null ? null : await store.keys.find(keyId);
  if (row === null) throw refuse('The ticket is not known, was used before, or is older than 30 s.');
  return row;
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
    /** A ticket in the query does instead of the header. */
    takesTicket?: boolean;
  }
}
