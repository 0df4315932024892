// Devices, calibrations, health and about.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { jobBody, startTestService, type TestService } from '../../../test/support/test-service.ts';

let service: TestService;
beforeAll(async () => {
  service = await startTestService();
});
afterAll(() => service.close());
const code = (response: { json(): unknown }): unknown => (response.json() as { code?: string }).code;
const get = (url: string, headers: Record<string, string> = {}) =>
  service.call('GET', url, { headers: { ...service.as.researcher, ...headers } });
const calibrate = (body: object, headers: Record<string, string> = {}) =>
  service.call('POST', '/v1/calibrations', { headers: { ...service.as.researcher, ...headers }, body });

describe('devices', () => {
  it('says who they are and how they are', async () => {
    const list = await get('/v1/devices');
    const one = await get('/v1/devices/chip-0');
    expect(list.json()).toEqual({ items: [one.json()] });
    expect(one.json()).toMatchObject({
      backend: 'twin',
      state: 'ready',
      reason: null,
      identity: { uid: 'cafe' },
    });
    expect(one.headers).toMatchObject({ 'thermoloop-device': 'chip-0', 'thermoloop-backend': 'twin' });
  });

  it('has an ETag that changes with the state', async () => {
    const etag = String((await get('/v1/devices/chip-0')).headers['etag']);
    expect((await get('/v1/devices/chip-0', { 'if-none-match': etag })).statusCode).toBe(304);
    service.device.become('offline');
    const changed = await get('/v1/devices/chip-0', { 'if-none-match': etag });
    expect([changed.statusCode, changed.json<{ state: string }>().state]).toEqual([200, 'offline']);
    service.device.become('ready');
  });

  it('says what they can do, or that they have not said it yet', async () => {
    const known = await get('/v1/devices/chip-0/capabilities');
    expect(known.json()).toMatchObject({ device: 'chip-0', unitsMax: 8, seed: true, schemaHash: '1cc9d8e7' });
    // 8 units of 12 bits; what a TCP address carries nobody knows.
    const maxSampleRate = { bytesPerSample: 12, line_Bps: null, samples_per_s: null };
    expect(known.json()).toMatchObject({ maxSampleRate });
    const { capabilities } = service.device;
    service.device.capabilities = null;
    const unknown = await get('/v1/devices/chip-0/capabilities');
    expect([unknown.statusCode, code(unknown)]).toEqual([503, 'device-offline']);
    service.device.capabilities = capabilities;
    for (const url of ['/v1/devices/chip-7', '/v1/devices/chip-7/capabilities'])
      expect(code(await get(url))).toBe('unknown-device');
  });

  it('keeps a ci key off chips that the key does not name', async () => {
    const model = await service.uploadPair();
    const submit = (headers: Record<string, string>) =>
      service.call('POST', '/v1/jobs', { headers, body: jobBody(model) });
    const plain = await service.addKey('ci');
    const named = await service.addKey('ci', ['device:use:chip-0']);
    expect((await submit(plain.headers)).statusCode).toBe(201);
    service.device.backend = 'chip';
    const refused = await submit(plain.headers);
    expect(refused.json()).toMatchObject({ code: 'forbidden', requiredScope: 'device:use:chip-0' });
    expect((await submit(named.headers)).statusCode).toBe(201);
    expect((await submit(service.as.researcher)).statusCode).toBe(201);
    service.device.backend = 'twin';
  });
});

describe('calibrations', () => {
  it('runs one, which then is the active one of the device', async () => {
    const sent = await calibrate({ device: 'chip-0', kind: 'noise-temperature', options: { holds: 20 } });
    expect(sent.statusCode).toBe(202);
    const { id } = sent.json<{ id: string }>();
    expect(sent.headers).toMatchObject({ location: `/v1/calibrations/${id}`, 'thermoloop-device': 'chip-0' });
    let seen = sent.json<{ state: string }>();
    while (!['succeeded', 'failed'].includes(seen.state))
      seen = (await get(`/v1/calibrations/${id}`, { prefer: 'wait=5' })).json();
    expect(seen).toMatchObject({
      state: 'succeeded',
      backend: 'twin',
      options: { holds: 20 },
      values: { noiseTemperature_ratio: 1.01 },
      stderr: { noiseTemperature_ratio: 0.002 },
    });
    expect((await get('/v1/devices/chip-0')).json()).toMatchObject({ activeCalibration: id });
    const list = await get('/v1/calibrations?kind=noise-temperature&state=succeeded');
    expect(list.json<{ items: { id: string }[] }>().items.map((item) => item.id)).toEqual([id]);
    expect((await get(`/v1/calibrations/${id}`, { prefer: 'wait=30' })).statusCode).toBe(200);
  });

  it('refuses one over planted faults unless forced, and does not make that the active one', async () => {
    const active = (await get('/v1/devices/chip-0')).json<{ activeCalibration: string }>().activeCalibration;
    service.device.faultsActive = true;
    try {
      const refused = await calibrate({ device: 'chip-0', kind: 'noise-temperature' });
      expect([refused.statusCode, code(refused)]).toEqual([409, 'faults-active']);
      const sent = await calibrate({ device: 'chip-0', kind: 'noise-temperature', force: true });
      expect(sent.statusCode).toBe(202);
      let seen = sent.json<{ id: string; state: string }>();
      while (!['succeeded', 'failed'].includes(seen.state))
        seen = (await get(`/v1/calibrations/${seen.id}`, { prefer: 'wait=5' })).json();
      expect(seen).toMatchObject({
        state: 'succeeded',
        forced: true,
        provenance: { faultsActive: true },
      });
      expect((await get('/v1/devices/chip-0')).json()).toMatchObject({
        activeCalibration: active,
        faultsActive: true,
      });
    } finally {
      service.device.faultsActive = false;
    }
  });

  it.each([
    [{ device: 'chip-7', kind: 'noise-temperature' }, 404, 'unknown-device'],
    [{ device: 'chip-0', kind: 'mood' }, 422, 'unknown-calibration-kind'],
    [{ kind: 'noise-temperature' }, 422, 'validation-failed'],
    [{ device: 'chip-0', kind: 'noise-temperature', options: [] }, 422, 'validation-failed'],
  ])('refuses %j', async (body, status, expected) => {
    const response = await calibrate(body);
    expect([response.statusCode, code(response)]).toEqual([status, expected]);
  });

  it('refuses a device that is away, and answers the same key once', async () => {
    service.device.become('offline');
    const body = { device: 'chip-0', kind: 'noise-temperature' };
    expect(code(await calibrate(body))).toBe('device-offline');
    service.device.become('ready');
    const headers = { 'idempotency-key': 'calibrate-1' };
    const first = await calibrate(body, headers);
    expect((await calibrate(body, headers)).json()).toEqual(first.json());
    expect(code(await get('/v1/calibrations/nothing'))).toBe('unknown-calibration');
  });
});

describe('health and about', () => {
  it('is alive without a device, but not ready', async () => {
    expect((await service.call('GET', '/readyz')).json()).toMatchObject({ ready: true });
    service.device.become('offline');
    expect((await service.call('GET', '/healthz')).statusCode).toBe(200);
    const ready = await service.call('GET', '/readyz');
    expect(ready.statusCode).toBe(503);
    expect(ready.json()).toMatchObject({
      dependencies: { store: { ready: true }, 'device chip-0': { ready: false } },
    });
    service.device.become('ready');
  });

  it('tells version, limits and time', async () => {
    const about = (await get('/v1/about')).json<Record<string, unknown>>();
    expect(about).toMatchObject({
      version: '0.0.0-test',
      node: process.versions.node,
      calibrationKinds: ['noise-temperature'],
    });
    expect(Date.parse(String(about['time']))).toBeGreaterThan(Date.parse('2026-01-01'));
  });
});
