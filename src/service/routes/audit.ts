// GET /v1/audit: who did what. Rows are added with the effects they tell of, and never changed.
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { AuditRow } from '../../store/index.ts';
import { guardProblems, jsonObject, pageOf, pageQuery, time, toTime } from '../schemas/common.ts';
import { decodeCursor, pageFrom, rowsFor, type RouteContext } from './common.ts';

const auditQuery = pageQuery.extend({
  key: z.string().min(1).max(100).optional().meta({ description: 'Id of the key that acted' }),
  action: z.string().min(1).max(200).optional().meta({ description: 'For example job.submit' }),
  target: z.string().min(1).max(200).optional().meta({ description: 'Id of what was acted on' }),
  since: z.iso.datetime().optional(),
});

const auditEntry = z
  .object({
    id: z.string(),
    time,
    key: z.string().nullable().meta({ description: 'Id of the key; null: the service itself' }),
    action: z.string(),
    target: z.string().nullable(),
    outcome: z.string().meta({ description: 'done, or refused: and the code of the problem' }),
    correlationId: z.string().nullable(),
    detail: jsonObject,
  })
  .meta({ id: 'AuditEntry' });

export function auditRoutes({ store }: RouteContext): FastifyPluginAsyncZod {
  return async (app) => {
    app.get(
      '/v1/audit',
      {
        schema: {
          tags: ['keys'],
          summary: 'Who did what, newest first',
          querystring: auditQuery,
          response: { 200: pageOf(auditEntry), ...guardProblems },
        },
      },
      async (request, reply) => {
        const { limit, cursor, key, action, target, since } = request.query;
        const rows = await store.audit.list({
          limit: rowsFor(limit),
          after: decodeCursor(cursor),
          keyId: key,
          action,
          target,
          ...(since !== undefined && { since_ms: Date.parse(since) }),
        });
        return pageFrom(request, reply, rows, limit, { id: (row) => row.id, view: entryView });
      },
    );
  };
}

function entryView(row: AuditRow): z.infer<typeof auditEntry> {
  const { id, keyId, action, target, outcome, correlationId, detail } = row;
  return { id, time: toTime(row.at_ms), key: keyId, action, target, outcome, correlationId, detail };
}
