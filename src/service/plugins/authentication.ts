// The guard: every route stands in the matrix (auth/matrix.ts), and every one that is not public needs a key with the scope.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { FailedAttempts } from '../auth/failed-attempts.ts';
import { identityOf } from '../auth/identity.ts';
import { parseAuthorization } from '../auth/keys.ts';
import { accessOf, ticketRoutes, type Access } from '../auth/matrix.ts';
import type { Identity, ServiceContext } from '../context.ts';
import { ProblemError } from '../problems/problem.ts';

/** Who calls. What they may do is looked at after the request was counted (registerScopes). */
export function registerAuthentication(app: FastifyInstance, context: ServiceContext): void {
  const attempts = new FailedAttempts(context.clock, context.failedAuthPerMinute);
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
    const { authorization } = request.headers;
    const keyId = parseAuthorization(authorization)?.id ?? null;
    const retryAfter_s = attempts.refusedFor_s(request.ip, keyId);
    if (retryAfter_s !== null)
      throw new ProblemError(
        'rate-limited',
        'Too many requests from this address came without a valid key.',
        {
          retryAfter_s,
        },
      );
    try {
      const { ticket } = request.query as { ticket?: unknown };
      const { takesTicket } = request.routeOptions.config;
      const credentials = { authorization, address: request.ip, ...(takesTicket === true && { ticket }) };
      request.identity = await identityOf(credentials, context);
    } catch (error) {
      if (error instanceof ProblemError && error.code === 'unauthenticated')
        attempts.failed(request.ip, keyId);
      throw error;
    }
    attempts.worked(request.ip, request.identity.keyId);
  });
}

/** What they may do: the scopes of the route in the matrix. Register after the rate limit, so that refusals count too. */
export function registerScopes(app: FastifyInstance): void {
  app.addHook('preParsing', async (request) => {
    const access = request.routeOptions.config.access;
    if (access === undefined || access === 'public') return;
    const { scopes } = caller(request);
    if (access.some((scope) => scopes.has(scope))) return;
    throw new ProblemError('forbidden', `The key lacks the scope ${access.join(' or ')}.`, {
      requiredScope: access[0],
    });
  });
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
