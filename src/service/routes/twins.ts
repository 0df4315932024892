// The twins among the devices, and faults planted in them on demand. A chip has no channel for that, and is refused.
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { ServiceDevice } from '../context.ts';
import { auditOf } from '../plugins/audit.ts';
import { caller } from '../plugins/authentication.ts';
import { nameDevice, nameDevices } from '../plugins/device-headers.ts';
import { ProblemError } from '../problems/problem.ts';
import { guardProblems, idParams, problemContent } from '../schemas/common.ts';
import { faultParams, faultsRequest, twin, twinFaults, wholeTwin } from '../schemas/twins.ts';
import { TwinTalk } from '../twins/channel.ts';
import type { RouteContext } from './common.ts';
import { mayUseDevice } from './device-use.ts';
import { findDevice } from './devices.ts';

const notAllowed = {
  404: problemContent('unknown-device, unknown-fault'),
  502: problemContent('device-protocol-error'),
  503: problemContent('twin-unreachable'),
  ...guardProblems,
  403: problemContent('forbidden, fault-not-allowed: it is no twin whose control channel the service knows'),
};

export function twinRoutes(context: RouteContext): FastifyPluginAsyncZod {
  const { devices, twins, store } = context;
  const isTwin = ({ id, backend }: ServiceDevice): boolean =>
    twins.has(id) && (backend === 'twin' || backend === null);
  /** @throws {ProblemError} unknown-device, fault-not-allowed */
  const talkTo = (id: string): { device: ServiceDevice; talk: TwinTalk } => {
    const device = findDevice(context, id);
    const channel = twins.get(id);
    if (channel !== undefined && isTwin(device)) return { device, talk: new TwinTalk(id, channel) };
    const isChip = device.backend !== 'twin';
    throw new ProblemError(
      'fault-not-allowed',
      isChip
        ? `${id} is no twin: it cannot be told to fail.`
        : `${id} is a twin, but the service knows no control channel of it.`,
      {
        device: id,
        backend: device.backend,
        ...(!isChip && {
          remedy:
            'Start the twin with --control, and the service with --twin-control (THERMOLOOP_TWIN_CONTROL).',
        }),
      },
    );
  };
  const view = async (device: ServiceDevice, talk: TwinTalk): Promise<z.infer<typeof twin>> => {
    const { id, clock, faultsActive, identity } = device;
    const answer = await Promise.all([talk.describe(), talk.faults()]).catch((error: unknown) => {
      if (error instanceof ProblemError && error.code === 'twin-unreachable') return null;
      throw error;
    });
    const [facts, list] = answer ?? [null, null];
    return {
      device: id,
      uid: facts?.uid ?? identity?.uid ?? null,
      reachable: answer !== null,
      units: facts?.units ?? null,
      profile: facts?.profile ?? null,
      clock,
      speed: facts?.speed ?? null,
      faultsActive: faultsActive || list === null || list.faults.length > 0,
      faults: list?.faults ?? null,
    };
  };
  return async (app) => {
    app.get(
      '/v1/twins',
      {
        schema: {
          tags: ['twins'],
          summary: 'Devices that are twins with a control channel that the service knows',
          response: {
            200: z.object({ items: z.array(twin) }),
            502: problemContent('device-protocol-error'),
            ...guardProblems,
          },
        },
      },
      async (_request, reply) => {
        const all = [...devices.values()].filter(isTwin);
        nameDevices(
          reply,
          all.map(({ id, backend }) => ({ device: id, backend })),
        );
        return { items: await Promise.all(all.map((device) => view(device, talkTo(device.id).talk))) };
      },
    );
    app.get(
      '/v1/twins/:id',
      {
        schema: {
          tags: ['twins'],
          summary: 'One twin, with its profile in full',
          params: idParams,
          response: { 200: wholeTwin, ...notAllowed },
        },
      },
      async (request, reply) => {
        const { device, talk } = talkTo(request.params.id);
        nameDevice(reply, device.id, device.backend);
        const shown = await view(device, talk);
        return { ...shown, wholeProfile: shown.reachable ? (await talk.profile()).profile : null };
      },
    );
    app.get(
      '/v1/twins/:id/faults',
      {
        schema: {
          tags: ['twins'],
          summary: 'The faults planted in a twin',
          params: idParams,
          response: { 200: twinFaults, ...notAllowed },
        },
      },
      async (request, reply) => {
        const { device, talk } = talkTo(request.params.id);
        nameDevice(reply, device.id, device.backend);
        return { device: device.id, ...(await talk.faults()) };
      },
    );
    app.put(
      '/v1/twins/:id/faults',
      {
        schema: {
          tags: ['twins'],
          summary: 'Plant these faults and no others',
          description:
            'Those that are planted go when all of these are; when one is refused nothing changes. Results say faultsActive ' +
            'meanwhile, and calibrations are refused.',
          params: idParams,
          body: faultsRequest,
          response: { 200: twinFaults, ...notAllowed },
        },
      },
      async (request, reply) => {
        const { device, talk } = talkTo(request.params.id);
        mayUseDevice(context, caller(request), device.id);
        nameDevice(reply, device.id, device.backend);
        const list = await talk.replace(request.body.faults);
        const planted = list.faults.map(({ id, component, type }) => `${id} ${component} ${type}`);
        await store.audit.append(auditOf(request, 'twin.faults', device.id, { planted }));
        return { device: device.id, ...list };
      },
    );
    app.delete(
      '/v1/twins/:id/faults',
      {
        schema: {
          tags: ['twins'],
          summary: 'Clear all faults of a twin',
          params: idParams,
          response: { 204: z.null().meta({ description: 'Cleared' }), ...notAllowed },
        },
      },
      async (request, reply) => {
        const { device, talk } = talkTo(request.params.id);
        mayUseDevice(context, caller(request), device.id);
        nameDevice(reply, device.id, device.backend);
        await talk.clearAll();
        await store.audit.append(auditOf(request, 'twin.clear-faults', device.id));
        return reply.code(204).send(null);
      },
    );
    app.delete(
      '/v1/twins/:id/faults/:fault',
      {
        schema: {
          tags: ['twins'],
          summary: 'Clear one fault of a twin',
          params: faultParams,
          response: { 204: z.null().meta({ description: 'Cleared' }), ...notAllowed },
        },
      },
      async (request, reply) => {
        const { device, talk } = talkTo(request.params.id);
        mayUseDevice(context, caller(request), device.id);
        nameDevice(reply, device.id, device.backend);
        const { fault } = request.params;
        await talk.clear(fault);
        await store.audit.append(auditOf(request, 'twin.clear-fault', device.id, { fault }));
        return reply.code(204).send(null);
      },
    );
  };
}
