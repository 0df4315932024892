// Twins over HTTP: faults planted as a whole or not at all, a channel that is away or talks nonsense, and chips that are refused.
import { afterEach, beforeEach, expect, it } from 'vitest';
import { startTestService, type TestService } from '../../../test/support/test-service.ts';

let service: TestService;
beforeEach(async () => {
  service = await startTestService();
});
afterEach(() => service.close());

const FAULTS = '/v1/twins/chip-0/faults';
const call = (method: string, path: string, body?: object) =>
  service.call(method, path, { role: 'operator', body });
const put = (...faults: unknown[]) => call('PUT', FAULTS, { faults });
const stuck = { component: 'readout', type: 'stuck', target: { unit: 3 } };

it('shows what the twin says of itself', async () => {
  const one = (await call('GET', '/v1/twins/chip-0')).json<object>();
  expect(one).toMatchObject({
    device: 'chip-0',
    uid: 'cafe',
    reachable: true,
    units: 8,
    profile: { name: 'ideal' },
    speed: 1,
    faultsActive: false,
    wholeProfile: { version: 1 },
  });
  const { items } = (await call('GET', '/v1/twins')).json<{ items: object[] }>();
  expect(items).toHaveLength(1);
});

it('plants these faults and no others, and clears them', async () => {
  const first = await put(stuck, { component: 'link', type: 'off' });
  expect([first.statusCode, first.json<{ faults: object[] }>().faults.length]).toEqual([200, 2]);
  const second = await put(stuck);
  expect(second.json()).toMatchObject({ deviceTime_s: 5, faults: [{ id: 'fault-3', component: 'readout' }] });
  expect((await call('DELETE', `${FAULTS}/fault-3`)).statusCode).toBe(204);
  expect((await call('DELETE', `${FAULTS}/fault-3`)).json()).toMatchObject({
    status: 404,
    code: 'unknown-fault',
  });
  await put(stuck);
  expect((await call('DELETE', FAULTS)).statusCode).toBe(204);
  expect((await call('GET', FAULTS)).json()).toMatchObject({ faults: [] });
  const audit = await service.store.audit.list({ action: 'twin.faults' });
  expect(audit[1]).toMatchObject({ target: 'chip-0', detail: { planted: ['fault-3 readout stuck'] } });
});

it('changes nothing when one of them is refused, and names it', async () => {
  await put(stuck);
  const refused = await put({ component: 'link', type: 'off' }, { component: 'wrong', type: 'x' });
  expect(refused.json()).toMatchObject({
    status: 422,
    errors: [{ pointer: '/faults/1', allowed: 'Do otherwise.' }],
  });
  expect((await call('GET', FAULTS)).json()).toMatchObject({ faults: [{ id: 'fault-1' }] });
});

it('does not plant in a chip, or where no channel is known', async () => {
  service.device.backend = 'chip';
  for (const method of ['GET', 'PUT', 'DELETE']) {
    const response = await call(method, FAULTS, method === 'PUT' ? { faults: [stuck] } : undefined);
    expect(response.json()).toMatchObject({ status: 403, code: 'fault-not-allowed' });
  }
  expect((await call('GET', '/v1/twins')).json()).toEqual({ items: [] });
  expect(service.device.channel.faults).toEqual([]);
  expect((await call('GET', '/v1/twins/nobody')).json()).toMatchObject({
    status: 404,
    code: 'unknown-device',
  });
});

it('says so when the channel is away, which counts as faults that nobody knows of, or talks nonsense', async () => {
  service.device.channel.isAway = true;
  expect((await put(stuck)).json()).toMatchObject({ status: 503, code: 'twin-unreachable', retryable: true });
  expect((await call('GET', '/v1/twins/chip-0')).json()).toMatchObject({
    reachable: false,
    units: null,
    faults: null,
    faultsActive: true,
  });
  service.device.channel.isAway = false;
  service.device.channel.nonsense = { faults: 'many' };
  expect((await call('GET', FAULTS)).json()).toMatchObject({ status: 502, code: 'device-protocol-error' });
});

it('takes no nonsense, and only those who may', async () => {
  for (const faults of [null, {}, 'all', [1], [{}], [{ component: 1, type: 'off' }], Array(65).fill(stuck)])
    expect((await call('PUT', FAULTS, { faults })).statusCode).toBe(422);
  const researcher = await service.call('PUT', FAULTS, { role: 'researcher', body: { faults: [] } });
  expect(researcher.statusCode).toBe(403);
});
