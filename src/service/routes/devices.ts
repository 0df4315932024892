// The devices of the service: who they are, how they are, what they can do.
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { ServiceDevice } from '../context.ts';
import { nameDevice, nameDevices } from '../plugins/device-headers.ts';
import { ProblemError } from '../problems/problem.ts';
import { guardProblems, idParams, problemContent } from '../schemas/common.ts';
import { activeView, type ActiveCalibration } from '../schemas/active-calibrations.ts';
import { capabilities, capabilitiesView, device, deviceView } from '../schemas/devices.ts';
import { isKnown, type RouteContext } from './common.ts';

/** The kind that the document of a device shows. */
const NOISE_TEMPERATURE = 'noise-temperature';

/** @throws {ProblemError} unknown-device */
export function findDevice({ devices }: RouteContext, id: string): ServiceDevice {
  const found = devices.get(id);
  if (found !== undefined) return found;
  throw new ProblemError(
    'unknown-device',
    `There is no device ${id}; there is ${[...devices.keys()].join(', ')}.`,
  );
}

/** The noise-temperature calibration that counts on what answers as this device. */
export async function calibrationOf(
  { store, clock }: RouteContext,
  { identity }: ServiceDevice,
): Promise<ActiveCalibration | null> {
  if (identity === null) return null;
  const { uid } = identity;
  const row = await store.activeCalibrations.current(uid, NOISE_TEMPERATURE);
  if (row === null) return null;
  return activeView(await store.activeCalibrations.find(uid, NOISE_TEMPERATURE), row, clock.wall_ms());
}

/** The whole document of a device. */
export async function viewOf(context: RouteContext, found: ServiceDevice): Promise<z.infer<typeof device>> {
  return deviceView(found, await calibrationOf(context, found), context.controls.of(found.id));
}

export function deviceRoutes(context: RouteContext): FastifyPluginAsyncZod {
  return async (app) => {
    app.get(
      '/v1/devices',
      {
        schema: {
          tags: ['devices'],
          summary: 'All devices',
          response: { 200: z.object({ items: z.array(device) }), ...guardProblems },
        },
      },
      async (_request, reply) => {
        const all = [...context.devices.values()];
        nameDevices(
          reply,
          all.map((d) => ({ device: d.id, backend: d.backend })),
        );
        return {
          items: await Promise.all(all.map((d) => viewOf(context, d))),
        };
      },
    );
    app.get(
      '/v1/devices/:id',
      {
        schema: {
          tags: ['devices'],
          summary: 'One device: identity, backend, state',
          description:
            'The ETag changes with everything shown here but the age of telemetry; If-None-Match gives 304.',
          params: idParams,
          response: {
            200: device,
            304: z.null().meta({ description: 'Unchanged' }),
            404: problemContent('unknown-device'),
            ...guardProblems,
          },
        },
      },
      async (request, reply) => {
        const found = findDevice(context, request.params.id);
        const calibration = await calibrationOf(context, found);
        nameDevice(reply, found.id, found.backend);
        const { status } = found.telemetry;
        const speed = found.clock.kind === 'virtual' ? found.clock.speed : 'system';
        const seen = `${status.readings}.${status.reason?.code ?? 'fresh'}`;
        const use = context.controls.of(found.id);
        const tag = `${context.epoch}.${found.revision}.${use.state.revision}.${use.lease?.id ?? 'free'}.${calibration?.id ?? 'none'}.${calibration?.revision ?? 0}.${speed}.${seen}`;
        if (isKnown(request, reply, tag)) return reply.code(304).send(null);
        return deviceView(found, calibration, use);
      },
    );
    app.get(
      '/v1/devices/:id/capabilities',
      {
        schema: {
          tags: ['devices'],
          summary: 'What a program and a schedule may ask of the device',
          params: idParams,
          response: {
            200: capabilities,
            404: problemContent('unknown-device'),
            503: problemContent('device-offline'),
            ...guardProblems,
          },
        },
      },
      async (request, reply) => {
        const found = findDevice(context, request.params.id);
        nameDevice(reply, found.id, found.backend);
        if (found.capabilities === null)
          throw new ProblemError('device-offline', `${found.id} has not said yet what it can do.`, {
            device: found.id,
            backend: found.backend,
            ...(found.reason !== null && { remedy: found.reason.remedy }),
          });
        return capabilitiesView(found, found.capabilities);
      },
    );
  };
}
