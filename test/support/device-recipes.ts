// The recipes of routes that are about what people want of a device; of route-recipes.ts, by the same rules.
import type { Caller, Kitchen, Recipe } from './recipe.ts';
import type { TestService } from './test-service.ts';

const DEVICE = 'chip-0';

/** A lease of the caller, whatever its role. */
async function leaseOf({ service }: Kitchen, { keyId }: Caller): Promise<string> {
  const lease = await service.controls.lease(DEVICE, async (tx) => {
    const taken = await tx.useLeases.take({ device: DEVICE, keyId, ttl_ms: 60_000, purpose: null });
    if (taken === null) throw new Error('the device has a lease already: cleanUp() was not called');
    return taken;
  });
  return `/v1/devices/${DEVICE}/leases/${lease.id}`;
}

/** A calibration of the fake chip that succeeded. */
async function calibrationOf({ service }: Kitchen): Promise<string> {
  const { calibrations } = service.store;
  const { id } = await calibrations.add({ kind: 'noise-temperature', device: 'other', options: {} });
  await calibrations.transition(id, 'queued', 'running');
  const change = { deviceUid: 'cafe', values: {}, stderr: {}, provenance: {}, finishedAt_ms: 1 };
  return (await calibrations.transition(id, 'running', 'succeeded', change)).id;
}

async function captureOf({ service }: Kitchen): Promise<string> {
  const row = await service.captures.freeze({ device: DEVICE, backend: 'twin', keyId: null });
  return `/v1/captures/${row.id}`;
}

export const deviceRecipes: Readonly<Record<string, Recipe>> = {
  'GET /v1/devices/:id/state': { ask: () => ({ path: `/v1/devices/${DEVICE}/state` }), status: 200 },
  'PUT /v1/devices/:id/state': {
    ask: () => ({
      path: `/v1/devices/${DEVICE}/state`,
      headers: { 'if-match': '*' },
      body: { desired: 'maintenance' },
    }),
    status: 200,
    usesDevice: true,
  },
  'POST /v1/devices/:id/safe-stop': {
    ask: () => ({ path: `/v1/devices/${DEVICE}/safe-stop` }),
    status: 200,
    usesDevice: true,
  },
  'POST /v1/devices/:id/resume': {
    ask: async ({ service }) => {
      await service.controls.safeStop(DEVICE, { keyId: null, reason: null });
      return { path: `/v1/devices/${DEVICE}/resume`, body: { reason: 'all is well' } };
    },
    status: 200,
    usesDevice: true,
  },
  'POST /v1/devices/:id/leases': {
    ask: () => ({ path: `/v1/devices/${DEVICE}/leases`, body: { ttl_s: 60 } }),
    status: 201,
    usesDevice: true,
  },
  'GET /v1/devices/:id/leases': { ask: () => ({ path: `/v1/devices/${DEVICE}/leases` }), status: 200 },
  'GET /v1/devices/:id/leases/:lease': {
    ask: async (kitchen, caller) => ({ path: await leaseOf(kitchen, caller) }),
    status: 200,
  },
  'PUT /v1/devices/:id/leases/:lease': {
    ask: async (kitchen, caller) => ({ path: await leaseOf(kitchen, caller), body: { ttl_s: 60 } }),
    status: 200,
  },
  'DELETE /v1/devices/:id/leases/:lease': {
    ask: async (kitchen, caller) => ({ path: await leaseOf(kitchen, caller) }),
    status: 204,
    foreign: 403,
  },
  'GET /v1/devices/:id/calibration': {
    ask: () => ({ path: `/v1/devices/${DEVICE}/calibration` }),
    status: 200,
  },
  'PUT /v1/devices/:id/calibration': {
    ask: async (kitchen) => ({
      path: `/v1/devices/${DEVICE}/calibration`,
      headers: { 'if-match': '*' },
      body: { id: await calibrationOf(kitchen) },
    }),
    status: 200,
    usesDevice: true,
  },
  'GET /v1/calibrations/:a/diff/:b': {
    ask: async (kitchen) => {
      const id = await calibrationOf(kitchen);
      return { path: `/v1/calibrations/${id}/diff/${id}` };
    },
    status: 200,
  },
  'POST /v1/captures': {
    ask: () => ({ path: '/v1/captures', body: { device: DEVICE } }),
    status: 201,
    usesDevice: true,
  },
  'GET /v1/captures': { ask: () => ({ path: '/v1/captures' }), status: 200 },
  'GET /v1/captures/:id': { ask: async (kitchen) => ({ path: await captureOf(kitchen) }), status: 200 },
  'DELETE /v1/captures/:id': { ask: async (kitchen) => ({ path: await captureOf(kitchen) }), status: 204 },
  'GET /v1/twins': { ask: () => ({ path: '/v1/twins' }), status: 200 },
  'GET /v1/twins/:id': { ask: () => ({ path: `/v1/twins/${DEVICE}` }), status: 200 },
  'GET /v1/twins/:id/faults': { ask: () => ({ path: `/v1/twins/${DEVICE}/faults` }), status: 200 },
  'PUT /v1/twins/:id/faults': {
    ask: () => ({ path: `/v1/twins/${DEVICE}/faults`, body: { faults: [] } }),
    status: 200,
    usesDevice: true,
  },
  'DELETE /v1/twins/:id/faults': {
    ask: () => ({ path: `/v1/twins/${DEVICE}/faults` }),
    status: 204,
    usesDevice: true,
  },
  'DELETE /v1/twins/:id/faults/:fault': {
    ask: ({ service }) => {
      service.device.channel.faults = [{ id: 'fault-9', component: 'link', type: 'off' }];
      return { path: `/v1/twins/${DEVICE}/faults/fault-9` };
    },
    status: 204,
    usesDevice: true,
  },
};

/** As it was before: ready, not stopped, and nobody's. */
export async function freeDevice({ controls, store }: TestService): Promise<void> {
  const { state } = controls.of(DEVICE);
  if (state.safeStop !== null) await controls.resume(DEVICE, { keyId: null });
  if (state.desired !== 'ready') await controls.setState(DEVICE, 'ready', { keyId: null, expected: null });
  for (const { id } of await store.useLeases.active(DEVICE))
    await controls.lease(DEVICE, async (tx) => {
      const released = await tx.useLeases.release(id);
      if (released === null) throw new Error('the lease has ended');
      return released;
    });
}
