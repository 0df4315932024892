// Telemetry and latched faults over HTTP: the latest reading in the device document, series, what is refused, and clearing.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { jobBody, startTestService, type TestService } from '../../../test/support/test-service.ts';
import { DeviceError } from '../../device/index.ts';

let service: TestService;
beforeAll(async () => {
  service = await startTestService();
});
afterAll(() => service.close());

const code = (response: { json(): unknown }): unknown => (response.json() as { code?: string }).code;
const get = (query = '', headers: Record<string, string> = {}) =>
  service.call('GET', `/v1/devices/chip-0/telemetry${query}`, {
    headers: { ...service.as.viewer, ...headers },
  });
const one = async (headers: Record<string, string> = {}) =>
  service.call('GET', '/v1/devices/chip-0', { headers: { ...service.as.viewer, ...headers } });
const clear = (body: object, role: 'operator' | 'researcher' = 'operator') =>
  service.call('POST', '/v1/devices/chip-0/clear-fault', { role, body });

const END_MS = Date.parse('2027-01-15T08:00:00Z');
const BOTH = ['dieTemperature_C', 'readEnergy_J'] as const;

/** Two minutes of readings up to END_MS: the die at as many degrees as seconds have passed. */
function sense(): void {
  const { device } = service;
  device.capabilities = {
    ...(device.capabilities as NonNullable<typeof device.capabilities>),
    telemetry: { mask: 0b1000_0000_0010, metrics: [...BOTH], periodMin_s: 0.01, periodMax_s: 60 },
    dieLimits: { derate_C: 80, trip_C: 95, clear_C: 85 },
  };
  for (let s = 0; s <= 120; s += 1)
    device.history.add(END_MS - (120 - s) * 1000, {
      dieTemperature_C: s,
      readEnergy_J: s === 120 ? null : 2 * s,
    });
  device.telemetryStatus = {
    latest: {
      at_ms: END_MS,
      age_s: 2.5,
      uptime_s: 120,
      values: { dieTemperature_C: 120, readEnergy_J: null },
    },
    reason: null,
    period_s: 1,
    maxAge_s: 10,
    readings: 121,
  };
}

describe('a device without sensors', () => {
  it('says so, in the document and in the series', async () => {
    expect((await one()).json()).toMatchObject({
      faults: [],
      telemetry: { reason: { code: 'no-sensors' }, time: null, age_s: null, values: {} },
    });
    const series = await get();
    expect(series.statusCode).toBe(200);
    expect(series.json()).toMatchObject({
      device: 'chip-0',
      simulated: true,
      reason: { code: 'no-sensors', message: 'it has none', remedy: 'none' },
      time: [],
      series: {},
    });
    const known = await service.call('GET', '/v1/devices/chip-0/capabilities', { role: 'viewer' });
    expect(known.json()).toMatchObject({ telemetry: null, dieLimits: null });
  });
});

describe('a device with sensors', () => {
  beforeEach(sense);
  const from = '?from=2027-01-15T07:59:00Z&to=2027-01-15T08:00:00Z';

  it('shows the latest reading with its age, and its limits', async () => {
    const response = await one();
    expect(response.json()).toMatchObject({
      telemetry: {
        simulated: true,
        reason: null,
        time: '2027-01-15T08:00:00.000Z',
        age_s: 2.5,
        maxAge_s: 10,
        period_s: 1,
        values: { dieTemperature_C: 120, readEnergy_J: null },
      },
    });
    const known = await service.call('GET', '/v1/devices/chip-0/capabilities', { role: 'viewer' });
    expect(known.json()).toMatchObject({
      telemetry: { metrics: BOTH, periodMin_s: 0.01, periodMax_s: 60 },
      dieLimits: { derate_C: 80, trip_C: 95, clear_C: 85 },
    });
    expect(known.json<{ telemetry: object }>().telemetry).not.toHaveProperty('mask');
  });

  it('has another ETag after another reading, and when the last one has grown old', async () => {
    const etag = String((await one()).headers['etag']);
    expect((await one({ 'if-none-match': etag })).statusCode).toBe(304);
    const { device } = service;
    device.telemetryStatus = { ...device.telemetryStatus, readings: 122 };
    expect((await one({ 'if-none-match': etag })).statusCode).toBe(200);
    device.telemetryStatus = {
      ...device.telemetryStatus,
      readings: 121,
      reason: { code: 'stale', message: 'old', remedy: 'look' },
    };
    expect((await one({ 'if-none-match': etag })).statusCode).toBe(200);
  });

  it('gives a series of what was asked for, with gaps left out', async () => {
    const response = await get(`${from}&metrics=dieTemperature_C&step=30`);
    expect(response.headers).toMatchObject({ 'thermoloop-device': 'chip-0', 'thermoloop-backend': 'twin' });
    expect(response.json()).toEqual({
      device: 'chip-0',
      backend: 'twin',
      simulated: true,
      reason: null,
      from: '2027-01-15T07:59:00.000Z',
      to: '2027-01-15T08:00:00.000Z',
      step_s: 30,
      resolution_s: 5,
      kept_s: 86_400,
      time: ['2027-01-15T07:59:29.000Z', '2027-01-15T07:59:59.000Z', '2027-01-15T08:00:00.000Z'],
      series: { dieTemperature_C: [89, 119, 120] },
    });
  });

  it('gives all metrics of the device unless told, and null where a sensor was silent', async () => {
    const { series, time } = (await get(from)).json<{ series: Record<string, unknown[]>; time: string[] }>();
    expect(Object.keys(series)).toEqual(BOTH);
    expect(series['readEnergy_J']).toHaveLength(time.length);
    expect(series['readEnergy_J'].at(-1)).toBeNull();
  });

  it('takes the last hour unless told', async () => {
    const now = (await get()).json<{ from: string; to: string; step_s: number; time: string[] }>();
    expect(Date.parse(now.to) - Date.parse(now.from)).toBe(3_600_000);
    expect(now.step_s).toBe(12);
    expect(now.time).toEqual([]);
  });

  it.each([
    ['?metrics=dieTemperature_C,heat', 'metrics', 'there is no metric "heat"'],
    ['?metrics=', 'metrics', 'there is no metric ""'],
    ['?from=yesterday', 'from', ''],
    ['?to=2027-01-15', 'to', ''],
    ['?from=2027-01-15T09:00:00Z&to=2027-01-15T08:00:00Z', 'from', 'lies behind to'],
    ['?step=1', 'step', ''],
    ['?step=-5', 'step', ''],
    ['?step=1e9', 'step', ''],
    ['?step=often', 'step', ''],
    ['?since=2027-01-15T08:00:00Z', 'since', 'unknown name'],
    [
      `?from=2027-01-14T08:00:00Z&to=2027-01-15T08:00:00Z&step=5&metrics=dieTemperature_C,readEnergy_J`,
      'step',
      'are too many',
    ],
  ])('refuses %s', async (query, parameter, detail) => {
    const response = await get(query);
    expect([response.statusCode, code(response)]).toEqual([422, 'validation-failed']);
    const { errors } = response.json<{ errors: { parameter: string; detail: string }[] }>();
    expect(errors[0].parameter).toBe(parameter);
    expect(errors[0].detail).toContain(detail);
  });

  it('knows no other device', async () => {
    const response = await service.call('GET', '/v1/devices/chip-7/telemetry', { role: 'viewer' });
    expect(code(response)).toBe('unknown-device');
  });
});

describe('a latched fault', () => {
  const fault = { name: 'over-temperature', severity: 'latched', value: 95.5 } as const;

  it('is shown, and cleared by an operator, who stands in the audit', async () => {
    service.device.faults = [fault];
    expect((await one()).json()).toMatchObject({ faults: [fault] });
    const before = service.device.faults;
    expect((await clear({ fault: 'over-temperature' }, 'researcher')).statusCode).toBe(403);
    expect(service.device.faults).toBe(before);
    const cleared = await clear({ fault: 'over-temperature' });
    expect([cleared.statusCode, cleared.json()]).toMatchObject([200, { id: 'chip-0', faults: [] }]);
    const rows = await service.store.audit.list({ limit: 50 });
    expect(rows.some((row) => row.action === 'device.clear-fault' && row.target === 'chip-0')).toBe(true);
  });

  it('stays while the die is hot, with what the device says against it', async () => {
    service.device.faults = [fault];
    service.device.refuseClear = new DeviceError('device-too-hot', 'the die is at 90.0 C');
    const refused = await clear({ fault: 'over-temperature' });
    service.device.refuseClear = null;
    expect([refused.statusCode, refused.json()]).toMatchObject([
      503,
      { code: 'device-too-hot', detail: 'the die is at 90.0 C', retryable: true },
    ]);
    expect(service.device.faults).toEqual([fault]);
    service.device.faults = [];
  });

  it.each([{}, { fault: 'heat' }, { fault: 'over-temperature', force: true }])('refuses %j', async (body) => {
    expect(code(await clear(body))).toBe('validation-failed');
  });

  it('ends a job as a thermal stop, with the remedy', async () => {
    const model = await service.uploadPair();
    service.device.failWith = new DeviceError('device-too-hot', 'the die reached 95.5 C', { detail: 501 });
    const sent = await service.call('POST', '/v1/jobs', { role: 'researcher', body: jobBody(model) });
    const { id } = sent.json<{ id: string }>();
    const wait = { headers: { ...service.as.researcher, prefer: 'wait=10' } };
    let job = sent.json<{ state: string }>();
    while (!['failed', 'succeeded'].includes(job.state))
      job = (await service.call('GET', `/v1/jobs/${id}`, wait)).json();
    expect(job).toMatchObject({
      state: 'failed',
      cause: 'thermal-stop',
      failure: { code: 'device-too-hot', message: 'the die reached 95.5 C' },
    });
    expect(job).toHaveProperty('failure.remedy', expect.stringContaining('clear the fault'));
  });
});
