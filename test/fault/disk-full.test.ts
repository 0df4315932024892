// A disk that is really full: a small file system is mounted for the data directory and filled. What is refused is refused
// before it is acknowledged, what is there can be read, running work ends, and with room everything goes on.
import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  closeSync,
  fsyncSync,
  mkdtempSync,
  openSync,
  rmSync,
  statfsSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sampleFormatNames } from '../../src/service/results/formats.ts';
import { jobBody, startTestService, type TestService } from '../support/test-service.ts';

const dataDir = mkdtempSync(join(tmpdir(), 'thermoloop-full-'));
const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', dataDir]).status === 0;
const filler = join(dataDir, 'filler');

/** Writes until nothing fits. */
function fill(): void {
  const file = openSync(filler, 'a');
  try {
    for (const size of [65_536, 4_096, 1])
      for (;;)
        try {
          if (writeSync(file, new Uint8Array(size)) < size) break;
        } catch (error) {
          expect((error as NodeJS.ErrnoException).code).toBe('ENOSPC');
          break;
        }
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  expect(statfsSync(dataDir).bavail).toBe(0);
}

const code = (response: { json(): unknown }): unknown => (response.json() as { code?: string }).code;

function onFullDisk(): void {
  let service: TestService;
  let model: string;
  let done: string;
  beforeAll(async () => {
    service = await startTestService({}, { dataDir });
    model = await service.uploadPair();
    done = await submitted();
    await service.runner.waitForEnd(done, 10_000);
    expect((await read(`/v1/jobs/${done}/certificate`)).statusCode).toBe(200);
  });
  afterAll(async () => {
    rmSync(filler, { force: true });
    await service.close();
    spawnSync('umount', [dataDir]);
    rmSync(dataDir, { recursive: true, force: true });
  });

  const read = (url: string) => service.call('GET', url, { role: 'researcher' });
  const post = (url: string, body: object, headers: Record<string, string> = service.as.researcher) =>
    service.call('POST', url, { headers, body });
  const submitted = async (): Promise<string> => {
    const sent = await post('/v1/jobs', jobBody(model));
    expect(sent.statusCode).toBe(201);
    return sent.json<{ id: string }>().id;
  };
  /** Larger than what the write-ahead log has left over for. */
  const largeModel = (value: number): object => {
    const units = 200;
    const couplings = Array.from({ length: units }, (_, i) =>
      Array.from({ length: units }, (_u, j) => (i === j ? 0 : value)),
    );
    return { couplings };
  };

  it('refuses with storage-full what it cannot keep, acknowledges none of it, and reads on', async () => {
    const jobs = (await service.store.jobs.list()).length;
    const fresh = await service.addKey('researcher');
    fill();
    const large = await post('/v1/models', largeModel(0.1));
    expect([large.statusCode, code(large)]).toEqual([507, 'storage-full']);
    expect(large.json()).toMatchObject({
      retryable: true,
      remedy: expect.stringContaining('Free space') as string,
    });
    // Small writes may find room left in files that are there; sooner or later one does not.
    const accepted: string[] = [];
    let refused = null;
    for (let k = 0; k < 2_000 && refused === null; k++) {
      const sent = await post('/v1/jobs', jobBody(model, { labels: { padding: 'x'.repeat(256) } }));
      if (sent.statusCode === 201) accepted.push(sent.json<{ id: string }>().id);
      else refused = sent;
    }
    expect([refused?.statusCode, code(refused as never)]).toEqual([507, 'storage-full']);
    const key = await service.call('POST', '/v1/keys', {
      role: 'admin',
      body: { name: 'x', role: 'viewer' },
    });
    expect([key.statusCode, code(key)]).toEqual([507, 'storage-full']);
    // Nothing that was refused is there, everything that was accepted is.
    const kept = (await service.store.jobs.list({ limit: 500 })).map(({ id }) => id);
    expect(kept).toHaveLength(jobs + accepted.length);
    expect(kept).toEqual(expect.arrayContaining(accepted));
    const paths = ['', '/certificate', ...sampleFormatNames.map((format) => `/samples?format=${format}`)];
    for (const path of paths)
      expect([path, (await read(`/v1/jobs/${done}${path}`)).statusCode]).toEqual([path, 200]);
    expect((await read(`/v1/models/${model}`)).statusCode).toBe(200);
    expect((await service.call('GET', '/healthz')).statusCode).toBe(200);
    // The first use of a key is noted where there is room; without it the key works all the same.
    const first = await service.call('GET', '/v1/devices', { headers: fresh.headers });
    expect(first.statusCode).toBe(200);
  });

  it('ends what runs, as soon as there is room for it, and goes on', async () => {
    rmSync(filler);
    for (const row of await service.store.jobs.list({ limit: 500 }))
      expect((await service.runner.waitForEnd(row.id, 10_000)).finishedAt_ms).not.toBeNull();
    service.device.held = true;
    const started = service.device.started();
    const running = await submitted();
    await started;
    fill();
    // What is left over in the log of the database is used up by others meanwhile.
    for (let k = 0; k < 2_000; k++)
      if (
        (await post('/v1/jobs', jobBody(model, { labels: { padding: 'y'.repeat(256) } }))).statusCode !== 201
      )
        break;
    service.device.held = false;
    service.device.release();
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect((await read(`/v1/jobs/${done}/samples`)).statusCode).toBe(200);
    rmSync(filler);
    const end = await service.runner.waitForEnd(running, 10_000);
    expect(['succeeded', 'failed']).toContain(end.state);
    if (end.state === 'failed') expect(end.failure).toMatchObject({ code: 'storage-full', retryable: true });
    const after = await submitted();
    expect((await service.runner.waitForEnd(after, 10_000)).state).toBe('succeeded');
    expect((await post('/v1/models', largeModel(0.1))).statusCode).toBe(201);
  });

  it('has lost nothing when the service comes back', async () => {
    const before = await service.store.jobs.list({ limit: 500 });
    const samples = (await read(`/v1/jobs/${done}/samples?format=raw`)).rawPayload;
    appendFileSync(filler, new Uint8Array(100));
    await service.close();
    service = await startTestService({}, { dataDir });
    expect(await service.store.jobs.list({ limit: 500 })).toEqual(before);
    const again = await service.call('GET', `/v1/jobs/${done}/samples?format=raw`, { role: 'admin' });
    expect(again.rawPayload.equals(samples)).toBe(true);
  });
}

if (mounted) describe('a full disk', onFullDisk);
else {
  rmSync(dataDir, { recursive: true, force: true });
  describe.skip('a full disk (skipped: no tmpfs can be mounted here, which takes root)', onFullDisk);
}
