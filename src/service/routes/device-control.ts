// What people want of a device: maintenance, offline, and the safe stop, which waits for nothing.
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { ControlState } from '../../jobs/index.ts';
import { auditOf } from '../plugins/audit.ts';
import { caller } from '../plugins/authentication.ts';
import { nameDevice } from '../plugins/device-headers.ts';
import { guardProblems, idParams, problemContent } from '../schemas/common.ts';
import {
  controlView,
  deviceControl,
  resumeRequest,
  stateRequest,
  stopRequest,
} from '../schemas/device-control.ts';
import { isKnown, requireMatch, type RouteContext } from './common.ts';
import { mayUseDevice } from './device-use.ts';
import { findDevice } from './devices.ts';

const ifMatch = z.looseObject({
  'if-match': z.string().optional().meta({ description: 'The ETag of GET /v1/devices/{id}/state' }),
});
const tagOf = (device: string, { revision }: ControlState): string => `${device}.state.${revision}`;

export function deviceControlRoutes(context: RouteContext): FastifyPluginAsyncZod {
  const { controls } = context;
  const viewOf = async (device: string, state: ControlState) =>
    controlView(device, state, await controls.allowed(device));
  return async (app) => {
    app.get(
      '/v1/devices/:id/state',
      {
        schema: {
          tags: ['devices'],
          summary: 'What people want of the device',
          description: 'The ETag is what PUT wants as If-Match.',
          params: idParams,
          response: {
            200: deviceControl,
            304: z.null().meta({ description: 'Unchanged' }),
            404: problemContent('unknown-device'),
            ...guardProblems,
          },
        },
      },
      async (request, reply) => {
        const { id, backend } = findDevice(context, request.params.id);
        nameDevice(reply, id, backend);
        const { state } = controls.of(id);
        // What is allowed changes with what runs, so a tag alone does not make an answer stale.
        if (isKnown(request, reply, tagOf(id, state))) return reply.code(304).send(null);
        return viewOf(id, state);
      },
    );
    app.put(
      '/v1/devices/:id/state',
      {
        schema: {
          tags: ['devices'],
          summary: 'Make the device ready, put it into maintenance, or take it offline',
          description:
            'maintenance lets what runs end and holds the queue; offline disconnects as well, and is refused while something runs. ' +
            'A stopped device is made ready by resume alone.',
          params: idParams,
          headers: ifMatch,
          body: stateRequest,
          response: {
            200: deviceControl,
            404: problemContent('unknown-device'),
            409: problemContent('state-conflict: errors[].allowed lists the states that may be asked for'),
            412: problemContent('precondition-failed'),
            428: problemContent('precondition-required'),
            507: problemContent('storage-full'),
            ...guardProblems,
          },
        },
      },
      async (request, reply) => {
        const identity = caller(request);
        const { id, backend } = findDevice(context, request.params.id);
        mayUseDevice(context, identity, id);
        nameDevice(reply, id, backend);
        const before = controls.of(id).state;
        requireMatch(request, tagOf(id, before));
        const { desired } = request.body;
        const expected = request.headers['if-match']?.trim() === '*' ? null : before.revision;
        const state = await controls.setState(id, desired, {
          keyId: identity.keyId,
          expected,
          alongside: async (tx) => {
            await tx.audit.append(auditOf(request, 'device.state', id, { desired, from: before.desired }));
          },
        });
        void reply.header('etag', `"${tagOf(id, state)}"`);
        return viewOf(id, state);
      },
    );
    app.post(
      '/v1/devices/:id/safe-stop',
      {
        // Not held up by what the key has asked for before.
        config: { unlimited: true },
        schema: {
          tags: ['devices'],
          summary: 'Stop the device, ahead of everything',
          description:
            'Ends what runs and lets nothing run until somebody resumes it, also over a restart of the service. Waits for no queue and no ' +
            'rate limit, and may be repeated: the device is told again. `safeStop.confirmed` is what the device itself said; without it look ' +
            'at the chip.',
          params: idParams,
          body: stopRequest,
          response: {
            200: deviceControl,
            404: problemContent('unknown-device'),
            507: problemContent('storage-full: the device was stopped, but a restart would not know of it'),
            ...guardProblems,
          },
        },
      },
      async (request, reply) => {
        const identity = caller(request);
        const { id, backend } = findDevice(context, request.params.id);
        mayUseDevice(context, identity, id);
        nameDevice(reply, id, backend);
        const reason = request.body?.reason ?? null;
        const state = await controls.safeStop(id, {
          keyId: identity.keyId,
          reason,
          alongside: async (tx) => {
            await tx.audit.append(auditOf(request, 'device.safe-stop', id, { reason }));
          },
        });
        void reply.header('etag', `"${tagOf(id, state)}"`);
        return viewOf(id, state);
      },
    );
    app.post(
      '/v1/devices/:id/resume',
      {
        schema: {
          tags: ['devices'],
          summary: 'Let a stopped device work again',
          params: idParams,
          body: resumeRequest,
          response: {
            200: deviceControl,
            404: problemContent('unknown-device'),
            409: problemContent('state-conflict: it is not stopped'),
            507: problemContent('storage-full'),
            ...guardProblems,
          },
        },
      },
      async (request, reply) => {
        const identity = caller(request);
        const { id, backend } = findDevice(context, request.params.id);
        mayUseDevice(context, identity, id);
        nameDevice(reply, id, backend);
        const { reason } = request.body;
        const state = await controls.resume(id, {
          keyId: identity.keyId,
          alongside: async (tx) => {
            await tx.audit.append(auditOf(request, 'device.resume', id, { reason }));
          },
        });
        void reply.header('etag', `"${tagOf(id, state)}"`);
        return viewOf(id, state);
      },
    );
  };
}
