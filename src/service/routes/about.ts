// GET /v1/about: versions, features, limits and the server's time.
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { grantableRoles } from '../auth/matrix.ts';
import { LONGEST_HOLD_MS } from '../../jobs/index.ts';
import { UNITS_MAX } from '../models/parse.ts';
import { clockFacts } from '../../clock/clock.ts';
import { clock, guardProblems, PAGE_LIMIT_MAX, time, toTime } from '../schemas/common.ts';
import { WAIT_MAX_S, type RouteContext } from './common.ts';
import { MODEL_BODY_BYTES_MAX } from './models.ts';

const about = z
  .object({
    name: z.literal('thermoloop'),
    version: z.string(),
    node: z.string(),
    api: z.literal('v1'),
    epoch: z.string().meta({ description: 'Another value: the service was restarted' }),
    startedAt: time,
    time,
    deviceClock: clock,
    expectBackend: z.string().nullable(),
    calibrationKinds: z.array(z.string()),
    roles: z.array(z.string()),
    limits: z.object({
      modelUnits: z.int(),
      modelBody_bytes: z.int(),
      wait_s: z.int(),
      pageLimit: z.int(),
      requestsPerMinute: z.int(),
      hold_s: z.int().meta({ description: 'The longest time that a job without a deadline is held' }),
    }),
  })
  .meta({ id: 'About' });

export function aboutRoutes(context: RouteContext & { requestsPerMinute: number }): FastifyPluginAsyncZod {
  return async (app) => {
    app.get(
      '/v1/about',
      {
        schema: {
          tags: ['service'],
          summary: 'Versions, limits and time of the service',
          response: { 200: about, ...guardProblems },
        },
      },
      async () => ({
        name: 'thermoloop' as const,
        version: context.version,
        node: process.versions.node,
        api: 'v1' as const,
        epoch: context.epoch,
        startedAt: toTime(context.startedAt_ms),
        time: toTime(context.clock.wall_ms()),
        deviceClock: clockFacts(context.deviceClock ?? context.clock),
        expectBackend: context.expectBackend ?? null,
        calibrationKinds: [...context.runner.calibrationKinds],
        roles: [...grantableRoles],
        limits: {
          modelUnits: UNITS_MAX,
          modelBody_bytes: MODEL_BODY_BYTES_MAX,
          wait_s: WAIT_MAX_S,
          pageLimit: PAGE_LIMIT_MAX,
          requestsPerMinute: context.requestsPerMinute,
          hold_s: LONGEST_HOLD_MS / 1000,
        },
      }),
    );
  };
}
