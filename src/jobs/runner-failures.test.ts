// Jobs of a runner when something goes wrong: the device, its line, the disk, the service itself.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FakeDevice } from '../../test/fakes/relax-device.ts';
import { StoreError } from '../store/index.ts';
import { readJobSamples } from './index.ts';
import { LONG_MS, fail, useStage } from '../../test/support/runner-stage.ts';

const { at, request, makeRunner } = useStage();

describe('a job that fails', () => {
  it.each([
    ['link-lost', 'link-lost'],
    ['link-timeout', 'link-lost'],
    ['device-fault', 'device-fault'],
    ['refused', 'device-fault'],
    ['something else', 'internal'],
  ])('%s ends with cause %s, the phase it had got to and the original error', async (code, cause) => {
    await at.runner.start();
    at.device.failWith = fail(code, { retryable: true, remedy: 'look', outcome: 'unknown' });
    const { id } = await at.runner.submit(request(3, { retry: 'never' }));
    const job = await at.runner.waitForEnd(id, LONG_MS);
    expect(job).toMatchObject({ state: 'failed', cause, phase: 'relaxing', result: null });
    expect(job.failure).toMatchObject({ code, remedy: 'look', outcome: 'unknown', retryable: true });
    expect(await readJobSamples(at.store, id)).toBeNull();
  });

  it('does not stop the queue', async () => {
    await at.runner.start();
    at.device.failWith = fail('device-fault');
    await at.runner.submit(request(1));
    const { id } = await at.runner.submit(request(2));
    expect((await at.runner.waitForEnd(id, LONG_MS)).state).toBe('succeeded');
  });

  it('names a damaged model as such', async () => {
    const { id } = await at.runner.submit(request());
    rmSync(join(at.dataDir, 'blobs'), { recursive: true });
    await at.runner.close();
    at.runner = makeRunner();
    await at.runner.start();
    const job = await at.runner.waitForEnd(id, LONG_MS);
    expect(job).toMatchObject({ state: 'failed', cause: 'internal', failure: { code: 'not-found' } });
  });
});

describe('a full disk', () => {
  const noSpace = (): StoreError => new StoreError('storage-full', 'no space left');

  it('while samples are stored fails the job by name, and the queue goes on', async () => {
    await at.runner.start();
    const put = at.store.blobs.put.bind(at.store.blobs);
    at.store.blobs.put = () => Promise.reject(noSpace());
    // 80 kB: more than what goes into the completing commit.
    const { id } = await at.runner.submit(request(10_000));
    const job = await at.runner.waitForEnd(id, LONG_MS);
    expect(job).toMatchObject({ state: 'failed', cause: 'internal', phase: 'finishing' });
    expect(job.failure).toMatchObject({ code: 'storage-full', retryable: true });
    at.store.blobs.put = put;
    const next = await at.runner.submit(request(2));
    expect((await at.runner.waitForEnd(next.id, LONG_MS)).state).toBe('succeeded');
  });

  it('where a small result is stored by the commit that names it, no file is written', async () => {
    await at.runner.start();
    at.store.blobs.put = () => Promise.reject(noSpace());
    const { id } = await at.runner.submit(request(3));
    const { state, samplesBlob } = await at.runner.waitForEnd(id, LONG_MS);
    expect(state).toBe('succeeded');
    const { bytes } = (await at.store.sampleSets.findByJob(id)) ?? {};
    expect((await at.store.blobs.get(samplesBlob ?? 'sha256:')).length).toBe(bytes);
  });

  it('that cannot even store the end is asked again until it can', async () => {
    await at.runner.start();
    at.device.held = true;
    const { id } = await at.runner.submit(request(1, { retry: 'never' }));
    await at.device.started();
    const transaction = at.store.transaction.bind(at.store);
    let refusals = 0;
    at.store.transaction = async (work) => {
      if (refusals++ === 0) throw noSpace();
      return transaction(work);
    };
    at.device.failWith = fail('link-lost');
    at.device.release();
    expect(await at.runner.waitForEnd(id, LONG_MS)).toMatchObject({ state: 'failed', cause: 'link-lost' });
    expect(refusals).toBe(2);
  });
});

describe('a job whose link is lost', () => {
  it('runs again, and fails after the third attempt with all of them listed', async () => {
    await at.runner.start();
    at.device.failWith = fail('link-lost');
    const first = await at.runner.submit(request(1));
    expect(await at.runner.waitForEnd(first.id, LONG_MS)).toMatchObject({
      state: 'succeeded',
      attempts: [{ state: 'failed', cause: 'link-lost' }, { state: 'succeeded' }],
    });
    const relax = at.device.relax.bind(at.device);
    at.device.relax = (...asked) => {
      at.device.failWith = fail('link-lost');
      return relax(...asked);
    };
    const second = await at.runner.submit(request(2));
    const job = await at.runner.waitForEnd(second.id, LONG_MS);
    expect(job).toMatchObject({ state: 'failed', cause: 'link-lost', failure: { code: 'link-lost' } });
    expect(job.attempts.map(({ cause }) => cause)).toEqual(['link-lost', 'link-lost', 'link-lost']);
    expect(at.device.ran).toEqual([1, 1, 2, 2, 2]);
    expect(at.runner.counters()).toMatchObject({ finished: { succeeded: 1, failed: 1 } });
  });

  it('is not run again when a cancel was asked for meanwhile', async () => {
    await at.runner.start();
    at.device.held = true;
    const { id } = await at.runner.submit(request(1));
    await at.device.started();
    await at.store.jobs.patch(id, { cancelRequestedAt_ms: 1 });
    await at.runner.close();
    expect(await at.store.jobs.get(id)).toMatchObject({ state: 'cancelled', cause: 'cancelled' });
  });
});

describe('a device that is away', () => {
  it('refuses a job, unless it may wait; then it runs when the device is back', async () => {
    await at.runner.start();
    at.device.become('offline');
    await expect(at.runner.submit(request())).rejects.toMatchObject({
      code: 'device-offline',
      retryable: true,
    });
    const { id } = await at.runner.submit(request(1, { onUnmet: 'wait' }));
    expect((await at.runner.waitFor(id, 1, 50)).state).toBe('queued');
    at.device.become('ready');
    expect((await at.runner.waitForEnd(id, LONG_MS)).state).toBe('succeeded');
  });

  it('that was never seen is held against its capabilities when it comes', async () => {
    await at.runner.start();
    at.device.capabilities = null;
    at.device.backend = null;
    at.device.become('connecting');
    const { id } = await at.runner.submit(
      request(1, { onUnmet: 'wait', device: { id: at.device.id, backend: 'chip' } }),
    );
    at.device.backend = 'twin';
    at.device.capabilities = new FakeDevice().capabilities;
    at.device.become('ready');
    const job = await at.runner.waitForEnd(id, LONG_MS);
    expect(job).toMatchObject({ state: 'failed', failure: { code: 'wrong-backend' } });
    expect(at.device.ran).toEqual([]);
  });
});

describe('a restart', () => {
  it('fails what was running and must not be repeated, keeps what was queued', async () => {
    const running = await at.runner.submit(request(1, { retry: 'never' }));
    const queued = await at.runner.submit(request(2));
    // As a killed process leaves it.
    await at.store.jobs.transition(running.id, 'queued', 'running', { startedAt_ms: 1 });
    at.runner = makeRunner();
    await at.runner.start();
    expect(await at.runner.view(running.id)).toMatchObject({
      state: 'failed',
      cause: 'service-restart',
      failure: { retryable: true },
    });
    expect((await at.runner.waitForEnd(queued.id, LONG_MS)).state).toBe('succeeded');
    expect(at.device.ran).toEqual([2]);
  });

  it('runs again what was running, with the lost attempt listed', async () => {
    const { id } = await at.runner.submit(request(1));
    const lost = { startedAt_ms: 1, finishedAt_ms: null, state: 'running', cause: null } as const;
    await at.store.jobs.transition(id, 'queued', 'running', { startedAt_ms: 1, attempts: [lost] });
    at.runner = makeRunner();
    await at.runner.start();
    const job = await at.runner.waitForEnd(id, LONG_MS);
    expect(job).toMatchObject({ state: 'succeeded', cause: null, failure: null });
    expect(job.attempts).toMatchObject([
      { state: 'failed', cause: 'service-restart' },
      { state: 'succeeded', cause: null },
    ]);
    expect(at.device.ran).toEqual([1]);
    const log = await at.store.jobs.log(id);
    expect(log.map(({ attempt }) => attempt)).toEqual([1, 2]);
    expect(log[1].lines[0]).toMatchObject({ message: 'taken from the queue' });
  });

  it('in order puts the running job back, and refuses new ones', async () => {
    await at.runner.start();
    at.device.held = true;
    const { id } = await at.runner.submit(request());
    await at.device.started();
    await at.runner.close();
    const put = await at.store.jobs.get(id);
    expect(put).toMatchObject({ state: 'queued', startedAt_ms: null, finishedAt_ms: null });
    expect(put.attempts).toMatchObject([{ state: 'failed', cause: 'service-restart' }]);
    await expect(at.runner.submit(request())).rejects.toMatchObject({ code: 'runner-closed' });
  });
});
