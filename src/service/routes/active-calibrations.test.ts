// Which calibration counts, over HTTP: it follows measurements, is pinned, moved back, and kept from what does not belong.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { jobBody, startTestService, type TestService } from '../../../test/support/test-service.ts';

let service: TestService;
beforeEach(async () => {
  service = await startTestService();
});
afterEach(() => service.close());

const PATH = '/v1/devices/chip-0/calibration';
type Body = Record<string, unknown>;
const call = async (
  method: string,
  path: string,
  body?: object,
  headers = {},
  role: 'operator' | 'researcher' = 'operator',
) => {
  const response = await service.call(method, path, { role, body, headers });
  return {
    status: response.statusCode,
    headers: response.headers,
    body: response.body === '' ? {} : response.json<Body>(),
  };
};
/** Measures, and waits for the end. */
async function measure(): Promise<string> {
  const { id, revision } = await service.runner.submitCalibration({
    kind: 'noise-temperature',
    device: 'chip-0',
  });
  let row = await service.runner.waitForCalibration(id, revision, 10_000);
  while (row.finishedAt_ms === null) row = await service.runner.waitForCalibration(id, row.revision, 10_000);
  return id;
}
/** As a former run left it. */
async function stored(change: object): Promise<string> {
  const { id } = await service.store.calibrations.add({
    kind: 'noise-temperature',
    device: 'chip-0',
    options: {},
  });
  await service.store.calibrations.transition(id, 'queued', 'running');
  await service.store.calibrations.transition(id, 'running', 'succeeded', {
    deviceUid: 'cafe',
    values: { noiseTemperature_ratio: 1.03 },
    stderr: { noiseTemperature_ratio: 0.002 },
    provenance: { faultsActive: false },
    finishedAt_ms: 1000,
    ...change,
  });
  return id;
}
const activate = (id: unknown, pin: unknown, etag = '*') =>
  call('PUT', PATH, { id, pin }, { 'if-match': etag });
const calibrationOfJob = async (): Promise<unknown> => {
  const { body } = await call('POST', '/v1/jobs', jobBody(await service.uploadPair()), { prefer: 'wait=10' });
  const ended = await service.runner.waitForEnd(String(body['id']), 10_000);
  return (ended.result as { provenance: { calibration: unknown } }).provenance.calibration;
};

describe('the calibration that counts', () => {
  it('is the newest until one is pinned; jobs use it, and going back is one more move', async () => {
    const first = await measure();
    const second = await measure();
    const seen = await call('GET', PATH);
    expect(seen.body).toMatchObject({
      deviceUid: 'cafe',
      active: [{ kind: 'noise-temperature', id: second, pinned: false, age_s: expect.any(Number) as number }],
      history: [
        { calibration: second, previous: first, why: 'measured' },
        { calibration: first, previous: null, why: 'measured' },
      ],
    });
    expect(await calibrationOfJob()).toBe(second);
    const back = await activate(first, true, String(seen.headers['etag']));
    expect(back).toMatchObject({ status: 200, body: { active: [{ id: first, pinned: true }] } });
    await measure();
    expect(await calibrationOfJob()).toBe(first);
    const device = await call('GET', '/v1/devices/chip-0');
    expect(device.body).toMatchObject({ activeCalibration: first, calibration: { id: first, pinned: true } });
    expect((await activate(first, false)).status).toBe(200);
    const last = await measure();
    expect((await call('GET', PATH)).body).toMatchObject({ active: [{ id: last, pinned: false }] });
    const audit = await service.store.audit.list({ action: 'calibration.activate' });
    expect(audit.map(({ target, detail }) => [target, detail['previous'], detail['pinned']])).toEqual([
      ['chip-0', first, false],
      ['chip-0', second, true],
    ]);
  });

  it('is moved by who has seen where it is', async () => {
    const first = await measure();
    const { headers } = await call('GET', PATH);
    const tag = String(headers['etag']);
    expect((await call('GET', PATH, undefined, { 'if-none-match': tag })).status).toBe(304);
    expect(await call('PUT', PATH, { id: first })).toMatchObject({ status: 428 });
    await measure();
    expect(await activate(first, true, tag)).toMatchObject({
      status: 412,
      body: { code: 'precondition-failed' },
    });
    expect((await service.store.activeCalibrations.history('cafe')).length).toBe(2);
  });

  it('is none of another chip, none over planted faults, none that failed', async () => {
    const foreign = await stored({ deviceUid: 'beef' });
    expect(await activate(foreign, false)).toMatchObject({ status: 409, body: { code: 'another-chip' } });
    const faulty = await stored({ provenance: { faultsActive: true } });
    expect(await activate(faulty, false)).toMatchObject({ status: 409, body: { code: 'faults-active' } });
    const { id: queued } = await service.store.calibrations.add({ kind: 'k', device: 'other', options: {} });
    expect(await activate(queued, false)).toMatchObject({ status: 409, body: { code: 'state-conflict' } });
    expect(await activate('nobody', false)).toMatchObject({
      status: 404,
      body: { code: 'unknown-calibration' },
    });
    expect((await call('GET', PATH)).body).toMatchObject({ active: [], history: [] });
    service.device.identity = null;
    expect(await call('GET', PATH)).toMatchObject({ status: 503, body: { code: 'device-offline' } });
  });

  it('takes no nonsense, and only those who may', async () => {
    for (const [id, pin] of [
      [1, false],
      ['', false],
      ['x'.repeat(101), false],
      ['x', 'yes'],
      ['x', null],
      [null, true],
    ])
      expect((await activate(id, pin)).status).toBe(422);
    expect((await call('PUT', PATH, { id: 'x' }, { 'if-match': '*' }, 'researcher')).status).toBe(403);
  });
});

describe('a diff', () => {
  it('ranks what changed and says what it compared', async () => {
    const b = await measure();
    const a = await stored({});
    const { status, body } = await call(
      'GET',
      `/v1/calibrations/${a}/diff/${b}`,
      undefined,
      {},
      'researcher',
    );
    expect(status).toBe(200);
    expect(body).toMatchObject({
      a,
      b,
      kind: 'noise-temperature',
      sameChip: true,
      compared: 1,
      notCompared: 0,
    });
    const [change] = body['changes'] as { element: string; z: number }[];
    expect(change.element).toBe('/noiseTemperature_ratio');
    expect(change.z).toBeCloseTo(-0.02 / Math.hypot(0.002, 0.002), 6);
  });

  it('is not made of what has no values, or of different kinds', async () => {
    const a = await stored({});
    const { id: queued } = await service.store.calibrations.add({ kind: 'k', device: 'other', options: {} });
    expect(await call('GET', `/v1/calibrations/${a}/diff/${queued}`)).toMatchObject({
      status: 409,
      body: { code: 'state-conflict' },
    });
    expect(await call('GET', `/v1/calibrations/${a}/diff/nobody`)).toMatchObject({ status: 404 });
    expect((await call('GET', `/v1/calibrations/${a}/diff/${a}?limit=0`)).status).toBe(422);
  });
});
