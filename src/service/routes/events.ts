// GET /v1/events: the events of /v1/ws as text/event-stream.
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Identity } from '../context.ts';
import type { LiveHub } from '../live/hub.ts';
import { INTERVAL_MAX_MS, topics, type Topic } from '../live/messages.ts';
import { SseChannel } from '../live/sse.ts';
import { missingScope } from '../live/visibility.ts';
import { caller } from '../plugins/authentication.ts';
import { ProblemError } from '../problems/problem.ts';
import { guardProblems } from '../schemas/common.ts';
import type { RouteContext } from './common.ts';

/** Samples are binary frames, which an event stream has not. */
const offered = topics.filter((topic) => topic !== 'job.samples');
/** What changes state; telemetry and link.stats are for those that ask. */
const byDefault: readonly Topic[] = ['job.*', 'calibration.*', 'device.state'];

const query = z.strictObject({
  topics: z
    .string()
    .max(300)
    .optional()
    .meta({
      description: `Names, separated by commas, of: ${offered.join(', ')}. Default: ${byDefault.join(', ')}`,
    }),
  device: z.string().min(1).max(100).optional().meta({ description: 'Only of this device' }),
  job: z.string().min(1).max(100).optional().meta({ description: 'Of job.*: only of this job' }),
  minInterval_ms: z.coerce.number().int().min(0).max(INTERVAL_MAX_MS).optional().meta({
    description:
      'Progress, telemetry and link.stats of one thing come at most once in so long; the latest wins',
  }),
  ticket: z
    .string()
    .max(200)
    .optional()
    .meta({ description: 'Instead of Authorization, from POST /v1/tickets' }),
});
const headers = z.looseObject({
  'last-event-id': z
    .string()
    .max(200)
    .optional()
    .meta({ description: 'EPOCH:SEQ of the last event: what has happened since comes, or snapshots' }),
});

export function eventRoutes(context: RouteContext, hub: LiveHub): FastifyPluginAsyncZod {
  return async (app) => {
    app.get(
      '/v1/events',
      {
        // The head of a stream that has no end would keep its reader waiting for the end.
        exposeHeadRoute: false,
        schema: {
          tags: ['live'],
          summary: 'Events as text/event-stream',
          description:
            'The messages of /v1/ws as server-sent events: hello, snapshots, then events named by their topic, `id` EPOCH:SEQ. ' +
            'Comments every 15 s keep the connection open. A client that does not read for 5 s is let go.',
          querystring: query,
          headers,
          response: {
            200: {
              description: 'The stream; it does not end by itself',
              content: { 'text/event-stream': { schema: z.string() } },
            },
            ...guardProblems,
          },
        },
      },
      async (request, reply) => {
        const identity = caller(request);
        const { device, job, minInterval_ms } = request.query;
        const wanted = topicsOf(request.query.topics, identity);
        const since = placeOf(request.headers['last-event-id']);
        reply.hijack();
        reply.raw.writeHead(200, {
          ...(reply.getHeaders() as Record<string, string>),
          'content-type': 'text/event-stream; charset=utf-8',
          'cache-control': 'no-store, no-transform',
          'x-accel-buffering': 'no',
        });
        const channel = new SseChannel(reply.raw, context);
        const client = hub.join(channel, identity);
        reply.raw.once('close', () => {
          channel.terminate();
          hub.leave(client);
        });
        client.send(hub.hello());
        const subscription = { topics: wanted, device, job, minInterval_ms };
        try {
          if (since === null) await hub.subscribe(client, subscription);
          else await hub.resume(client, since, [subscription]);
        } catch (error) {
          // The answer has begun: the client comes back and is told then.
          request.log.error({ err: error }, 'the snapshot of an event stream failed');
          client.terminate();
        }
      },
    );
  };
}

function topicsOf(list: string | undefined, identity: Identity): Topic[] {
  if (list === undefined) return byDefault.filter((topic) => missingScope(identity, topic) === null);
  const names = [...new Set(list.split(',').map((name) => name.trim()))];
  return names.map((name) => {
    const topic = offered.find((one) => one === name);
    if (topic === undefined) throw refused('topics', `there is no topic "${name}"`, offered);
    const missing = missingScope(identity, topic);
    if (missing === null) return topic;
    throw new ProblemError('forbidden', `The key lacks the scope ${missing} for ${topic}.`, {
      requiredScope: missing,
    });
  });
}

function placeOf(lastEventId: string | undefined): { epoch: string; seq: number } | null {
  if (lastEventId === undefined || lastEventId === '') return null;
  const match = /^([\w-]{1,100}):(\d{1,15})$/.exec(lastEventId);
  if (match !== null) return { epoch: match[1], seq: Number(match[2]) };
  throw refused('Last-Event-ID', 'is not an id of this service', 'EPOCH:SEQ as in `id` of an event');
}

function refused(parameter: string, detail: string, allowed: unknown): ProblemError {
  return new ProblemError('validation-failed', `${parameter}: ${detail}.`, {
    errors: [{ parameter, detail, allowed }],
  });
}
