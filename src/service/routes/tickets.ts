// POST /v1/tickets: what a browser opens a socket with, as it cannot send a key there, and a key does not belong in a URL.
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { mintTicket } from '../auth/keys.ts';
import { auditOf } from '../plugins/audit.ts';
import { caller } from '../plugins/authentication.ts';
import { answerOnce } from '../plugins/idempotency.ts';
import { creatingHeaders, guardProblems, problemContent, time, toTime } from '../schemas/common.ts';
import type { RouteContext } from './common.ts';

/** Enough to open a socket with it at once. */
const TICKET_LIFE_MS = 30_000;

const newTicket = z
  .object({
    ticket: z
      .string()
      .nullable()
      .meta({ description: 'tlt_<secret>; shown once, null in a replayed answer' }),
    expiresAt: time,
  })
  .meta({ id: 'NewTicket' });

export function ticketRoutes(context: RouteContext): FastifyPluginAsyncZod {
  const { store } = context;
  return async (app) => {
    app.post(
      '/v1/tickets',
      {
        schema: {
          tags: ['keys'],
          summary: 'A ticket for one socket, for 30 s',
          description:
            'For GET /v1/ws and GET /v1/events with ?ticket=, where a browser cannot send the key. It works once, and as ' +
            'the key that asked for it.',
          headers: creatingHeaders,
          response: { 201: newTicket, 409: problemContent('idempotency-in-progress'), ...guardProblems },
        },
      },
      async (request, reply) => {
        const { keyId } = caller(request);
        const conceal = <T extends { body: unknown }>(answer: T): T => ({
          ...answer,
          body: { ...(answer.body as object), ticket: null },
        });
        return answerOnce(context, request, reply, { body: '', conceal }, async (keep) => {
          const { token, secretSha256 } = mintTicket((count) => context.randomBytes(count));
          return store.transaction(async (tx) => {
            const row = await tx.tickets.add({ secretSha256, keyId, life_ms: TICKET_LIFE_MS });
            await tx.audit.append(auditOf(request, 'ticket.create', keyId));
            const answer = {
              status: 201,
              headers: {},
              body: { ticket: token, expiresAt: toTime(row.expiresAt_ms) },
            };
            await keep(tx, answer);
            return answer;
          });
        });
      },
    );
  };
}
