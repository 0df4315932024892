// Requests per minute, counted for each key on each host. The standard headers (RateLimit-Limit, -Remaining, -Reset; draft
// of the IETF) are on every counted answer. Counting comes before the scopes are looked at, so that refusals count too.
import rateLimit from '@fastify/rate-limit';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ProblemError } from '../problems/problem.ts';

const WINDOW_MS = 60_000;
/** Keys that are counted at the same time; the ones that have not been seen for longest are forgotten. */
const KEYS_MAX = 10_000;

/** @param perMinute for keys without a limit of their own */
export async function registerRateLimit(app: FastifyInstance, perMinute: number): Promise<void> {
  const ownLimit = (request: FastifyRequest): number | null =>
    request.identity?.limits.requestsPerMinute ?? null;
  await app.register(rateLimit, {
    max: (request) => ownLimit(request) ?? perMinute,
    timeWindow: WINDOW_MS,
    cache: KEYS_MAX,
    enableDraftSpec: true,
    keyGenerator: (request) => request.identity?.keyId ?? request.ip,
    allowList: (request) => {
      const { access, unlimited } = request.routeOptions.config;
      return access === 'public' || unlimited === true || ownLimit(request) === 0;
    },
    errorResponseBuilder: (_request, { max, ttl }) =>
      new ProblemError('rate-limited', `The key may send ${max} requests a minute.`, {
        retryAfter_s: Math.max(1, Math.ceil(ttl / 1000)),
      }),
  });
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Not counted against the rate of a key: the safe stop waits for nothing. */
    unlimited?: boolean;
  }
}
