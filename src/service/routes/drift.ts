// What probes have found of a device: how far it has moved since its last calibration, what stands out, and since when.
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { nameDevice } from '../plugins/device-headers.ts';
import { guardProblems, idParams, problemContent, toTime } from '../schemas/common.ts';
import {
  driftAnswer,
  driftEventView,
  driftNowView,
  driftPointView,
  driftQuery,
  driftSpan,
} from '../schemas/drift.ts';
import type { RouteContext } from './common.ts';
import { findDevice } from './devices.ts';

export function driftRoutes(context: RouteContext): FastifyPluginAsyncZod {
  const { store, runner, clock } = context;
  return async (app) => {
    app.get(
      '/v1/devices/:id/drift',
      {
        schema: {
          tags: ['devices'],
          summary: 'Drift since the last calibration: worst elements by name, events, and series',
          description:
            'From probes between jobs on the program of the last one (docs/physics.md, Drift). An event is an interval: it ' +
            'happened between the last good probe and the alarm.',
          params: idParams,
          querystring: driftQuery,
          response: { 200: driftAnswer, 404: problemContent('unknown-device'), ...guardProblems },
        },
      },
      async (request, reply) => {
        const { id: device, backend } = findDevice(context, request.params.id);
        nameDevice(reply, device, backend);
        const { quantity, top, limit } = request.query;
        const now_ms = clock.wall_ms();
        const span = driftSpan(request.query, now_ms);
        const points = await store.drift.points({ device, ...span, limit, ...(quantity && { quantity }) });
        const events = await store.drift.events({ device });
        const state = runner.drift(device);
        return {
          device,
          backend,
          now: state && driftNowView(state, now_ms, top),
          events: events
            .filter((event) => quantity === undefined || event.quantity === quantity)
            .map(driftEventView),
          from: toTime(span.from_ms),
          to: toTime(span.to_ms),
          points: points.map((row) => driftPointView(row, top)),
        };
      },
    );
  };
}
