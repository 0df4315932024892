// What a device's sensors say, and the latched faults that heat and other causes leave.
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { deviceFaultNames } from '../../device/index.ts';
import { auditOf } from '../plugins/audit.ts';
import { caller } from '../plugins/authentication.ts';
import { nameDevice } from '../plugins/device-headers.ts';
import { guardProblems, idParams, problemContent } from '../schemas/common.ts';
import { device } from '../schemas/devices.ts';
import { askedOf, seriesView, telemetryQuery, telemetrySeries } from '../schemas/telemetry.ts';
import type { RouteContext } from './common.ts';
import { mayUseDevice } from './device-use.ts';
import { findDevice, viewOf } from './devices.ts';

const clearFault = z.strictObject({ fault: z.enum(deviceFaultNames) });

export function telemetryRoutes(context: RouteContext): FastifyPluginAsyncZod {
  const now_ms = (): number => (context.deviceClock ?? context.clock).wall_ms();
  return async (app) => {
    app.get(
      '/v1/devices/:id/telemetry',
      {
        schema: {
          tags: ['devices'],
          summary: 'Temperatures, rails, energy and saturation over the last day',
          description:
            'Kept in memory, one reading in 5 s for 24 h; gone after a restart of the service. `reason` says why there is no fresh ' +
            'reading, for instance because the device has no sensors.',
          params: idParams,
          querystring: telemetryQuery,
          response: { 200: telemetrySeries, 404: problemContent('unknown-device'), ...guardProblems },
        },
      },
      async (request, reply) => {
        const found = findDevice(context, request.params.id);
        nameDevice(reply, found.id, found.backend);
        const asked = askedOf(request.query, found, now_ms());
        return seriesView(found, asked, found.telemetry.series(asked));
      },
    );
    app.post(
      '/v1/devices/:id/clear-fault',
      {
        schema: {
          tags: ['devices'],
          summary: 'Clear a latched fault whose cause is gone',
          description:
            'Clearing what is not there is fine. The device itself refuses while the cause stands.',
          params: idParams,
          body: clearFault,
          response: {
            200: device,
            404: problemContent('unknown-device'),
            409: problemContent('cancelled: the link was closed meanwhile'),
            502: problemContent('device-refused'),
            503: problemContent('device-too-hot, device-offline'),
            ...guardProblems,
          },
        },
      },
      async (request, reply) => {
        const found = findDevice(context, request.params.id);
        mayUseDevice(context, caller(request), found.id);
        nameDevice(reply, found.id, found.backend);
        const { fault } = request.body;
        await found.clearFault(fault);
        await context.store.audit.append(auditOf(request, 'device.clear-fault', found.id, { fault }));
        return viewOf(context, found);
      },
    );
  };
}
