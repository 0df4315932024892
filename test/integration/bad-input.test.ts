// Bad input against the real service: every refusal is a problem document with a code and a remedy, and changes nothing.
import { createServer, type Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ClientError } from '../../src/client/index.ts';
import { emptyModel, encodeModelNpz, encodeNpz, type Model } from '../../src/physics/index.ts';
import { scratch, startService, startTwin, type RunningService } from '../support/processes.ts';

const UNITS = 8;
const folder = scratch();
const closers: (() => Promise<void> | void)[] = [folder.close];
let service: RunningService;
let digest: string;

beforeAll(async () => {
  const twin = await startTwin({ units: UNITS });
  closers.push(twin.stop);
  service = await startService(String(twin.ready['url']), folder.path);
  closers.push(service.child.stop);
  digest = await service.client.uploadModel(npz(() => undefined));
});
afterAll(async () => {
  for (const close of closers.reverse()) await close();
});

function npz(change: (model: Model) => void): Uint8Array {
  const model = emptyModel(UNITS);
  model.couplings[1] = model.couplings[UNITS] = 0.5;
  change(model);
  return encodeModelNpz({ model, metadata: {} });
}

/** What a client learns of a refused request; fails the test when it was not refused. */
async function refusal(request: Promise<unknown>): Promise<ClientError> {
  const outcome = await request.catch((error: unknown) => error);
  expect(outcome).toBeInstanceOf(ClientError);
  return outcome as ClientError;
}

async function rows(): Promise<unknown> {
  const list = async (path: string): Promise<unknown> => (await service.client.json('GET', path))['items'];
  return [await list('/v1/models'), await list('/v1/jobs'), await list('/v1/calibrations')];
}

const relax = (change: object = {}): object => ({
  mode: 'relax',
  model: digest,
  device: { id: 'chip-0' },
  relax: { duration_s: 2.5e-6 },
  samples: { count: 1 },
  ...change,
});

const model = (bytes: Uint8Array) => () => service.client.uploadModel(bytes);
const job = (change: object) => () => service.client.json('POST', '/v1/jobs', relax(change));
const calibrate = (options: object) => () =>
  service.client.json('POST', '/v1/calibrations', { kind: 'noise-temperature', device: 'chip-0', options });
const post = (path: string, body: Uint8Array | object, type: string) => () =>
  service.client.request('POST', path, { body, headers: { 'content-type': type } });

const cases: [name: string, send: () => Promise<unknown>, status: number, code: string][] = [
  ['a non-symmetric J', model(npz((m) => (m.couplings[2] = 0.25))), 422, 'not-symmetric'],
  ['a NaN', model(npz((m) => (m.biases[3] = NaN))), 422, 'not-finite'],
  ['a self-coupling', model(npz((m) => (m.couplings[0] = 0.1))), 422, 'nonzero-diagonal'],
  [
    'a wrong shape',
    model(encodeNpz({ J: { shape: [2, 3], data: new Float64Array(6) } })),
    422,
    'wrong-shape',
  ],
  ['a truncated .npz', model(npz(() => undefined).subarray(0, 700)), 422, 'bad-npz'],
  ['bytes that are no .npz', model(new Uint8Array(1000).fill(7)), 422, 'bad-npz'],
  [
    'a 100 MB body',
    post('/v1/models', new Uint8Array(100_000_000), 'application/x-npz'),
    413,
    'payload-too-large',
  ],
  [
    'an unknown media type',
    post('/v1/models', new Uint8Array(10), 'application/x-nothing'),
    415,
    'unsupported-format',
  ],
  ['JSON that is none', post('/v1/jobs', Buffer.from('{"mode":'), 'application/json'), 400, 'malformed-json'],
  ['an unknown model', job({ model: `sha256:${'0'.repeat(64)}` }), 404, 'unknown-model'],
  ['an unknown device', job({ device: { id: 'chip-9' } }), 404, 'unknown-device'],
  ['a chip demanded of a twin', job({ device: { id: 'chip-0', backend: 'chip' } }), 409, 'wrong-backend'],
  ['no samples', job({ samples: { count: 0 } }), 422, 'validation-failed'],
  ['a read after the end', job({ relax: { duration_s: 1e-6, readAt_s: [2e-6] } }), 422, 'validation-failed'],
  ['a noise temperature beyond the codes', job({ noiseTemperature: 1000 }), 422, 'validation-failed'],
  ['too few holds', calibrate({ holds: 2 }), 422, 'validation-failed'],
  ['an option nobody knows', calibrate({ hodls: 200 }), 422, 'validation-failed'],
  ['more units than the device has', calibrate({ units: UNITS + 1 }), 422, 'validation-failed'],
  ['a field nobody knows', job({ sampels: { count: 5 } }), 422, 'validation-failed'],
];

describe('bad input', () => {
  it.each(cases)('%s', async (_name, send, status, code) => {
    const before = await rows();
    const error = await refusal(send());
    expect({ status: error.status, code: error.code }).toEqual({ status, code });
    expect(error.remedy.length).toBeGreaterThan(10);
    expect(error.message).not.toMatch(/\bat .*\.ts:\d/);
    expect(await rows()).toEqual(before);
  });

  it('couplings beyond the device are named with their index and the allowed range', async () => {
    const large = await service.client.uploadModel(npz((m) => (m.couplings[1] = m.couplings[UNITS] = 1e6)));
    const response = await refusal(service.client.json('POST', '/v1/jobs', relax({ model: large })));
    expect(response).toMatchObject({ status: 422, code: 'coupling-out-of-range' });
  });

  it('a port that is not a thermoloop device: the service starts, says so, and refuses jobs', async () => {
    const echo: Server = createServer((socket) => socket.pipe(socket));
    await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve));
    const other = scratch();
    const { port } = echo.address() as { port: number };
    const blind = await startService(`tcp://127.0.0.1:${port}`, other.path);
    try {
      const device = await blind.client.json('GET', '/v1/devices/chip-0');
      expect(device).toMatchObject({ state: 'refused', reason: { code: 'not-a-device' } });
      const ready = await fetch(new URL('/readyz', blind.url));
      expect(ready.status).toBe(503);
      const known = await blind.client.uploadModel(npz(() => undefined));
      const error = await refusal(blind.client.json('POST', '/v1/jobs', relax({ model: known })));
      expect(error).toMatchObject({ status: 503, code: 'device-offline' });
    } finally {
      await blind.child.stop();
      echo.close();
      other.close();
    }
  });
});
