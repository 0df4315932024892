import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeModelNpz, emptyModel, encodeModelNpz, encodeNpz, type Model } from '../../physics/index.ts';
import { seededUniform } from '../../../test/support/seeded-random.ts';
import { startTestService, type TestService } from '../../../test/support/test-service.ts';
import { modelFormats } from '../models/parse.ts';
import { WORKER_FROM_BYTES } from '../models/upload.ts';

let service: TestService;
beforeAll(async () => {
  service = await startTestService();
});
afterAll(() => service.close());

const NPZ = { 'content-type': 'application/x-npz' };
const upload = (body: object | Buffer, headers: Record<string, string> = {}) =>
  service.call('POST', '/v1/models', { headers: { ...service.as.researcher, ...headers }, body });
const uploadText = (text: string) => upload(Buffer.from(text), { 'content-type': 'application/json' });
const modelCount = async (): Promise<number> => (await service.store.models.list({ limit: 500 })).length;

function randomModel(units: number, seed: number): Model {
  const random = seededUniform(seed);
  const model = emptyModel(units);
  for (let i = 0; i < units; i++)
    for (let j = i + 1; j < units; j++)
      model.couplings[i * units + j] = model.couplings[j * units + i] = random() - 0.5;
  return model;
}

describe('POST /v1/models', () => {
  it('names the same parameters by the same digest, whatever form they come in', async () => {
    const matrix = await upload({
      couplings: [
        [0, 0.125],
        [0.125, 0],
      ],
      name: 'pair',
      metadata: { t_f: 2.5 },
    });
    expect(matrix.statusCode).toBe(201);
    const { digest } = matrix.json<{ digest: string }>();
    expect(matrix.headers['location']).toBe(`/v1/models/${digest}`);
    expect(matrix.json()).toMatchObject({ units: 2, name: 'pair', metadata: { t_f: 2.5 } });
    const pairs = await upload({ couplings: [{ i: 1, j: 0, value: 0.125 }], units: 2, j2: 1, j4: [1, 1] });
    expect([pairs.statusCode, pairs.json<{ digest: string }>().digest]).toEqual([200, digest]);
    const couplings = { shape: [2, 2], data: Float64Array.of(0, 0.125, 0.125, 0) };
    const npz = await upload(Buffer.from(encodeNpz({ J: couplings })), NPZ);
    expect([npz.statusCode, npz.json<{ digest: string }>().digest]).toEqual([200, digest]);
  });

  it.each([
    [
      'a non-symmetric J',
      {
        couplings: [
          [0, 1],
          [2, 0],
        ],
      },
      'not-symmetric',
      '/couplings/1/0',
    ],
    [
      'a diagonal',
      {
        couplings: [
          [1, 0],
          [0, 0],
        ],
      },
      'nonzero-diagonal',
      '/couplings/0/0',
    ],
    ['a ragged matrix', { couplings: [[0, 1], [1]] }, 'wrong-shape', '/couplings/1'],
    ['biases of another length', { couplings: [[0]], biases: [1, 2] }, 'wrong-shape', '/biases'],
    [
      'NaN as null',
      {
        couplings: [
          [0, null],
          [null, 0],
        ],
      },
      'not-finite',
      '/couplings/0/1',
    ],
    ['NaN as a word', { couplings: [[0]], biases: ['NaN'] }, 'not-finite', '/biases/0'],
    ['a j4 of zero', { couplings: [[0]], j4: [0] }, 'potential-out-of-range', '/j4/0'],
    [
      'a kT of zero',
      { couplings: [[0]], noiseTemperature_E0: 0 },
      'noise-temperature-out-of-range',
      '/noiseTemperature_E0',
    ],
    [
      'text for a number',
      {
        couplings: [
          [0, 'x'],
          ['x', 0],
        ],
      },
      'validation-failed',
      '/couplings/0/1',
    ],
    ['no couplings', { biases: [1] }, 'validation-failed', '/couplings'],
    ['an unknown member', { couplings: [[0]], bias: [1] }, 'validation-failed', '/bias'],
    ['pairs without units', { couplings: [{ i: 0, j: 1, value: 1 }] }, 'validation-failed', '/units'],
    [
      'a pair twice',
      {
        units: 2,
        couplings: [
          { i: 0, j: 1, value: 1 },
          { i: 1, j: 0, value: 1 },
        ],
      },
      'duplicate-pair',
      '/couplings/1',
    ],
    [
      'a pair of one unit',
      { units: 2, couplings: [{ i: 1, j: 1, value: 1 }] },
      'nonzero-diagonal',
      '/couplings/0',
    ],
    [
      'an index beyond',
      { units: 2, couplings: [{ i: 0, j: 2, value: 1 }] },
      'validation-failed',
      '/couplings/0/j',
    ],
    ['too many units', { units: 4096, couplings: [] }, 'wrong-shape', '/units'],
    ['a list', [1, 2], 'validation-failed', ''],
  ])('refuses %s with its place, and keeps nothing', async (_what, body, code, pointer) => {
    const before = await modelCount();
    const response = await upload(body);
    expect([response.statusCode, response.headers['content-type']]).toEqual([
      422,
      'application/problem+json; charset=utf-8',
    ]);
    expect(response.json()).toMatchObject({
      code,
      errors: [{ pointer }],
      remedy: expect.any(String) as string,
    });
    expect(await modelCount()).toBe(before);
  });

  it.each([
    ['', 'malformed-json'],
    ['{"couplings": [[0, 1], [1', 'malformed-json'],
    ['NaN', 'malformed-json'],
    ['{"couplings": [[0, NaN], [NaN, 0]]}', 'malformed-json'],
  ])('refuses the text %j', async (text, code) => {
    const response = await uploadText(text);
    expect(response.statusCode).toBe(400);
    expect(response.json()).toMatchObject({ code });
  });

  it.each(['text/plain', 'application/octet-stream', 'application/xml'])(
    'refuses the type %s',
    async (type) => {
      const response = await upload(Buffer.from('{}'), { 'content-type': type });
      expect(response.statusCode).toBe(415);
      expect(response.json()).toMatchObject({
        code: 'unsupported-format',
        accepted: [...modelFormats],
      });
    },
  );

  it('refuses a truncated, a damaged and an incomplete .npz', async () => {
    const whole = Buffer.from(encodeModelNpz({ model: randomModel(6, 1), metadata: {} }));
    const damaged = Buffer.from(whole);
    damaged[200] ^= 1;
    const without = Buffer.from(encodeNpz({ b: { shape: [1], data: Float64Array.of(0) } }));
    for (const bytes of [whole.subarray(0, whole.length - 30), whole.subarray(0, 50), damaged, without]) {
      const response = await upload(bytes, NPZ);
      expect([response.statusCode, response.json<{ code: string }>().code]).toEqual([422, 'bad-npz']);
    }
  });

  it('reads large bodies in a worker, with the same answers', async () => {
    const units = 400;
    const model = randomModel(units, 2);
    const bytes = Buffer.from(encodeModelNpz({ model, metadata: { name: 'large' } }));
    expect(bytes.length).toBeGreaterThan(WORKER_FROM_BYTES);
    const accepted = await upload(bytes, NPZ);
    expect(accepted.json()).toMatchObject({ units, name: 'large' });
    expect(accepted.statusCode).toBe(201);
    model.couplings[units + 2] = 0.75;
    const refused = await upload(Buffer.from(encodeModelNpz({ model, metadata: {} })), NPZ);
    expect(refused.json()).toMatchObject({ code: 'not-symmetric', errors: [{ pointer: '/couplings/2/1' }] });
  });

  it('gives the same answer to the same Idempotency-Key, and refuses another body', async () => {
    const headers = { 'idempotency-key': 'upload-1' };
    const first = await upload(
      {
        couplings: [
          [0, 0.5],
          [0.5, 0],
        ],
      },
      headers,
    );
    const again = await upload(
      {
        couplings: [
          [0, 0.5],
          [0.5, 0],
        ],
      },
      headers,
    );
    expect([again.statusCode, again.json()]).toEqual([201, first.json()]);
    expect(again.headers['idempotency-replayed']).toBe('true');
    const other = await upload(
      {
        couplings: [
          [0, 0.6],
          [0.6, 0],
        ],
      },
      headers,
    );
    expect([other.statusCode, other.json<{ code: string }>().code]).toEqual([422, 'idempotency-mismatch']);
    const bad = await upload({ couplings: [[0]] }, { 'idempotency-key': 'with space' });
    expect(bad.json()).toMatchObject({
      code: 'validation-failed',
      errors: [{ parameter: 'Idempotency-Key' }],
    });
  });

  it('writes an audit row with the correlation id', async () => {
    const sent = await upload(
      {
        couplings: [
          [0, 0.7],
          [0.7, 0],
        ],
      },
      { 'x-correlation-id': 'run-17' },
    );
    expect(sent.headers['x-correlation-id']).toBe('run-17');
    const [row] = await service.store.audit.list({ action: 'model.upload', limit: 1 });
    expect(row).toMatchObject({ correlationId: 'run-17', target: sent.json<{ digest: string }>().digest });
  });
});

describe('GET /v1/models', () => {
  it('gives the parameters back as .npz', async () => {
    const model = randomModel(5, 3);
    const sent = await upload(Buffer.from(encodeModelNpz({ model, metadata: { t_f: 2.5 } })), NPZ);
    const { digest } = sent.json<{ digest: string }>();
    const headers = { ...service.as.researcher, accept: 'application/x-npz' };
    const got = await service.call('GET', `/v1/models/${digest}`, { headers });
    expect(got.headers['repr-digest']).toMatch(/^sha-256=:/);
    expect(decodeModelNpz(got.rawPayload).model).toEqual(model);
  });

  it('lists the own ones, and all of them with model:read:all', async () => {
    const own = await service.addKey('researcher');
    const made = await service.call('POST', '/v1/models', {
      headers: own.headers,
      body: {
        couplings: [
          [0, 0.9],
          [0.9, 0],
        ],
      },
    });
    const mine = await service.call('GET', '/v1/models', { headers: own.headers });
    expect(mine.json<{ items: unknown[] }>().items).toEqual([made.json()]);
    const all = await service.call('GET', '/v1/models?limit=500', { role: 'viewer' });
    expect(all.json<{ items: unknown[] }>().items).toHaveLength(await modelCount());
  });

  it('are read by every key that uploaded them, and by others with model:read:all alone', async () => {
    const [first, second, third] = await Promise.all([1, 2, 3].map(() => service.addKey('researcher')));
    const body = {
      couplings: [
        [0, 0.7123],
        [0.7123, 0],
      ],
    };
    const upload = (by: typeof first) => service.call('POST', '/v1/models', { headers: by.headers, body });
    const [made, again] = [await upload(first), await upload(second)];
    expect([made.statusCode, again.statusCode]).toEqual([201, 200]);
    const { digest } = made.json<{ digest: string }>();
    const read = async (headers: Record<string, string>, accept = 'application/json') =>
      (await service.call('GET', `/v1/models/${digest}`, { headers: { ...headers, accept } })).statusCode;
    for (const accept of ['application/json', 'application/x-npz']) {
      const keys = [first.headers, second.headers, third.headers, service.as.viewer, service.as.admin];
      const statuses: number[] = [];
      for (const headers of keys) statuses.push(await read(headers, accept));
      expect(statuses).toEqual([200, 200, 404, 200, 200]);
    }
    const list = await service.call('GET', '/v1/models', { headers: second.headers });
    expect(list.json<{ items: { digest: string }[] }>().items.map((item) => item.digest)).toEqual([digest]);
    const remove = (by: typeof first) =>
      service.call('DELETE', `/v1/models/${digest}`, { headers: by.headers });
    expect((await remove(first)).statusCode).toBe(204);
    expect([await read(first.headers), await read(second.headers)]).toEqual([404, 200]);
    expect((await remove(second)).statusCode).toBe(204);
    expect([await read(second.headers), await read(service.as.viewer)]).toEqual([404, 404]);
  });

  it('pages with a cursor that other text is not', async () => {
    const seen: string[] = [];
    let url = '/v1/models?limit=2';
    for (;;) {
      const page = await service.call('GET', url, { role: 'viewer' });
      const { items, nextCursor } = page.json<{ items: { digest: string }[]; nextCursor: string | null }>();
      seen.push(...items.map((item) => item.digest));
      if (nextCursor === null) break;
      expect(page.headers['link']).toContain('rel="next"');
      url = `/v1/models?limit=2&cursor=${nextCursor}`;
    }
    expect(seen).toHaveLength(await modelCount());
    expect(new Set(seen).size).toBe(seen.length);
    const bad = await service.call('GET', '/v1/models?cursor=%25%25', { role: 'viewer' });
    expect(bad.json()).toMatchObject({ code: 'validation-failed', errors: [{ parameter: 'cursor' }] });
  });

  it('answers unknown digests and unknown formats with problems', async () => {
    for (const digest of ['nonsense', `sha256:${'0'.repeat(64)}`]) {
      const response = await service.call('GET', `/v1/models/${digest}`, { role: 'viewer' });
      expect([response.statusCode, response.json<{ code: string }>().code]).toEqual([404, 'unknown-model']);
    }
    const digest = await service.uploadPair();
    const headers = { ...service.as.viewer, accept: 'text/csv' };
    const response = await service.call('GET', `/v1/models/${digest}`, { headers });
    expect(response.statusCode).toBe(406);
    expect(response.json()).toMatchObject({ offered: ['application/json', 'application/x-npz'] });
  });
});
