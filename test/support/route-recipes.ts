// For tests that walk through every route of the matrix: what to send so that a route really does its work. A new route
// needs a line here, or src/service/auth/matrix.test.ts fails and says so.
import { deviceRecipes, freeDevice } from './device-recipes.ts';
import type { Caller, Kitchen, Recipe } from './recipe.ts';
import { jobBody, type TestService } from './test-service.ts';

export type { Caller, Kitchen, Recipe } from './recipe.ts';

const get = (path: string, status = 200): Recipe => ({ ask: () => ({ path }), status });
const ofEndedJob = (rest: string): Recipe => ({
  ask: async (kitchen, caller) => ({ path: `/v1/jobs/${await kitchen.endedJob(caller)}${rest}` }),
  status: 200,
  foreign: 404,
});

const hookBody = { url: 'https://192.0.3.1/hook', topics: ['job.succeeded'] };
const ofHook = (rest: string, status: number): Recipe => ({
  ask: async ({ service }, { keyId }) => {
    const hook = { keyId, secret: 's', url: hookBody.url, topics: ['job.failed' as const] };
    return { path: `/v1/webhooks/${(await service.store.webhooks.add(hook)).id}${rest}` };
  },
  status,
  foreign: 404,
});

/** By route of the matrix, without the public ones. */
export const recipes: Readonly<Record<string, Recipe>> = {
  'GET /v1/about': get('/v1/about'),
  'GET /v1/devices': get('/v1/devices'),
  'GET /v1/devices/:id': get('/v1/devices/chip-0'),
  'GET /v1/devices/:id/capabilities': get('/v1/devices/chip-0/capabilities'),
  'GET /v1/devices/:id/telemetry': get('/v1/devices/chip-0/telemetry'),
  'GET /v1/devices/:id/heat': get('/v1/devices/chip-0/heat?groupBy=job'),
  'GET /v1/devices/:id/drift': get('/v1/devices/chip-0/drift?quantity=coupling&top=3'),
  'POST /v1/devices/:id/clear-fault': {
    ask: () => ({ path: '/v1/devices/chip-0/clear-fault', body: { fault: 'over-temperature' } }),
    status: 200,
    usesDevice: true,
  },
  'POST /v1/models': {
    ask: (kitchen) => ({ path: '/v1/models', body: kitchen.newModel() }),
    status: 201,
  },
  'GET /v1/models': get('/v1/models'),
  'GET /v1/models/:digest': {
    ask: async (kitchen, caller) => ({ path: `/v1/models/${await kitchen.model(caller)}` }),
    status: 200,
    foreign: 404,
  },
  'DELETE /v1/models/:digest': {
    ask: async (kitchen, caller) => ({ path: `/v1/models/${await kitchen.model(caller)}` }),
    status: 204,
    foreign: 403,
  },
  'POST /v1/jobs': {
    ask: async (kitchen, caller) => ({ path: '/v1/jobs', body: jobBody(await kitchen.model(caller)) }),
    status: 201,
    usesDevice: true,
  },
  'POST /v1/jobs/batch': {
    // A device that the key may not use is the problem of the item.
    ask: async (kitchen, caller) => ({
      path: '/v1/jobs/batch',
      body: { jobs: [jobBody(await kitchen.model(caller))] },
    }),
    status: 200,
  },
  'POST /v1/jobs/validate': {
    // A device that the key may not use is a problem in the answer.
    ask: async (kitchen, caller) => ({
      path: '/v1/jobs/validate',
      body: jobBody(await kitchen.model(caller)),
    }),
    status: 200,
  },
  'GET /v1/jobs': get('/v1/jobs'),
  'GET /v1/jobs/:id': ofEndedJob(''),
  'POST /v1/jobs/:id/cancel': {
    ask: async (kitchen, caller) => ({ path: `/v1/jobs/${await kitchen.waitingJob(caller)}/cancel` }),
    status: 200,
    foreign: 404,
  },
  'PATCH /v1/jobs/:id': {
    ask: async (kitchen, caller) => ({
      path: `/v1/jobs/${await kitchen.waitingJob(caller)}`,
      body: { labels: { run: 'A17' } },
    }),
    status: 200,
    foreign: 404,
  },
  'GET /v1/jobs/:id/timing': ofEndedJob('/timing'),
  'GET /v1/jobs/:id/log': ofEndedJob('/log'),
  'DELETE /v1/jobs/:id': { ...ofEndedJob(''), status: 204 },
  'GET /v1/jobs/:id/samples': ofEndedJob('/samples'),
  'GET /v1/jobs/:id/certificate': ofEndedJob('/certificate'),
  'GET /v1/jobs/:id/certificate/addenda': ofEndedJob('/certificate/addenda'),
  'POST /v1/calibrations': {
    ask: () => ({ path: '/v1/calibrations', body: { device: 'chip-0', kind: 'noise-temperature' } }),
    status: 202,
    usesDevice: true,
  },
  'GET /v1/calibrations': get('/v1/calibrations'),
  'GET /v1/calibrations/:id': {
    ask: async ({ service }) => {
      const row = await service.runner.submitCalibration(
        { kind: 'noise-temperature', device: 'chip-0' },
        { keyId: null },
      );
      return { path: `/v1/calibrations/${row.id}` };
    },
    status: 200,
  },
  'GET /v1/keys': get('/v1/keys'),
  'GET /v1/keys/:id': {
    ask: async (kitchen) => ({ path: `/v1/keys/${await kitchen.spareKey()}` }),
    status: 200,
  },
  'POST /v1/keys': { ask: () => ({ path: '/v1/keys', body: { name: 'made', role: 'viewer' } }), status: 201 },
  'PATCH /v1/keys/:id': {
    ask: async (kitchen) => ({
      path: `/v1/keys/${await kitchen.spareKey()}`,
      headers: { 'if-match': '*' },
      body: { name: 'edited' },
    }),
    status: 200,
  },
  'DELETE /v1/keys/:id': {
    ask: async (kitchen) => ({ path: `/v1/keys/${await kitchen.spareKey()}` }),
    status: 204,
  },
  'POST /v1/tickets': { ask: () => ({ path: '/v1/tickets' }), status: 201 },
  'POST /v1/webhooks': { ask: () => ({ path: '/v1/webhooks', body: hookBody }), status: 201 },
  'GET /v1/webhooks': get('/v1/webhooks'),
  'GET /v1/webhooks/:id': ofHook('', 200),
  'DELETE /v1/webhooks/:id': ofHook('', 204),
  'GET /v1/webhooks/:id/deliveries': ofHook('/deliveries', 200),
  'GET /v1/audit': get('/v1/audit'),
  'GET /v1/ws': get('/v1/ws', 426),
  // The stream has no end that a test could wait for; whoever gets past the guard is told of the topic.
  'GET /v1/events': get('/v1/events?topics=none', 422),
  ...deviceRecipes,
};

export function kitchenOf(service: TestService): Kitchen {
  let models = 0;
  const kitchen: Kitchen = {
    service,
    newModel() {
      models += 1;
      const coupling = models / 4096;
      return {
        couplings: [
          [0, coupling],
          [coupling, 0],
        ],
      };
    },
    async model(caller) {
      const made = await ask('POST', '/v1/models', caller, kitchen.newModel());
      return (made as { digest: string }).digest;
    },
    async endedJob(caller) {
      const id = await submit(caller);
      for (;;) {
        const row = await service.store.jobs.get(id);
        if (row.finishedAt_ms !== null) return id;
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    },
    async waitingJob(caller) {
      service.device.held = true;
      const started = service.device.started();
      await submit(caller);
      await started;
      return submit(caller);
    },
    async spareKey() {
      return (await service.addKey('viewer')).id;
    },
    async cleanUp() {
      await freeDevice(service);
      if (!service.device.held) return;
      service.device.held = false;
      service.device.release();
      while ((await service.store.jobs.countByState()).running > 0)
        await new Promise((resolve) => setTimeout(resolve, 2));
    },
  };
  const submit = async (caller: Caller): Promise<string> => {
    const made = await ask('POST', '/v1/jobs', caller, jobBody(await kitchen.model(caller)));
    return (made as { id: string }).id;
  };
  /** As the caller, or where the caller may not: as another researcher. */
  const ask = async (method: string, path: string, { headers }: Caller, body: object): Promise<unknown> => {
    const own = await service.call(method, path, { headers, body });
    const response =
      own.statusCode === 403 ? await service.call(method, path, { role: 'researcher', body }) : own;
    if (response.statusCode !== 201) throw new Error(`${method} ${path}: ${response.body}`);
    return response.json();
  };
  return kitchen;
}
