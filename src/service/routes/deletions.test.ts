import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { jobBody, startTestService, type TestService } from '../../../test/support/test-service.ts';

let dataDir: string;
let service: TestService;
beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'thermoloop-deletion-'));
  service = await startTestService({}, { dataDir });
});
afterEach(async () => {
  await service.close();
  rmSync(dataDir, { recursive: true });
});

const code = (response: { json(): unknown }): unknown => (response.json() as { code?: string }).code;
type Headers = Record<string, string>;
const del = (path: string, headers: Headers = service.as.researcher) =>
  service.call('DELETE', path, { headers });

async function submit(model: string, change: object = {}, headers: Headers = {}): Promise<string> {
  const sent = await service.call('POST', '/v1/jobs', {
    headers: { ...service.as.researcher, ...headers },
    body: jobBody(model, change),
  });
  expect(sent.statusCode).toBe(201);
  return sent.json<{ id: string }>().id;
}
const ended = async (id: string): Promise<string> => {
  await service.runner.waitForEnd(id, 10_000);
  return id;
};
/** Makes every stored blob old enough to go at once. */
function age(): void {
  const then = new Date(Date.now() - 3_600_000);
  for (const file of blobFiles()) utimesSync(file, then, then);
}
const blobFiles = (): string[] =>
  readdirSync(join(dataDir, 'blobs'), { recursive: true, encoding: 'utf8' })
    .map((name) => join(dataDir, 'blobs', name))
    .filter((path) => statSync(path).isFile());

describe('DELETE /v1/jobs/{id}', () => {
  it('removes the job, its samples and certificate, and every trace of what it held', async () => {
    const model = await service.uploadPair();
    const secret = 'confidential-Zebra-4711';
    const once = { 'idempotency-key': 'once' };
    const id = await ended(
      await submit(model, { labels: { project: secret }, samples: { count: 40 } }, once),
    );
    const paths = ['', '/samples', '/certificate'].map((rest) => `/v1/jobs/${id}${rest}`);
    for (const url of paths)
      expect((await service.call('GET', url, { role: 'researcher' })).statusCode).toBe(200);
    age();
    const answer = await del(`/v1/jobs/${id}`);
    expect([answer.statusCode, answer.body, answer.headers['thermoloop-device']]).toEqual([
      204,
      '',
      'chip-0',
    ]);
    for (const url of paths)
      expect(code(await service.call('GET', url, { role: 'researcher' }))).toBe('unknown-job');
    expect(code(await del(`/v1/jobs/${id}`))).toBe('unknown-job');
    const [row] = await service.store.audit.list({ action: 'job.delete' });
    expect(row).toMatchObject({ target: id, outcome: 'done' });
    // A repeat of the submission is told that it was, and makes nothing anew.
    const repeat = await service.call('POST', '/v1/jobs', {
      headers: { ...service.as.researcher, ...once },
      body: jobBody(model, { labels: { project: secret }, samples: { count: 40 } }),
    });
    expect([repeat.headers['idempotency-replayed'], repeat.body.includes(secret)]).toEqual(['true', false]);
    expect(await service.store.jobs.list()).toEqual([]);
    await service.close();
    for (const name of readdirSync(dataDir, { recursive: true, encoding: 'utf8' })) {
      const path = join(dataDir, name);
      if (statSync(path).isFile()) expect([name, readFileSync(path).includes(secret)]).toEqual([name, false]);
    }
    service = await startTestService({}, { dataDir });
  });

  it('waits for the end of the job, and is for its owner', async () => {
    const model = await service.uploadPair();
    service.device.held = true;
    const started = service.device.started();
    const running = await submit(model);
    await started;
    const waiting = await submit(model);
    for (const id of [running, waiting]) {
      const early = await del(`/v1/jobs/${id}`);
      expect([early.statusCode, code(early)]).toEqual([409, 'job-not-finished']);
      expect(early.json<{ remedy: string }>().remedy).toContain('cancel');
    }
    service.device.held = false;
    service.device.release();
    await ended(waiting);
    const operator = await del(`/v1/jobs/${waiting}`, service.as.operator);
    expect(operator.json()).toMatchObject({ code: 'forbidden', requiredScope: 'job:delete:all' });
    expect(code(await del(`/v1/jobs/${waiting}`, service.as.viewer))).toBe('forbidden');
    expect((await del(`/v1/jobs/${waiting}`, service.as.admin)).statusCode).toBe(204);
    for (const id of ['nothing', '%2e%2e', 'x'.repeat(90), '\u00e4'])
      expect(code(await del(`/v1/jobs/${encodeURIComponent(id)}`))).toBe('unknown-job');
  });
});

describe('DELETE /v1/models/{digest}', () => {
  it('removes the content, keeps the results of old jobs, and refuses while a job needs it', async () => {
    const model = await service.uploadPair();
    const old = await ended(await submit(model));
    service.device.held = true;
    const started = service.device.started();
    const running = await submit(model);
    await started;
    const used = await del(`/v1/models/${model}`);
    expect([used.statusCode, code(used)]).toEqual([409, 'model-in-use']);
    service.device.held = false;
    service.device.release();
    await ended(running);
    expect(code(await del(`/v1/models/${model}`, (await service.addKey('researcher')).headers))).toBe(
      'forbidden',
    );
    age();
    expect((await del(`/v1/models/${model}`)).statusCode).toBe(204);
    expect(code(await service.call('GET', `/v1/models/${model}`, { role: 'researcher' }))).toBe(
      'unknown-model',
    );
    expect(await service.store.blobs.has(model)).toBe(false);
    const samples = await service.call('GET', `/v1/jobs/${old}/samples`, { role: 'researcher' });
    expect(samples.json()).toMatchObject({ model, shape: [3, 2, 2] });
    const late = await service.call('POST', '/v1/jobs', { role: 'researcher', body: jobBody(model) });
    expect(code(late)).toBe('unknown-model');
    expect(await service.uploadPair()).toBe(model);
    await ended(await submit(model));
    expect(code(await del('/v1/models/nothing'))).toBe('unknown-model');
  });
});

describe('a key with a limit of storage', () => {
  it('is refused what would go over it, before anything is kept, and may go on after deleting', async () => {
    const key = await service.addKey('researcher', [], undefined, { storageBytesMax: 150 });
    const call = (url: string, body: object) => service.call('POST', url, { headers: key.headers, body });
    const couplings = (value: number): object => ({
      couplings: [
        [0, value],
        [value, 0],
      ],
    });
    const first = await call('/v1/models', couplings(0.125));
    expect(first.statusCode).toBe(201);
    const { digest } = first.json<{ digest: string }>();
    expect((await call('/v1/models', couplings(0.125))).statusCode).toBe(200);
    const models = (await service.store.models.list()).length;
    const over = await call('/v1/models', couplings(0.25));
    expect([over.statusCode, code(over)]).toEqual([403, 'storage-quota']);
    expect(over.json()).toMatchObject({ limit_bytes: 150, retryable: false });
    expect((await service.store.models.list()).length).toBe(models);
    expect(code(await call('/v1/jobs', jobBody(digest, { samples: { count: 100 } })))).toBe('storage-quota');
    const fits = await call('/v1/jobs', jobBody(digest, { samples: { count: 1 } }));
    expect(fits.statusCode).toBe(201);
    await ended(fits.json<{ id: string }>().id);
    expect((await service.call('DELETE', `/v1/models/${digest}`, { headers: key.headers })).statusCode).toBe(
      204,
    );
    expect((await call('/v1/models', couplings(0.25))).statusCode).toBe(201);
  });
});
