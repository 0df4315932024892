import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeNpy, decodeNpz } from '../../physics/index.ts';
import { jobBody, startTestService, type TestService } from '../../../test/support/test-service.ts';
import { sampleFormatNames, sampleFormats } from '../results/formats.ts';
import type { Provenance } from '../results/provenance.ts';

let service: TestService;
let model: string;
/** A job of 3 samples, 2 reads, 2 units. */
let job: string;
/** Large enough for the worker and for several pieces: 1.5 MB of codes. */
let large: string;

beforeAll(async () => {
  service = await startTestService();
  model = await service.uploadPair();
  job = await run();
  large = await run({
    samples: { count: 9_000 },
    relax: { duration_s: 1e-6, readAt_s: Array.from({ length: 40 }, (_, k) => (k + 1) * 1e-8) },
  });
}, 30_000);
afterAll(() => service.close());

async function run(change: object = {}): Promise<string> {
  const sent = await service.call('POST', '/v1/jobs', {
    role: 'researcher',
    body: jobBody(model, change),
  });
  expect(sent.statusCode).toBe(201);
  const { id } = sent.json<{ id: string }>();
  expect((await service.runner.waitForEnd(id, 20_000)).state).toBe('succeeded');
  return id;
}

const get = (id: string, headers: Record<string, string> = {}, query = '', method = 'GET') =>
  service.call(method, `/v1/jobs/${id}/samples${query}`, {
    headers: { ...service.as.researcher, ...headers },
  });
const samples = (id: string, accept: string) => get(id, { accept });
const sha256 = (bytes: Uint8Array): string =>
  `sha-256=:${createHash('sha256').update(bytes).digest('base64')}:`;
const code = (response: { json(): unknown }): unknown => (response.json() as { code?: string }).code;

describe('the formats of samples', () => {
  it('are chosen by Accept or by ?format, each with its digest, tag, name and provenance', async () => {
    for (const format of sampleFormatNames) {
      const { type, extension } = sampleFormats[format];
      const byAccept = await samples(job, type);
      const byQuery = await get(job, {}, `?format=${format}`);
      expect([format, byAccept.statusCode, byQuery.statusCode]).toEqual([format, 200, 200]);
      expect(byQuery.rawPayload.equals(byAccept.rawPayload)).toBe(true);
      const { headers, rawPayload } = byAccept;
      const digest = sha256(rawPayload);
      expect(headers).toMatchObject({
        'repr-digest': digest,
        'content-digest': digest,
        'content-length': String(rawPayload.length),
        etag: `"${digest.slice(9, -1)}"`,
        'accept-ranges': sampleFormats[format].ranges ? 'bytes' : 'none',
        'content-disposition': `attachment; filename="samples-${job}.${extension}"`,
        'thermoloop-device': 'chip-0',
        'thermoloop-backend': 'twin',
        vary: 'accept',
      });
      expect(String(headers['content-type']).split(';')[0]).toBe(type);
      expect(JSON.parse(String(headers['thermoloop-provenance']))).toMatchObject({
        job,
        model,
        deviceUid: 'cafe',
        backend: 'twin',
        faultsActive: false,
        shape: [3, 2, 2],
        seed: null,
      });
    }
  });

  it('hold the same numbers as JSON, .npy, .npz, CSV and codes', async () => {
    const json = (await samples(job, 'application/json')).json<{
      x: number[][][];
      heat_kT: number[];
      provenance: Provenance;
    }>();
    expect(json).toMatchObject({ job, shape: [3, 2, 2], time_s: [0, 2.5e-6], labels: ['switch-on', 'read'] });
    expect(json.x[2]).toEqual([
      [1, 1],
      [0.5, 0.5],
    ]);
    const npy = decodeNpy((await samples(job, 'application/x-npy')).rawPayload);
    expect([npy.shape, [...(npy.data as Float32Array)]]).toEqual([[3, 2, 2], json.x.flat(2)]);
    const members = decodeNpz((await samples(job, 'application/x-npz, text/plain;q=0.1')).rawPayload);
    expect([...members.keys()]).toEqual(['x', 'time_s', 'heat_kT', 'provenance']);
    expect([...(members.get('heat_kT')?.data as Float64Array)]).toEqual(json.heat_kT);
    expect([...(members.get('x')?.data as Float32Array)]).toEqual(json.x.flat(2));
    const text = new TextDecoder().decode(members.get('provenance')?.data);
    expect(JSON.parse(text)).toEqual(json.provenance);
    const lines = (await samples(job, 'text/csv')).body.split('\r\n');
    expect(JSON.parse(lines[0].slice(2))).toEqual(json.provenance);
    expect(lines[1]).toBe('sample,read,time_s,label,heat_kT,x0,x1');
    expect(lines[2]).toBe(`0,0,0,switch-on,${json.heat_kT[0]},1,1`);
    expect(lines.slice(2, -1)).toHaveLength(6);
    const raw = await samples(job, 'application/octet-stream');
    expect(raw.headers).toMatchObject({
      'thermoloop-shape': '3, 2, 2',
      'thermoloop-dtype': 'int16-le',
      'thermoloop-state-scale': String(2 ** -10),
    });
    const codes = Array.from({ length: 12 }, (_, k) => raw.rawPayload.readInt16LE(2 * k) * 2 ** -10);
    expect(codes).toEqual(json.x.flat(2));
    const digest = createHash('sha256').update(raw.rawPayload).digest('hex');
    expect(json.provenance.samplesDigest).toBe(`sha256:${digest}`);
  });

  it('leave heat out where none was recorded, and provenance of a .npz where it is not wanted', async () => {
    const cold = await run({ record: { heat: false } });
    const members = decodeNpz((await samples(cold, 'application/x-npz')).rawPayload);
    expect([...members.keys()]).toEqual(['x', 'time_s', 'provenance']);
    const again = await run({ record: { heat: false } });
    const plain = await Promise.all([cold, again].map((id) => get(id, {}, '?format=npz&provenance=none')));
    expect(plain[0].rawPayload.equals(plain[1].rawPayload)).toBe(true);
    expect([...decodeNpz(plain[0].rawPayload).keys()]).toEqual(['x', 'time_s']);
    const csv = (await samples(cold, 'text/csv')).body.split('\r\n');
    expect(csv[2]).toBe('0,0,0.0000025,read,,0.5,0.5');
  });

  it('prefer JSON, and .npy where JSON would be too large; what is not offered is listed', async () => {
    expect((await samples(job, '*/*')).headers['content-type']).toContain('application/json');
    const none = await samples(job, 'image/png');
    expect([none.statusCode, code(none)]).toEqual([406, 'not-acceptable']);
    expect(none.json<{ offered: string[] }>().offered).toEqual(
      sampleFormatNames.map((format) => sampleFormats[format].type),
    );
    for (const accept of ['', ';', 'text/csv;q=0', 'text', 'x'.repeat(5_000), '\u00e4/*', ',,,', '*/json'])
      expect([200, 406]).toContain((await samples(job, accept)).statusCode);
    for (const query of ['?format=xlsx', '?format=', '?format=csv&format=npy', '?provenance=1', '?x=1'])
      expect([query, code(await get(job, {}, query))]).toEqual([query, 'validation-failed']);
  });

  it('say that nothing has changed, and what a GET would say to HEAD', async () => {
    for (const format of sampleFormatNames) {
      const { headers } = await get(job, {}, `?format=${format}`);
      const head = await get(job, {}, `?format=${format}`, 'HEAD');
      expect([head.statusCode, head.rawPayload.length]).toEqual([200, 0]);
      for (const name of ['content-length', 'content-type', 'repr-digest', 'etag', 'thermoloop-provenance'])
        expect([format, name, head.headers[name]]).toEqual([format, name, headers[name]]);
      const same = await get(job, { 'if-none-match': String(headers['etag']) }, `?format=${format}`);
      expect([same.statusCode, same.rawPayload.length]).toEqual([304, 0]);
    }
  });

  it('are asked to wait for while the job runs, and are not there without samples', async () => {
    service.device.held = true;
    const started = service.device.started();
    const sent = await service.call('POST', '/v1/jobs', { role: 'researcher', body: jobBody(model) });
    const { id } = sent.json<{ id: string }>();
    await started;
    const early = await samples(id, 'application/x-npz');
    expect([early.statusCode, code(early), early.headers['retry-after']]).toEqual([
      409,
      'job-not-finished',
      '1',
    ]);
    service.device.held = false;
    service.device.release();
    await service.runner.waitForEnd(id, 10_000);
    expect(code(await samples('nothing', '*/*'))).toBe('unknown-job');
  });
});

describe('Range', () => {
  const ranged = sampleFormatNames.filter((format) => sampleFormats[format].ranges);

  it.each(ranged)('gives any part of a large %s as it is in the whole', async (format) => {
    const query = `?format=${format}`;
    const whole = (await get(large, {}, query)).rawPayload;
    expect(whole.length).toBeGreaterThan(1.4e6);
    const { length } = whole;
    const cases: [string, number, number][] = [
      ['0-0', 0, 1],
      ['1-2', 1, 3],
      ['127-131', 127, 132],
      ['1048573-1048581', 1048573, 1048582],
      ['7-', 7, length],
      ['-5', length - 5, length],
      [`-${length + 9}`, 0, length],
      [`100-${length + 9}`, 100, length],
      [`0-${length - 1}`, 0, length],
    ];
    for (const [range, from, to] of cases) {
      const part = await get(large, { range: `bytes=${range}` }, query);
      expect([range, part.statusCode, part.headers['content-range']]).toEqual([
        range,
        206,
        `bytes ${from}-${to - 1}/${length}`,
      ]);
      expect(part.rawPayload.equals(whole.subarray(from, to))).toBe(true);
      expect(part.headers['content-length']).toBe(String(to - from));
      expect(part.headers['repr-digest']).toBe(sha256(whole));
      const own = part.headers['content-digest'];
      if (to - from <= 2 ** 20) expect(own).toBe(sha256(part.rawPayload));
      else expect(own).toBeUndefined();
    }
    const head = await get(large, { range: 'bytes=0-9' }, query, 'HEAD');
    expect([head.statusCode, head.headers['content-length']]).toEqual([206, '10']);
  });

  it('beyond the file is refused with its length', async () => {
    for (const range of ['bytes=24-', 'bytes=999-1000', 'bytes=-0', 'bytes=999999999999999-']) {
      const response = await get(job, { range }, '?format=raw');
      expect([range, response.statusCode, code(response)]).toEqual([range, 416, 'range-not-satisfiable']);
      expect(response.headers['content-range']).toBe('bytes */24');
      expect(response.json()).toMatchObject({ length_bytes: 24, remedy: expect.any(String) as string });
    }
  });

  it('that cannot be read, or is several, gives the whole file', async () => {
    const odd = ['', 'bytes', 'bytes=', 'bytes=-', 'bytes=a-b', 'bytes=5-2', 'bytes=0-1,3-4', 'items=0-1'];
    odd.push('bytes=1.5-2', 'bytes=0x0-1', `bytes=${'9'.repeat(400)}-`, 'bytes=--1', 'bytes=\u00e40-1');
    for (const range of odd)
      expect([range, (await get(job, { range }, '?format=raw')).statusCode]).toEqual([range, 200]);
    const json = await get(job, { range: 'bytes=0-1' }, '?format=json');
    expect([json.statusCode, json.headers['accept-ranges']]).toEqual([200, 'none']);
  });

  it('is served under If-Range only for the file that the client has', async () => {
    const etag = String((await get(job, {}, '?format=raw')).headers['etag']);
    const ask = (ifRange: string) => get(job, { range: 'bytes=2-3', 'if-range': ifRange }, '?format=raw');
    expect((await ask(etag)).statusCode).toBe(206);
    for (const other of ['"other"', `W/${etag}`, 'Tue, 24 Nov 2026 00:00:00 GMT', ''])
      expect([other, (await ask(other)).statusCode]).toEqual([other, 200]);
  });
});

describe('damaged samples', () => {
  it('are never handed out, in no format', async () => {
    const id = await run({ samples: { count: 5 } });
    const set = await service.store.sampleSets.findByJob(id);
    const other = await service.store.sampleSets.findByJob(job);
    // The row names the bytes of another job: what a damaged file looks like to a reader.
    const blobs = service.store.blobs;
    const real = blobs.get.bind(blobs);
    blobs.get = (digest, options) => real(digest === set?.blob ? (other?.blob ?? '') : digest, options);
    try {
      for (const format of sampleFormatNames) {
        const response = await get(id, {}, `?format=${format}`);
        expect([format, response.statusCode, code(response)]).toEqual([format, 500, 'corrupt-blob']);
      }
    } finally {
      blobs.get = real;
    }
  });
});
