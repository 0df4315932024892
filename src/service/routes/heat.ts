// The heat ledger of a device: what jobs, keys and hours have cost in joules, and what their samples gave to the bath in kT.
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { caller } from '../plugins/authentication.ts';
import { nameDevice } from '../plugins/device-headers.ts';
import { ProblemError } from '../problems/problem.ts';
import { guardProblems, idParams, problemContent, toTime } from '../schemas/common.ts';
import { heatGroupView, heatLedger, heatQuery, spanOf } from '../schemas/heat.ts';
import { decodeCursor, pageFrom, rowsFor, type RouteContext } from './common.ts';
import { findDevice } from './devices.ts';

export function heatRoutes(context: RouteContext): FastifyPluginAsyncZod {
  const now_ms = (): number => (context.deviceClock ?? context.clock).wall_ms();
  return async (app) => {
    app.get(
      '/v1/devices/:id/heat',
      {
        schema: {
          tags: ['devices'],
          summary: 'The heat ledger: energy by phase in J, and stochastic heat in kT, by job, key or hour',
          description:
            'Of the jobs of the key and of the device itself; of all jobs with job:read:all. An attempt counts where it ends. ' +
            'What lies between jobs belongs to the device, and is entered with the next attempt.',
          params: idParams,
          querystring: heatQuery,
          response: { 200: heatLedger, 404: problemContent('unknown-device'), ...guardProblems },
        },
      },
      async (request, reply) => {
        const found = findDevice(context, request.params.id);
        nameDevice(reply, found.id, found.backend);
        const { groupBy: by, limit } = request.query;
        const span = spanOf(request.query, now_ms());
        const after = decodeCursor(request.query.cursor);
        if (by === 'hour' && after !== undefined && !/^\d{1,15}$/.test(after)) throw notOfHours();
        const identity = caller(request);
        const rows = await context.store.heat.groups({
          device: found.id,
          by,
          ...span,
          after,
          limit: rowsFor(limit),
          ...(!identity.scopes.has('job:read:all') && { keyId: identity.keyId }),
        });
        const page = pageFrom(request, reply, rows, limit, {
          id: ({ group }) => group,
          view: (group) => heatGroupView(by, group),
        });
        const { from_ms, to_ms } = span;
        return {
          device: found.id,
          backend: found.backend,
          groupBy: by,
          from: toTime(from_ms),
          to: toTime(to_ms),
          ...page,
        };
      },
    );
  };
}

function notOfHours(): ProblemError {
  return new ProblemError('validation-failed', 'The cursor is not one of hours.', {
    errors: [{ parameter: 'cursor', detail: 'not of hours', allowed: 'nextCursor of the page before' }],
  });
}
