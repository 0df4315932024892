// What jobs require of a real twin whose noise temperature is 30 % too high, through the API: refused, held, calibrated for,
// expired, and kept over a restart of the service.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { serveConfig } from '../../src/cli/serve/config.ts';
import { startServer, type RunningService } from '../../src/cli/serve/server.ts';
import { readPublicKeys, verifyCertificate } from '../../src/certificate/index.ts';
import { emptyModel, encodeModelNpz } from '../../src/physics/index.ts';
import { startMemoryTwin, type MemoryTwin } from '../support/memory-twin.ts';

const UNITS = 16;
const ERROR_RATIO = 0.3;
/** The default calibration of 16 units has a standard error of about 2 %: both are more than five of them away. */
const AS_PLANTED = [1.15, 1.45];
const AS_NOMINAL = [0.85, 1.15];
const LONG_MS = 60_000;

type Body = Record<string, unknown>;
interface Reading {
  requirement: string;
  met: boolean;
  measured: number | null;
  stderr: number | null;
  calibration: string | null;
  reason: { code: string } | null;
}

let folder: string;
let twin: MemoryTwin;
let service: RunningService;
let admin: string;
let key: string;
let model: string;

async function call(method: string, path: string, body?: object, as = key): Promise<Body> {
  const isBytes = body instanceof Uint8Array;
  const response = await fetch(`${service.url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${as}`,
      ...(body !== undefined && { 'content-type': isBytes ? 'application/x-npz' : 'application/json' }),
    },
    ...(body !== undefined && { body: isBytes ? Buffer.from(body) : JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, ...(text === '' ? {} : (JSON.parse(text) as Body)) };
}

async function start(): Promise<void> {
  const environment = {
    THERMOLOOP_DEVICE: 'tcp://127.0.0.1:1',
    THERMOLOOP_PORT: '0',
    THERMOLOOP_METRICS_PORT: '0',
    THERMOLOOP_DATA: join(folder, 'data'),
    THERMOLOOP_BOOTSTRAP_KEY_FILE: join(folder, 'key'),
    THERMOLOOP_LOG_LEVEL: 'silent',
    THERMOLOOP_RATE_LIMIT: '100000',
  };
  const config = serveConfig({ flags: {}, environment, readFile: () => '{}' });
  service = await startServer(config, { version: '0', openPort: () => twin.openPort() });
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'thermoloop-required-'));
  twin = await startMemoryTwin({ units: UNITS, noiseTemperatureError_ratio: ERROR_RATIO });
  await start();
  const bootstrap = readFileSync(join(folder, 'key'), 'utf8').trim();
  const make = async (as: string, role: string, more = {}) =>
    String((await call('POST', '/v1/keys', { name: role, role, ...more }, as))['key']);
  admin = await make(bootstrap, 'admin');
  key = await make(admin, 'operator');
  const bytes = encodeModelNpz({ model: emptyModel(UNITS), metadata: {} });
  model = String((await call('POST', '/v1/models', bytes))['digest']);
  await until('/v1/devices/chip-0', ({ state }) => state === 'ready');
});
afterEach(async () => {
  await service.close();
  await twin.close();
  rmSync(folder, { recursive: true });
});

const body = (change: object) => ({
  model,
  device: { id: 'chip-0' },
  relax: { duration_s: 1e-6 },
  samples: { count: 5 },
  ...change,
});
const submit = (change: object, as = key) => call('POST', '/v1/jobs', body(change), as);

async function until(path: string, what: (found: Body) => boolean): Promise<Body> {
  for (const end_ms = Date.now() + LONG_MS; ;) {
    const found = await call('GET', path);
    if (what(found)) return found;
    if (Date.now() > end_ms) throw new Error(`it never came: ${JSON.stringify(found)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
const isEnded = ({ finishedAt }: Body): boolean => typeof finishedAt === 'string';
const ended = ({ id }: Body): Promise<Body> => until(`/v1/jobs/${String(id)}`, isEnded);
const heldFor = ({ id }: Body, reason: string): Promise<Body> =>
  until(`/v1/jobs/${String(id)}`, ({ hold }) => (hold as { reason: string } | null)?.reason === reason);
const calibrations = async (): Promise<Body[]> => (await call('GET', '/v1/calibrations'))['items'] as Body[];
async function calibrate(): Promise<string> {
  const { id } = await call('POST', '/v1/calibrations', { kind: 'noise-temperature', device: 'chip-0' });
  await until(`/v1/calibrations/${String(id)}`, isEnded);
  return String(id);
}
const requirementsOf = (job: Body) =>
  (
    job['result'] as {
      provenance: { requirements?: Record<'admission' | 'start', { met: boolean; readings: Reading[] }> };
    }
  ).provenance.requirements;

describe('a job that requires the nominal noise temperature of a twin that is too hot', () => {
  it('is refused with what was measured, and with a remedy while nothing was', async () => {
    const asked = { require: { noiseTemperature: AS_NOMINAL } };
    expect(await submit(asked)).toMatchObject({
      status: 412,
      code: 'requirement-unmet',
      retryable: true,
      remedy: expect.stringContaining('Run a calibration') as string,
      measured: [{ requirement: 'noiseTemperature', measured: null, reason: { code: 'not-calibrated' } }],
    });
    const id = await calibrate();
    const refused = await submit(asked);
    expect(refused).toMatchObject({
      status: 412,
      code: 'requirement-unmet',
      errors: [{ pointer: '/require/noiseTemperature', allowed: AS_NOMINAL }],
    });
    const [reading] = refused['measured'] as Reading[];
    expect(reading).toMatchObject({ met: false, calibration: id, reason: null });
    const off = Math.abs((reading.measured ?? NaN) - (1 + ERROR_RATIO));
    expect(off).toBeLessThan(5 * (reading.stderr ?? NaN));
    expect((await call('GET', '/v1/jobs'))['items']).toEqual([]);
  });

  it('that recalibrates is calibrated for once, waits then as any other, and expires at its deadline', async () => {
    const waiting = await submit({ require: { noiseTemperature: AS_NOMINAL }, onUnmet: 'recalibrate' });
    expect(waiting).toMatchObject({ status: 201, state: 'held', hold: { reason: 'calibration' } });
    const held = await heldFor(waiting, 'condition');
    expect((held['hold'] as { detail: string }).detail).toMatch(
      /^noiseTemperature is 1\.\d+ \+- 0\.\d+, required is 0\.85 to 1\.15$/,
    );
    expect(await ended(await submit({}))).toMatchObject({ state: 'succeeded' });
    expect(await calibrations()).toHaveLength(1);
    const deadline = new Date(Date.now() + 50).toISOString();
    await call('PATCH', `/v1/jobs/${String(waiting['id'])}`, { deadline });
    expect(await ended(waiting)).toMatchObject({
      state: 'expired',
      attempts: [],
      failure: { code: 'expired', message: expect.stringContaining('noiseTemperature is 1.') as string },
    });
  });
});

describe('jobs that require what the twin has', () => {
  it('wait for one calibration together; results and certificates say what was read, both times', async () => {
    const require = { noiseTemperature: AS_PLANTED, maxCalibrationAge_s: 3600 };
    const one = { require, onUnmet: 'recalibrate' };
    const batch = await call('POST', '/v1/jobs/batch', { jobs: [body(one), body(one)] });
    const jobs = (batch['items'] as { job: Body }[]).map(({ job }) => job);
    expect(jobs).toMatchObject([{ state: 'held' }, { state: 'held', hold: { reason: 'calibration' } }]);
    const done = await Promise.all(jobs.map(ended));
    const [{ id }, ...others] = await calibrations();
    expect(others).toEqual([]);
    const keys = readPublicKeys(
      await (
        await fetch(`${service.url}/v1/certificate-keys`, { headers: { authorization: `Bearer ${key}` } })
      ).text(),
    );
    for (const job of done) {
      expect(job).toMatchObject({ state: 'succeeded', attempts: [{ state: 'succeeded' }] });
      const requirements = requirementsOf(job);
      expect(requirements?.admission).toMatchObject({
        met: false,
        readings: [{ measured: null }, { measured: null }],
      });
      expect(requirements?.start).toMatchObject({
        met: true,
        readings: [{ calibration: id }, { calibration: id }],
      });
      const path = `/v1/jobs/${String(job['id'])}/certificate`;
      const response = await fetch(`${service.url}${path}`, { headers: { authorization: `Bearer ${key}` } });
      const certificate = verifyCertificate(new Uint8Array(await response.arrayBuffer()), keys);
      expect(certificate.requirements).toEqual(requirements);
      const header = await fetch(`${service.url}/v1/jobs/${String(job['id'])}/samples?format=raw`, {
        headers: { authorization: `Bearer ${key}` },
      });
      await header.arrayBuffer();
      expect(JSON.parse(header.headers.get('thermoloop-provenance') ?? '')).toMatchObject({ requirements });
    }
    const audit = await call('GET', '/v1/audit?action=calibration.start', undefined, admin);
    expect(audit['items']).toMatchObject([{ target: id }]);
  });

  it('that wait are held over a restart of the service, and run once somebody calibrates', async () => {
    const waiting = await submit({ require: { noiseTemperature: AS_PLANTED }, onUnmet: 'wait' });
    expect(waiting).toMatchObject({ status: 201, state: 'held', hold: { reason: 'condition' } });
    await service.close();
    await start();
    expect(await ended(await submit({ onUnmet: 'wait' }))).toMatchObject({ state: 'succeeded' });
    expect(await call('GET', `/v1/jobs/${String(waiting['id'])}`)).toMatchObject({
      state: 'held',
      hold: { reason: 'condition', detail: expect.stringContaining('was never measured') as string },
    });
    await calibrate();
    expect(requirementsOf(await ended(waiting))?.start.met).toBe(true);
  });

  it('read the die of the board', async () => {
    const die = (await until('/v1/devices/chip-0/telemetry', (found) => found['latest'] !== null))['latest'];
    expect(die).not.toBeNull();
    const job = await ended(await submit({ require: { maxDieTemperature_C: 150 }, onUnmet: 'wait' }));
    expect(requirementsOf(job)?.start.readings).toMatchObject([
      { requirement: 'maxDieTemperature_C', met: true, measured: expect.any(Number) as number },
    ]);
    expect(await submit({ require: { maxDieTemperature_C: -40 } })).toMatchObject({ status: 412 });
  });
});

describe('a requirement that cannot be asked for', () => {
  it('is refused at the place that is wrong', async () => {
    const wrong: [string, object][] = [
      ['/require', { require: {} }],
      ['/require', { require: [] }],
      ['/require', { require: { minQuality: 0.1 } }],
      ['/require/maxCouplingDrift_ratio', { require: { maxCouplingDrift_ratio: 0 } }],
      ['/require/maxCouplingDrift_ratio', { require: { maxCouplingDrift_ratio: '5 %' } }],
      ['/require/noiseTemperature', { require: { noiseTemperature: 1 } }],
      ['/require/noiseTemperature', { require: { noiseTemperature: [1] } }],
      ['/require/noiseTemperature', { require: { noiseTemperature: [0.9, 1, 1.1] } }],
      ['/require/noiseTemperature', { require: { noiseTemperature: [1.1, 0.9] } }],
      ['/require/noiseTemperature/0', { require: { noiseTemperature: [-1, 1] } }],
      ['/require/maxCalibrationAge_s', { require: { maxCalibrationAge_s: 0 } }],
      ['/require/maxCalibrationAge_s', { require: { maxCalibrationAge_s: '2 h' } }],
      ['/require/maxDieTemperature_C', { require: { maxDieTemperature_C: null } }],
      ['/onUnmet', { onUnmet: 'hope' }],
      ['/onUnmet', { onUnmet: 'recalibrate' }],
      ['/onUnmet', { require: { maxDieTemperature_C: 50 }, onUnmet: 'recalibrate' }],
    ];
    for (const [pointer, change] of wrong) {
      const refused = await submit(change);
      expect(refused, JSON.stringify(change)).toMatchObject({ status: 422, code: 'validation-failed' });
      expect((refused['errors'] as { pointer: string }[])[0].pointer).toMatch(new RegExp(`^${pointer}`));
    }
  });

  it('is a calibration by a key that may run none', async () => {
    const asked = {
      name: 'plain',
      role: 'researcher',
      scopes: ['device:read', 'job:submit', 'job:read', 'model:read'],
    };
    const plain = String((await call('POST', '/v1/keys', asked, admin))['key']);
    const required = { require: { noiseTemperature: AS_PLANTED }, onUnmet: 'recalibrate' };
    expect(await submit(required, plain)).toMatchObject({ status: 403, requiredScope: 'calibration:run' });
    const batch = await call('POST', '/v1/jobs/batch', { jobs: [body(required)] }, plain);
    expect(batch['items']).toMatchObject([{ problem: { code: 'forbidden' } }]);
    expect(await submit({ ...required, onUnmet: 'wait' }, plain)).toMatchObject({ status: 201 });
  });
});
