// GET /v1/ws: the upgrade to WebSocket; the key is checked like that of any request before it.
import type { RawData } from 'ws';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import type { LiveHub } from '../live/hub.ts';
import { caller } from '../plugins/authentication.ts';
import { ProblemError } from '../problems/problem.ts';
import { guardProblems, problemContent } from '../schemas/common.ts';

export function liveRoutes(hub: LiveHub): FastifyPluginAsyncZod {
  return async (app) => {
    app.route({
      method: 'GET',
      url: '/v1/ws',
      schema: {
        tags: ['live'],
        summary: 'Events over WebSocket',
        description:
          'Text messages in JSON. The server sends hello; the client sends subscribe {topics: job.*, device.state, ' +
          'calibration.*, device?}, unsubscribe, ping. For each topic there is one snapshot, then events.',
        response: { 426: problemContent('upgrade-required'), ...guardProblems },
      },
      handler: async (_request, reply) => {
        void reply.header('upgrade', 'websocket');
        throw new ProblemError('upgrade-required', 'This address is for WebSocket clients.');
      },
      wsHandler: (socket, request) => {
        const client = hub.join(socket, caller(request));
        socket.on('message', (data, isBinary) => {
          if (isBinary)
            client.send({ type: 'error', code: 'validation-failed', detail: 'Only text is understood.' });
          else
            hub.receive(client, textOf(data)).catch((error: unknown) => {
              request.log.error({ err: error }, 'a message of a WebSocket client failed');
              client.send({ type: 'error', code: 'internal-error', correlationId: request.id });
            });
        });
        socket.on('close', () => hub.leave(client));
        socket.on('error', () => hub.leave(client));
      },
    });
  };
}

function textOf(data: RawData): string {
  if (Buffer.isBuffer(data)) return data.toString('utf8');
  return (Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data)).toString('utf8');
}
