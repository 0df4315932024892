// Webhooks: where the ends of jobs and calibrations are told to. Own ones, or all with keys:admin.
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { webhookTopics, type DeliveryRow, type WebhookRow } from '../../store/index.ts';
import type { Identity } from '../context.ts';
import { auditOf } from '../plugins/audit.ts';
import { caller } from '../plugins/authentication.ts';
import { answerOnce, type Answer } from '../plugins/idempotency.ts';
import { ProblemError } from '../problems/problem.ts';
import {
  creatingHeaders,
  guardProblems,
  idParams,
  pageOf,
  pageQuery,
  problemContent,
  time,
  toTime,
  toTimeOrNull,
} from '../schemas/common.ts';
import { WebhookTargets } from '../webhooks/targets.ts';
import { decodeCursor, maySee, pageFrom, rowsFor, type RouteContext } from './common.ts';

const SECRET_BYTES = 32;
const topics = z.array(z.enum(webhookTopics)).min(1).max(webhookTopics.length);
const webhookRequest = z
  .strictObject({
    url: z.string().min(1).max(2000).meta({ description: 'https, at a public address' }),
    topics: topics.optional().meta({ description: 'All unless named' }),
  })
  .meta({ id: 'WebhookRequest' });
const webhook = z
  .object({
    id: z.string(),
    url: z.string(),
    topics: z.array(z.string()),
    key: z.string().meta({ description: 'Id of the key that it belongs to' }),
    createdAt: time,
    state: z.enum(['active', 'failing', 'disabled']),
    failingSince: time.nullable(),
    disabledAt: time.nullable(),
    disabledWhy: z.string().nullable(),
  })
  .meta({ id: 'Webhook' });
const newWebhook = webhook
  .extend({
    secret: z
      .string()
      .nullable()
      .meta({ description: 'Verifies signatures; shown once, null in a replayed answer' }),
  })
  .meta({ id: 'NewWebhook' });
const delivery = z
  .object({
    id: z.string().meta({ description: 'The same at every attempt' }),
    topic: z.string(),
    state: z.enum(['pending', 'delivered', 'given-up']),
    attempts: z.int(),
    lastError: z.string().nullable(),
    createdAt: time,
    endedAt: time.nullable(),
  })
  .meta({ id: 'WebhookDelivery' });

export function webhookRoutes(context: RouteContext): FastifyPluginAsyncZod {
  const { store, webhookTargets: targets = new WebhookTargets() } = context;
  const visible = async (identity: Identity, id: string): Promise<WebhookRow> => {
    const row = await store.webhooks.find(id);
    if (row === null || !maySee(identity, row, 'keys:admin'))
      throw new ProblemError('unknown-webhook', `There is no webhook ${id}.`);
    return row;
  };
  return async (app) => {
    app.post(
      '/v1/webhooks',
      {
        schema: {
          tags: ['webhooks'],
          summary: 'Have the ends of jobs and calibrations delivered to a URL; the secret is shown once',
          headers: creatingHeaders,
          body: webhookRequest,
          response: { 201: newWebhook, 409: problemContent('idempotency-in-progress'), ...guardProblems },
        },
      },
      async (request, reply) => {
        const { url, topics: asked = [...webhookTopics] } = request.body;
        const { keyId } = caller(request);
        const conceal = (answer: Answer): Answer => ({
          ...answer,
          body: { ...(answer.body as object), secret: null },
        });
        return answerOnce(
          context,
          request,
          reply,
          { body: JSON.stringify(request.body), conceal },
          async (keep) => {
            await targets.reach(url).catch((error: unknown) => {
              // A name that cannot be resolved now is looked up again at each delivery.
              if (error instanceof ProblemError) throw error;
            });
            const secret = `whsec_${Buffer.from(context.randomBytes(SECRET_BYTES)).toString('base64url')}`;
            return store.transaction(async (tx) => {
              const row = await tx.webhooks.add({ keyId, url, topics: [...new Set(asked)], secret });
              await tx.audit.append(auditOf(request, 'webhook.create', row.id, { host: new URL(url).host }));
              const answer: Answer = {
                status: 201,
                headers: { location: `/v1/webhooks/${row.id}` },
                body: { ...view(row), secret },
              };
              await keep(tx, answer);
              return answer;
            });
          },
        );
      },
    );
    app.get(
      '/v1/webhooks',
      {
        schema: {
          tags: ['webhooks'],
          summary: 'Webhooks of the key (all with keys:admin), newest first',
          querystring: pageQuery,
          response: { 200: pageOf(webhook), ...guardProblems },
        },
      },
      async (request, reply) => {
        const { keyId, scopes } = caller(request);
        const { limit, cursor } = request.query;
        const rows = await store.webhooks.list({
          limit: rowsFor(limit),
          after: decodeCursor(cursor),
          ...(!scopes.has('keys:admin') && { keyId }),
        });
        return pageFrom(request, reply, rows, limit, { id: (row) => row.id, view });
      },
    );
    app.get(
      '/v1/webhooks/:id',
      {
        schema: {
          tags: ['webhooks'],
          summary: 'One webhook, without its secret',
          params: idParams,
          response: { 200: webhook, 404: problemContent('unknown-webhook'), ...guardProblems },
        },
      },
      async (request) => view(await visible(caller(request), request.params.id)),
    );
    app.delete(
      '/v1/webhooks/:id',
      {
        schema: {
          tags: ['webhooks'],
          summary: 'Remove a webhook, with what waits for it',
          params: idParams,
          response: {
            204: z.null().meta({ description: 'It is gone' }),
            404: problemContent('unknown-webhook'),
            ...guardProblems,
          },
        },
      },
      async (request, reply) => {
        const { id } = await visible(caller(request), request.params.id);
        await store.transaction(async (tx) => {
          if (!(await tx.webhooks.remove(id)))
            throw new ProblemError('unknown-webhook', `There is no webhook ${id}.`);
          await tx.audit.append(auditOf(request, 'webhook.delete', id));
        });
        return reply.code(204).send(null);
      },
    );
    app.get(
      '/v1/webhooks/:id/deliveries',
      {
        schema: {
          tags: ['webhooks'],
          summary: 'What was and is to be delivered, newest first',
          params: idParams,
          querystring: pageQuery,
          response: { 200: pageOf(delivery), 404: problemContent('unknown-webhook'), ...guardProblems },
        },
      },
      async (request, reply) => {
        const { id } = await visible(caller(request), request.params.id);
        const { limit, cursor } = request.query;
        const rows = await store.webhooks.deliveries(id, {
          limit: rowsFor(limit),
          after: decodeCursor(cursor),
        });
        return pageFrom(request, reply, rows, limit, { id: (row) => row.id, view: deliveryView });
      },
    );
  };
}

function view(row: WebhookRow): z.infer<typeof webhook> {
  const { id, url, topics: asked, keyId: key, failingSince_ms, disabledAt_ms, disabledWhy } = row;
  return {
    ...{ id, url, topics: asked, key, disabledWhy },
    createdAt: toTime(row.createdAt_ms),
    state: disabledAt_ms !== null ? 'disabled' : failingSince_ms !== null ? 'failing' : 'active',
    failingSince: toTimeOrNull(failingSince_ms),
    disabledAt: toTimeOrNull(disabledAt_ms),
  };
}

function deliveryView(row: DeliveryRow): z.infer<typeof delivery> {
  const { id, topic, state, attempts, lastError } = row;
  return {
    ...{ id, topic, state, attempts, lastError },
    createdAt: toTime(row.createdAt_ms),
    endedAt: toTimeOrNull(row.endedAt_ms),
  };
}
