// Uploads in the formats of neighbours: picked by content type, refused with a place and a remedy, never a 5xx.
import { readFileSync } from 'node:fs';
import { zipSync } from 'fflate';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeModelNpz, encodeNpy, encodeNpz, unpackedBytesOf, type NpyArray } from '../../physics/index.ts';
import { seededUniform } from '../../../test/support/seeded-random.ts';
import { startTestService, type TestService } from '../../../test/support/test-service.ts';
import { modelFormats } from '../models/parse.ts';
import { WORKER_FROM_BYTES } from '../models/upload.ts';

const SAFETENSORS = 'application/x-safetensors';
const BQM = 'application/x-bqm+json';
const LINEAR = 'application/x-linear-system+npz';
const golden = (name: string): Buffer => readFileSync(`test/vectors/models/${name}`);

let service: TestService;
beforeAll(async () => {
  service = await startTestService();
});
afterAll(() => service.close());

const upload = (body: Buffer | object, type: string) =>
  service.call('POST', '/v1/models', {
    headers: { ...service.as.researcher, 'content-type': type },
    body: Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body)),
  });
const npz = (arrays: Record<string, NpyArray>): Buffer => Buffer.from(encodeNpz(arrays));
const square = (...data: number[]): NpyArray => ({
  shape: [Math.sqrt(data.length), Math.sqrt(data.length)],
  data: Float64Array.from(data),
});

/** A .safetensors with J of `units` units, all couplings `value`. */
function safetensors(units: number, value: number): Buffer {
  const J = new Float64Array(units * units).fill(value);
  for (let i = 0; i < units; i++) J[i * units + i] = 0;
  const header = `{"J":{"dtype":"F64","shape":[${units},${units}],"data_offsets":[0,${J.byteLength}]}}`;
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, Buffer.from(header), Buffer.from(J.buffer)]);
}

describe('POST /v1/models in the formats of neighbours', () => {
  it.each([
    ['pair.safetensors', SAFETENSORS, { units: 2, name: 'golden pair', metadata: { t_f: '2.5' } }],
    ['spins.bqm.json', BQM, { units: 3, name: null, metadata: { bqm: { vartype: 'SPIN', offset: 2 } } }],
    ['binary.bqm.json', BQM, { units: 2, metadata: { bqm: { variables: ['p', 7] } } }],
    [
      'system.npz',
      LINEAR,
      { units: 3, metadata: { linearSystem: { meanMax_x: expect.closeTo(11 / 21, 12) as number } } },
    ],
  ])('takes the golden file %s, and gives it back as .npz', async (file, type, expected) => {
    const response = await upload(golden(file), type);
    expect(response.statusCode).toBe(201);
    expect(response.json()).toMatchObject(expected);
    const { digest } = response.json<{ digest: string }>();
    const headers = { ...service.as.researcher, accept: 'application/x-npz' };
    const bytes = (await service.call('GET', `/v1/models/${digest}`, { headers })).rawPayload;
    expect(decodeModelNpz(bytes).model.units).toBe(expected.units);
    const again = await upload(bytes, 'application/x-npz');
    expect([again.statusCode, again.json<{ digest: string }>().digest]).toEqual([200, digest]);
  });

  it('keeps name and metadata of a binary quadratic model', async () => {
    const body = { vartype: 'SPIN', linear: { a: 1 }, name: 'one', metadata: { source: 'test' } };
    const made = (await upload(body, BQM)).json<{ metadata: object }>();
    expect(made).toMatchObject({ name: 'one', metadata: { source: 'test', bqm: { energyScale_E0: 0.1 } } });
  });

  it('reads large bodies in the worker, with the same answers', async () => {
    const units = 400;
    const large = safetensors(units, 0.01);
    expect(large.length).toBeGreaterThan(WORKER_FROM_BYTES);
    expect((await upload(large, SAFETENSORS)).json()).toMatchObject({ units });
    const refused = await upload(large.subarray(0, large.length - 8), SAFETENSORS);
    expect(refused.json()).toMatchObject({ code: 'bad-safetensors', errors: [{ pointer: '/J' }] });
  });

  it('sends to the worker what unpacks to much, and nothing small', async () => {
    let workers = 0;
    const count = (): void => void workers++;
    process.on('worker', count);
    const units = 400;
    const A = new Float64Array(units * units);
    for (let i = 0; i < units; i++) A[i * units + i] = 2;
    const packed = Buffer.from(zipSync({ 'A.npy': encodeNpy({ shape: [units, units], data: A }) }));
    expect(packed.length).toBeLessThan(WORKER_FROM_BYTES / 50);
    expect(unpackedBytesOf(packed)).toBeGreaterThan(WORKER_FROM_BYTES);
    const response = await upload(packed, LINEAR);
    expect([response.statusCode, response.json<{ units: number }>().units]).toEqual([201, units]);
    expect((await upload(golden('system.npz'), LINEAR)).statusCode).toBe(200);
    process.off('worker', count);
    expect(workers).toBe(1);
  });

  const spins = { vartype: 'SPIN', linear: { a: 0, b: 0 } };
  it.each<[string, Buffer | object, string, number, string, string | undefined]>([
    ['a huge header', Buffer.alloc(64, 0xff), SAFETENSORS, 422, 'bad-safetensors', ''],
    ['a truncated file', golden('pair.safetensors').subarray(0, 99), SAFETENSORS, 422, 'bad-safetensors', ''],
    ['NaN in a tensor', safetensors(2, NaN), SAFETENSORS, 422, 'not-finite', '/J/1'],
    ['couplings of 1e308', safetensors(2, 1e308), SAFETENSORS, 201, '', undefined], // a device refuses them by its range
    ['a wrong vartype', { ...spins, vartype: 'DISCRETE' }, BQM, 422, 'bad-bqm', '/vartype'],
    ['an unknown variable', { ...spins, quadratic: [['a', 'c', 1]] }, BQM, 422, 'bad-bqm', '/quadratic/0'],
    ['1e999', Buffer.from('{"vartype":"SPIN","linear":{"a":1e999}}'), BQM, 422, 'not-finite', '/linear/a'],
    [
      'sums beyond',
      { vartype: 'SPIN', linear: { a: 1e308 }, beta: 1e300 },
      BQM,
      422,
      'not-finite',
      '/biases/0',
    ],
    ['half a document', Buffer.from('{"vartype": "SPI'), BQM, 400, 'malformed-json', undefined],
    ['a list', [1], BQM, 422, 'validation-failed', ''],
    ['a .npz without A', npz({ b: square(1) }), LINEAR, 422, 'bad-npz', '/A'],
    ['no .npz', Buffer.from('PK'), LINEAR, 422, 'bad-npz', ''],
    ['an indefinite matrix', npz({ A: square(1, 2, 2, 1) }), LINEAR, 422, 'not-positive-definite', '/A/1/1'],
    [
      'a matrix that is not symmetric',
      npz({ A: square(2, 1, 0, 2) }),
      LINEAR,
      422,
      'not-symmetric',
      '/A/1/0',
    ],
    [
      'entries of 1e308',
      npz({ A: square(1e308, 1e308, 1e308, 1e308) }),
      LINEAR,
      422,
      'not-positive-definite',
      '/A/1/1',
    ],
    ['a model as another format', golden('pair.safetensors'), LINEAR, 422, 'bad-npz', ''],
  ])('answers %s', async (_what, body, type, status, code, pointer) => {
    const response = await upload(body, type);
    expect(response.statusCode).toBe(status);
    if (status === 201) return;
    const problem = response.json<{ code: string; remedy: string; errors?: { pointer: string }[] }>();
    expect(problem.code).toBe(code);
    expect(problem.remedy.length).toBeGreaterThan(10);
    if (pointer !== undefined) expect(problem.errors?.[0].pointer).toBe(pointer);
  });

  it('never answers damaged golden files with a 5xx', async () => {
    const uniform = seededUniform(9);
    const files = ['pair.safetensors', 'spins.bqm.json', 'binary.bqm.json', 'system.npz'].map(golden);
    for (let round = 0; round < 150; round++) {
      const bytes = Buffer.from(files[round % files.length]);
      for (let k = 0; k < 3; k++) bytes[Math.floor(uniform() * bytes.length)] = Math.floor(uniform() * 256);
      for (const type of modelFormats) expect((await upload(bytes, type)).statusCode).toBeLessThan(500);
    }
  });
});
