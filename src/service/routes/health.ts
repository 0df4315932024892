// Life and readiness: /healthz says the process answers, /readyz which of its dependencies do.
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { RouteContext } from './common.ts';

const dependency = z.object({ ready: z.boolean(), detail: z.string() });
const readiness = z
  .object({ ready: z.boolean(), dependencies: z.record(z.string(), dependency) })
  .meta({ id: 'Readiness' });

export function healthRoutes(context: RouteContext): FastifyPluginAsyncZod {
  return async (app) => {
    app.get(
      '/healthz',
      {
        schema: {
          tags: ['health'],
          summary: 'Whether the process answers',
          response: { 200: z.object({ status: z.literal('ok') }) },
        },
      },
      async () => ({ status: 'ok' as const }),
    );
    app.get(
      '/readyz',
      {
        schema: {
          tags: ['health'],
          summary: 'Whether every dependency is ready: the store and each device',
          response: { 200: readiness, 503: readiness },
        },
      },
      async (_request, reply) => {
        const dependencies: Record<string, z.infer<typeof dependency>> = {
          store: await storeReadiness(context),
        };
        for (const { id, state, reason } of context.devices.values())
          dependencies[`device ${id}`] = {
            ready: state === 'ready' || state === 'running',
            detail: reason === null ? state : `${state}: ${reason.code}`,
          };
        const ready = Object.values(dependencies).every((d) => d.ready);
        return reply.code(ready ? 200 : 503).send({ ready, dependencies });
      },
    );
  };
}

async function storeReadiness({ store }: RouteContext): Promise<z.infer<typeof dependency>> {
  try {
    await store.check();
    return { ready: true, detail: 'answers' };
  } catch (error) {
    return { ready: false, detail: (error as { code?: string }).code ?? 'does not answer' };
  }
}
