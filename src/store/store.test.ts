// The contract of the store, written against its public face alone: a second database joins DATABASES and has to pass.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Clock } from '../clock/clock.ts';
import { isUlid, openStore, type Digest, type NewJob, type Store } from './index.ts';

const HOUR_MS = 3_600_000;
const DATABASES = [{ name: 'sqlite', open: openStore }];

describe.each(DATABASES)('store on $name', ({ open }) => {
  let dataDir: string;
  let store: Store;
  let now_ms: number;
  const clock: Clock = {
    now_ms: () => now_ms,
    wall_ms: () => now_ms,
    after: () => ({ cancel: () => {} }),
  };
  const digest: Digest = `sha256:${'ab'.repeat(32)}`;
  const job = (change: Partial<NewJob> = {}): NewJob => ({
    device: 'twin-0',
    model: digest,
    request: { mode: 'relax' },
    ...change,
  });
  const model = { digest, blob: digest, units: 3, bytes: 9, name: 'm', keyId: null };

  beforeEach(async () => {
    now_ms = Date.UTC(2026, 10, 24);
    dataDir = mkdtempSync(join(tmpdir(), 'thermoloop-store-'));
    store = await open({ dataDir, clock });
    await store.models.add({ ...model, metadata: { energyUnit: 'E0' } });
  });

  afterEach(async () => {
    await store.close();
    rmSync(dataDir, { recursive: true });
  });

  const reopen = async (): Promise<void> => {
    await store.close();
    store = await open({ dataDir, clock });
  };

  describe('models', () => {
    it('are what they were at their first upload', async () => {
      const again = await store.models.add({ ...model, name: 'other', metadata: {} });
      expect(again.created).toBe(false);
      expect(again.row).toMatchObject({ name: 'm', metadata: { energyUnit: 'E0' }, createdAt_ms: now_ms });
      expect(await store.models.find(digest)).toEqual(again.row);
      expect(await store.models.find('sha256:00')).toBeNull();
      expect(await store.models.list()).toHaveLength(1);
    });
  });

  describe('jobs', () => {
    it('come back as they went in, also after a restart', async () => {
      const added = await store.jobs.add(
        job({ labels: { run: 'A17', über: 'ä"' }, keyId: 'k1', priority: 7 }),
      );
      expect(added).toMatchObject({ state: 'queued', revision: 1, attempts: [], result: null, phase: null });
      expect(isUlid(added.id)).toBe(true);
      await reopen();
      expect(await store.jobs.get(added.id)).toEqual(added);
    });

    it('change state only from the state the writer believes in', async () => {
      const { id } = await store.jobs.add(job());
      const running = await store.jobs.transition(id, 'queued', 'running', { startedAt_ms: 5 });
      expect(running).toMatchObject({ state: 'running', revision: 2, startedAt_ms: 5, finishedAt_ms: null });
      const late = store.jobs.transition(id, 'queued', 'cancelled');
      await expect(late).rejects.toMatchObject({ code: 'conflict' });
      const failure = { code: 'x', message: 'y', retryable: true, remedy: null, outcome: null };
      const done = await store.jobs.transition(id, 'running', 'failed', { cause: 'internal', failure });
      expect(done).toMatchObject({ cause: 'internal', failure, startedAt_ms: 5, revision: 3 });
      expect(await store.jobs.get(id)).toEqual(done);
      await expect(store.jobs.transition('nobody', 'queued', 'running')).rejects.toMatchObject({
        code: 'not-found',
      });
    });

    it('run one at a time on a device', async () => {
      const [a, b, other] = [
        await store.jobs.add(job()),
        await store.jobs.add(job()),
        await store.jobs.add(job({ device: 'twin-1' })),
      ];
      await store.jobs.transition(a.id, 'queued', 'running');
      await store.jobs.transition(other.id, 'queued', 'running');
      await expect(store.jobs.transition(b.id, 'queued', 'running')).rejects.toMatchObject({
        code: 'conflict',
      });
      await store.jobs.transition(a.id, 'running', 'succeeded');
      await store.jobs.transition(b.id, 'queued', 'running');
    });

    it('queue by priority, then by time', async () => {
      const early = await store.jobs.add(job());
      now_ms += 1;
      const high = await store.jobs.add(job({ priority: 20 }));
      await store.jobs.add(job());
      await store.jobs.add(job({ device: 'twin-1', priority: 99 }));
      expect((await store.jobs.nextQueued('twin-0'))?.id).toBe(high.id);
      await store.jobs.transition(high.id, 'queued', 'cancelled');
      expect((await store.jobs.nextQueued('twin-0'))?.id).toBe(early.id);
      expect(await store.jobs.nextQueued('nobody')).toBeNull();
    });

    it('are found by state, device, key, time and labels', async () => {
      const a = await store.jobs.add(job({ labels: { run: 'A', seed: '1' }, keyId: 'k1' }));
      now_ms += HOUR_MS;
      const b = await store.jobs.add(job({ labels: { run: 'A', seed: '2' }, device: 'twin-1' }));
      await store.jobs.transition(b.id, 'queued', 'running');
      const ids = async (filter: Parameters<typeof store.jobs.list>[0]): Promise<string[]> =>
        (await store.jobs.list(filter)).map((row) => row.id);
      expect(await ids({})).toEqual([b.id, a.id]);
      expect(await ids({ state: 'queued' })).toEqual([a.id]);
      expect(await ids({ state: ['queued', 'running'], order: 'oldest-first' })).toEqual([a.id, b.id]);
      expect(await ids({ device: 'twin-1' })).toEqual([b.id]);
      expect(await ids({ keyId: 'k1' })).toEqual([a.id]);
      expect(await ids({ since_ms: now_ms })).toEqual([b.id]);
      expect(await ids({ labels: { run: 'A' } })).toEqual([b.id, a.id]);
      expect(await ids({ labels: { run: 'A', seed: '1' } })).toEqual([a.id]);
      expect(await ids({ labels: { run: 'A', seed: '3' } })).toEqual([]);
      expect(await store.jobs.countByState()).toMatchObject({ queued: 1, running: 1, failed: 0 });
      expect(await store.jobs.countByState('twin-1')).toMatchObject({ queued: 0, running: 1 });
    });

    it('page without gaps or repeats while new ones come in', async () => {
      const added: string[] = [];
      for (let k = 0; k < 7; k++) added.unshift((await store.jobs.add(job())).id);
      const seen: string[] = [];
      for (let after: string | undefined; ;) {
        const page = await store.jobs.list({ limit: 3, after });
        seen.push(...page.map((row) => row.id));
        if (page.length < 3) break;
        after = page.at(-1)?.id;
        await store.jobs.add(job());
      }
      expect(seen).toEqual(added);
    });

    it('take new labels and priority until they have ended', async () => {
      const { id } = await store.jobs.add(job({ labels: { run: 'A' } }));
      const patched = await store.jobs.patch(id, { labels: { run: 'B' }, priority: 3 });
      expect(patched).toMatchObject({ labels: { run: 'B' }, priority: 3, revision: 2 });
      expect(await store.jobs.list({ labels: { run: 'A' } })).toEqual([]);
      expect(await store.jobs.list({ labels: { run: 'B' } })).toHaveLength(1);
      await store.jobs.transition(id, 'queued', 'cancelled');
      await expect(store.jobs.patch(id, { priority: 1 })).rejects.toMatchObject({ code: 'conflict' });
      await expect(store.jobs.patch('nobody', { priority: 1 })).rejects.toMatchObject({ code: 'not-found' });
    });

    it('need a model that exists, and an id of their own', async () => {
      const unknown = store.jobs.add(job({ model: `sha256:${'00'.repeat(32)}` }));
      await expect(unknown).rejects.toMatchObject({ code: 'conflict' });
      const { id } = await store.jobs.add(job());
      await expect(store.jobs.add(job({ id, labels: { a: '1' } }))).rejects.toMatchObject({
        code: 'conflict',
      });
      expect(await store.jobs.list({ labels: { a: '1' } })).toEqual([]);
    });
  });

  it('sample sets belong to their job', async () => {
    const { id } = await store.jobs.add(job());
    const row = await store.sampleSets.add({
      jobId: id,
      device: 'twin-0',
      backend: 'twin',
      model: digest,
      blob: digest,
      bytes: 24,
      samples: 2,
      units: 3,
      reads: [{ time_s: 2.5e-6, label: 'read' }],
      stateScale: 2 ** -10,
      heatBlob: null,
    });
    expect(await store.sampleSets.findByJob(id)).toEqual(row);
    expect(await store.sampleSets.find(row.id)).toEqual(row);
    expect(await store.sampleSets.findByJob('nobody')).toBeNull();
  });

  it('calibrations keep their outcome, and the latest good one of a chip is the active one', async () => {
    const run = async (uid: string, to: 'succeeded' | 'failed'): Promise<string> => {
      now_ms += 1000;
      const { id } = await store.calibrations.add({ kind: 'noise', device: 'd', options: { holds: 3 } });
      expect((await store.calibrations.nextQueued('d'))?.id).toBe(id);
      await store.calibrations.transition(id, 'queued', 'running', { startedAt_ms: now_ms });
      const values = { ratio: 1.01 };
      await store.calibrations.transition(id, 'running', to, {
        deviceUid: uid,
        values,
        stderr: { ratio: 0.1 },
        provenance: { firmware: '1' },
        finishedAt_ms: now_ms,
      });
      return id;
    };
    await run('aa', 'succeeded');
    const second = await run('aa', 'succeeded');
    await run('aa', 'failed');
    await run('bb', 'succeeded');
    const active = await store.calibrations.latestSucceeded('noise', 'aa');
    expect(active).toMatchObject({
      id: second,
      values: { ratio: 1.01 },
      stderr: { ratio: 0.1 },
      revision: 3,
    });
    expect(await store.calibrations.latestSucceeded('other', 'aa')).toBeNull();
    expect(await store.calibrations.list({ state: 'failed' })).toHaveLength(1);
    expect(await store.calibrations.list({ kind: 'noise', device: 'd' })).toHaveLength(4);
  });

  it('keys are found, noted as used at most once a minute, and revoked once', async () => {
    const key = { id: 'k1', name: 'lab', role: 'operator', scopes: ['job:read'], secretSha256: 'ab' };
    const added = await store.keys.add({ ...key, expiresAt_ms: null });
    expect(added).toMatchObject({ lastUsedAt_ms: null, revokedAt_ms: null, scopes: ['job:read'] });
    expect(added).toMatchObject({
      revision: 0,
      limits: { devices: null, requestsPerMinute: null, cidr: [] },
    });
    const limits = { ...added.limits, devices: ['chip-0'], requestsPerMinute: 0 };
    const edited = await store.keys.edit('k1', 0, { limits });
    expect(edited).toEqual({ ...added, limits, revision: 1 });
    await expect(store.keys.edit('k1', 0, { name: 'x' })).rejects.toMatchObject({ code: 'conflict' });
    await expect(store.keys.edit('k2', 0, { name: 'x' })).rejects.toMatchObject({ code: 'not-found' });
    const first_ms = now_ms;
    await store.keys.touch('k1');
    now_ms += 30_000;
    await store.keys.touch('k1');
    expect((await store.keys.find('k1'))?.lastUsedAt_ms).toBe(first_ms);
    now_ms += 30_000;
    await store.keys.touch('k1');
    expect((await store.keys.find('k1'))?.lastUsedAt_ms).toBe(now_ms);
    const revoked = await store.keys.revoke('k1');
    now_ms += 1;
    expect(await store.keys.revoke('k1')).toEqual(revoked);
    await expect(store.keys.edit('k1', revoked.revision, { name: 'x' })).rejects.toMatchObject({
      code: 'conflict',
    });
    await expect(store.keys.revoke('k2')).rejects.toMatchObject({ code: 'not-found' });
    await expect(store.keys.add({ ...key, expiresAt_ms: null })).rejects.toMatchObject({ code: 'conflict' });
    expect(await store.keys.count()).toBe(1);
  });

  it('an idempotency row lives a day and then makes room', async () => {
    const row = {
      keyId: 'k1',
      route: 'POST /v1/jobs',
      idempotencyKey: 'i',
      bodySha256: 'aa',
      status: 201,
      headers: { location: '/v1/jobs/1' },
      body: { id: '1' },
    };
    const added = await store.idempotency.add(row);
    expect(await store.idempotency.find('k1', 'POST /v1/jobs', 'i')).toEqual(added);
    expect(await store.idempotency.find('k2', 'POST /v1/jobs', 'i')).toBeNull();
    await expect(store.idempotency.add(row)).rejects.toMatchObject({ code: 'conflict' });
    now_ms += 24 * HOUR_MS;
    expect(await store.idempotency.find('k1', 'POST /v1/jobs', 'i')).toBeNull();
    await store.idempotency.add(row);
    now_ms += 24 * HOUR_MS;
    expect(await store.idempotency.prune()).toBe(1);
  });

  it('the audit lists what was appended', async () => {
    const row = { keyId: 'k1', action: 'job.submit', target: 'j', outcome: 'ok', correlationId: null };
    const first = await store.audit.append({ ...row, detail: { count: 3 } });
    const second = await store.audit.append({ ...row, action: 'key.revoke', detail: {} });
    expect(await store.audit.list()).toEqual([second, first]);
    expect(await store.audit.list({ action: 'job.submit', keyId: 'k1' })).toEqual([first]);
  });

  describe('a transaction', () => {
    it('keeps all or nothing, and passes the error of its work on', async () => {
      const mine = new Error('mine');
      const failing = store.transaction(async (tx) => {
        await tx.jobs.add(job({ labels: { run: 'A' } }));
        throw mine;
      });
      await expect(failing).rejects.toBe(mine);
      expect(await store.jobs.list()).toEqual([]);
      const id = await store.transaction(async (tx) => (await tx.jobs.add(job())).id);
      expect((await store.jobs.get(id)).state).toBe('queued');
    });

    it('sees its own writes, and refuses to wait for itself', async () => {
      await store.transaction(async (tx) => {
        const { id } = await tx.jobs.add(job());
        expect((await tx.jobs.get(id)).id).toBe(id);
        await expect(store.jobs.find(id)).rejects.toMatchObject({ code: 'conflict' });
      });
    });

    it('lets others wait their turn', async () => {
      const counts = await Promise.all(
        Array.from({ length: 8 }, () =>
          store.transaction(async (tx) => {
            const before = (await tx.jobs.list()).length;
            await tx.jobs.add(job());
            return before;
          }),
        ),
      );
      expect(counts.sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    });
  });

  it('ids rise over a restart with the clock set back', async () => {
    const { id } = await store.audit.append({
      keyId: null,
      action: 'a',
      target: null,
      outcome: 'ok',
      correlationId: null,
      detail: {},
    });
    now_ms -= HOUR_MS;
    await reopen();
    expect(store.newId() > id).toBe(true);
  });
});
