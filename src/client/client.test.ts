// The client against scripted answers: what it sends again and with which key, how long it waits, what it refuses.
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { decodeModelNpz, encodeNpy } from '../physics/index.ts';
import { modelNpz } from './arrays.ts';
import { ClientError, ThermoloopClient, type ClientOptions, type Job } from './index.ts';

type Script = (request: { method: string; url: URL; headers: Headers; body: string }) => Response | Error;

/** A client whose service answers by the script, one entry after the other, the last one for ever. */
function scripted(script: Script[], options: Partial<ClientOptions> = {}) {
  const requests: { method: string; path: string; headers: Headers; body: string }[] = [];
  const answer = async (url: string, init: RequestInit): Promise<Response> => {
    const body = init.body === undefined ? '' : Buffer.from(init.body as Uint8Array).toString();
    const { pathname, search } = new URL(url);
    const request = {
      method: String(init.method),
      url: new URL(url),
      headers: new Headers(init.headers),
      body,
    };
    requests.push({ method: request.method, path: pathname + search, headers: request.headers, body });
    const said = script[Math.min(requests.length, script.length) - 1](request);
    if (said instanceof Error) throw said;
    return said;
  };
  const client = new ThermoloopClient({
    baseUrl: 'http://service.test/',
    key: 'tlk_a_b',
    retry: { pause_s: 0.001 },
    fetch: answer as typeof fetch,
    ...options,
  });
  return { client, requests };
}

const ok =
  (body: object, headers: Record<string, string> = {}) =>
  () =>
    Response.json(body, { headers });
const problem =
  (status: number, code: string, more: object = {}) =>
  () =>
    new Response(JSON.stringify({ code, title: code, status, remedy: 'Do it.', ...more }), { status });
const offline = problem(503, 'device-offline', { retryable: true });
const job = (state: string, more: object = {}): object => ({ id: 'j1', state, progress: null, ...more });
const submission = {
  model: `sha256:${'0'.repeat(64)}`,
  device: { id: 'chip-0' },
  relax: { duration_s: 1e-6 },
  samples: { count: 1 },
};
const failing = async (work: Promise<unknown>): Promise<ClientError> => {
  const outcome = await work.catch((error: unknown) => error);
  expect(outcome).toBeInstanceOf(ClientError);
  return outcome as ClientError;
};

describe('requests that may succeed later', () => {
  it('sends a creation again with the same Idempotency-Key and body', async () => {
    const { client, requests } = scripted([offline, () => new TypeError('fetch failed'), ok(job('queued'))]);
    expect((await client.submitJob(submission)).id).toBe('j1');
    const keys = requests.map(({ headers }) => headers.get('idempotency-key'));
    expect(keys).toHaveLength(3);
    expect(new Set(keys).size).toBe(1);
    expect(keys[0]).toMatch(/^[0-9a-f]{32}$/);
    expect(new Set(requests.map(({ body }) => body))).toEqual(new Set([JSON.stringify(submission)]));
    expect(requests.map(({ headers }) => headers.get('authorization'))).toEqual(
      Array.from({ length: 3 }, () => 'Bearer tlk_a_b'),
    );
  });

  it('takes another key for another creation, and the one it is given', async () => {
    const { client, requests } = scripted([ok(job('queued'))]);
    for (const id of [undefined, undefined, 'mine']) await client.submitJob(submission, { id });
    const keys = requests.map(({ headers }) => headers.get('idempotency-key'));
    expect(new Set(keys).size).toBe(3);
    expect(keys[2]).toBe('mine');
  });

  it('waits as long as the service asks for, and tells', async () => {
    const told: [string, number][] = [];
    const { client } = scripted(
      [
        problem(429, 'rate-limited', { retryable: true, retryAfter_s: 0.02 }),
        ok({ items: [], nextCursor: null }),
      ],
      { onRetry: (error, pause_s) => told.push([error.code, pause_s]) },
    );
    await client.get('/v1/jobs');
    expect(told).toEqual([['rate-limited', 0.02]]);
  });

  it.each([
    ['is refused for good', [problem(422, 'validation-failed')], 'validation-failed', 1],
    ['stays refused', [offline], 'device-offline', 5],
    [
      'asks for more patience than there is',
      [problem(429, 'x', { retryable: true, retryAfter_s: 3600 })],
      'x',
      1,
    ],
    ['is nothing of the service', [() => new Response('<html>', { status: 502 })], 'http-502', 5],
    ['never comes', [() => new TypeError('fetch failed')], 'unreachable', 5],
  ])('gives up on an answer that %s', async (_name, script, code, sent) => {
    const { client, requests } = scripted(script);
    const error = await failing(client.get('/v1/about'));
    expect([error.code, requests.length]).toEqual([code, sent]);
    if (code !== 'http-502') expect(error.remedy).not.toBe('');
  });

  it('ends at once when it is told to, also during a pause', async () => {
    const stop = new AbortController();
    const { client } = scripted([offline], { signal: stop.signal, retry: { pause_s: 60 } });
    const asked = client.get('/v1/about');
    setTimeout(() => stop.abort(new Error('enough')), 5);
    await expect(asked).rejects.toThrow('enough');
  });
});

describe('problems', () => {
  it('are errors with everything that the service said', async () => {
    const errors = [{ pointer: '/samples/count', detail: 'too many', allowed: '1 to 10' }];
    const { client } = scripted([
      problem(503, 'queue-full', { retryable: true, retryAfter_s: 3600, detail: 'No room.', errors }),
    ]);
    const error = await failing(client.submitJob(submission));
    expect(error).toMatchObject({
      code: 'queue-full',
      remedy: 'Do it.',
      retryable: true,
      retryAfter_s: 3600,
      status: 503,
      problem: { detail: 'No room.' },
      message: 'POST /v1/jobs: No room. (/samples/count too many, allowed: 1 to 10)',
    });
  });

  it('a key whose secret was lost in a repeated answer is an error that names it', async () => {
    const { client } = scripted([ok({ id: 'k1', key: null })]);
    const error = await failing(client.createKey({ name: 'me', role: 'viewer' }));
    expect([error.code, error.remedy]).toEqual(['secret-lost', expect.stringContaining('k1')]);
  });
});

describe('waiting', () => {
  const running = (done: number) =>
    job('running', {
      progress: { phase: 'relaxing', done, total: 10, unit: 'samples', rate_per_s: 5, eta_s: 1 },
    });

  it('tells progress, goes on over a restart of the service, and returns how it ended', async () => {
    const { client, requests } = scripted([
      ok(job('queued')),
      ok(running(3)),
      () => new TypeError('refused'),
      ok(running(7)),
      ok(job('failed', { cause: 'link-lost' })),
    ]);
    const seen: number[] = [];
    const ended = await client.waitForJob('j1', { onProgress: ({ done }) => seen.push(done) });
    expect([ended.state, ended.cause, seen]).toEqual(['failed', 'link-lost', [3, 7]]);
    expect(requests.every(({ headers }) => headers.get('prefer') === 'wait=1')).toBe(true);
  });

  it('asks rarely when nobody watches, and takes 304 for no news', async () => {
    const { client, requests } = scripted([
      ok(job('running'), { etag: '"j1.2"' }),
      () => new Response(null, { status: 304 }),
      ok(job('succeeded')),
    ]);
    expect((await client.waitForJob('j1')).state).toBe('succeeded');
    expect(requests.map(({ headers }) => headers.get('if-none-match'))).toEqual([null, '"j1.2"', '"j1.2"']);
    expect(requests[0].headers.get('prefer')).toBe('wait=30');
  });

  it('gives up after its time, and leaves the job alone', async () => {
    const { client, requests } = scripted([ok(job('running'))]);
    const error = await failing(client.waitForJob('j1', { timeout_s: 0.02 }));
    expect(error.code).toBe('wait-timeout');
    expect(requests.every(({ method }) => method === 'GET')).toBe(true);
  });

  it('runJob throws the cause of a job that failed, with its remedy', async () => {
    const failure = { message: 'the die is too hot', remedy: 'Cool it.' };
    const { client } = scripted([ok(job('queued')), ok(job('failed', { cause: 'thermal-stop', failure }))]);
    const error = await failing(client.runJob(submission));
    expect(error).toMatchObject({ code: 'thermal-stop', remedy: 'Cool it.' });
    expect(error.message).toContain('the die is too hot');
  });
});

describe('arrays', () => {
  const npy = encodeNpy({ shape: [1, 2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) });
  const digestOf = (bytes: Uint8Array): string =>
    `sha-256=:${createHash('sha256').update(bytes).digest('base64')}:`;
  const download = (bytes: Uint8Array, header: string) => () =>
    new Response(Buffer.from(bytes), { headers: { 'repr-digest': header } });

  it('come as float32 with their shape, held to the digest', async () => {
    const { client, requests } = scripted([download(npy, digestOf(npy))]);
    expect(await client.samples('j1')).toEqual({ shape: [1, 2, 3], x: Float32Array.of(1, 2, 3, 4, 5, 6) });
    expect(requests[0].headers.get('accept')).toBe('application/x-npy');
  });

  it.each([
    ['another digest', npy, digestOf(Uint8Array.of(1))],
    ['half a file', npy.subarray(0, 130), digestOf(npy.subarray(0, 130))],
    ['another shape', encodeNpy({ shape: [6], data: new Float32Array(6) }), ''],
  ])('are refused with %s', async (_name, bytes, header) => {
    const { client } = scripted([download(bytes, header)]);
    expect((await failing(client.samples('j1'))).code).toBe('damaged-download');
  });

  it('go up as .npz, from rows or one array, with defaults', () => {
    const rows = decodeModelNpz(modelNpz({ couplings: [[0, 0.5], [0.5, 0]], biases: [1, 2], j2: 3 })).model; // prettier-ignore
    const flat = decodeModelNpz(modelNpz({ couplings: [0, 0.5, 0.5, 0], biases: [1, 2], j2: [3, 3] })).model;
    expect(flat).toEqual(rows);
    expect([rows.units, [...rows.j2], [...rows.j4], rows.noiseTemperature_E0]).toEqual([
      2,
      [3, 3],
      [1, 1],
      0.1,
    ]);
  });

  it.each([
    ['couplings that are no square', { couplings: [1, 2, 3] }],
    ['nothing', { couplings: [] }],
    ['rows of different lengths', { couplings: [[0, 1], [1]] }],
    ['biases for other units', { couplings: [0], biases: [1, 2] }],
  ])('%s are refused before they are sent', (_name, arrays) => {
    expect(() => modelNpz(arrays)).toThrow(RangeError);
  });
});

describe('lists', () => {
  it('go through all pages', async () => {
    const { client, requests } = scripted([
      ok({ items: [job('a'), job('b')], nextCursor: 'next' }),
      ok({ items: [job('c')], nextCursor: null }),
    ]);
    const states: Job['state'][] = [];
    for await (const { state } of client.all('/v1/jobs', { limit: '2' })) states.push(state);
    expect(states).toEqual(['a', 'b', 'c']);
    expect(requests.map(({ path }) => path)).toEqual(['/v1/jobs?limit=2', '/v1/jobs?limit=2&cursor=next']);
  });
});
