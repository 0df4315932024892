// GET /v1/ws: the upgrade to WebSocket; the key is checked like that of any request before it.
import type { RawData } from 'ws';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { WebSocketChannel } from '../live/channel.ts';
import type { LiveHub } from '../live/hub.ts';
import { LiveSession } from '../live/session.ts';
import { caller } from '../plugins/authentication.ts';
import { ProblemError } from '../problems/problem.ts';
import { guardProblems, problemContent } from '../schemas/common.ts';
import type { RouteContext } from './common.ts';

export function liveRoutes({ clock }: RouteContext, hub: LiveHub): FastifyPluginAsyncZod {
  return async (app) => {
    app.route({
      method: 'GET',
      url: '/v1/ws',
      schema: {
        tags: ['live'],
        summary: 'Events over WebSocket',
        description:
          'Text messages in JSON, and binary frames of samples: docs/asyncapi.json, and Events in docs/api.md. Resumable: after a ' +
          'reconnect nothing is missed and nothing comes twice.',
        response: { 426: problemContent('upgrade-required'), ...guardProblems },
      },
      handler: async (_request, reply) => {
        void reply.header('upgrade', 'websocket');
        throw new ProblemError('upgrade-required', 'This address is for WebSocket clients.');
      },
      wsHandler: (socket, request) => {
        const client = hub.join(new WebSocketChannel(socket), caller(request));
        const session = new LiveSession({
          hub,
          client,
          clock,
          correlationId: request.id,
          onUnexpected: (error) =>
            request.log.error({ err: error }, 'a message of a WebSocket client failed'),
        });
        client.send(hub.hello());
        socket.on('message', (data, isBinary) => {
          client.isAlive = true;
          if (isBinary) session.receiveBinary();
          else session.receive(textOf(data));
        });
        socket.on('pong', () => {
          client.isAlive = true;
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
