// Jobs: state changes that are conditional, filters, labels, paging.
import { beforeEach, describe, expect, it } from 'vitest';
import type { Store } from '../index.ts';
import { isUlid } from '../index.ts';
import { addModel, newJob, HOUR_MS, type Fixture } from './fixture.ts';

export function jobContract(at: () => Fixture): void {
  describe('jobs', () => {
    beforeEach(async () => {
      await addModel(at().store);
    });

    it('come back as they went in, also after a restart', async () => {
      const added = await at().store.jobs.add(
        newJob({ labels: { run: 'A17', über: 'ä"' }, keyId: 'k1', priority: 7 }),
      );
      expect(added).toMatchObject({ state: 'queued', revision: 1, attempts: [], result: null, phase: null });
      expect(isUlid(added.id)).toBe(true);
      await at().reopen();
      expect(await at().store.jobs.get(added.id)).toEqual(added);
    });

    it('change state only from the state the writer believes in', async () => {
      const { id } = await at().store.jobs.add(newJob());
      const running = await at().store.jobs.transition(id, 'queued', 'running', { startedAt_ms: 5 });
      expect(running).toMatchObject({ state: 'running', revision: 2, startedAt_ms: 5, finishedAt_ms: null });
      const late = at().store.jobs.transition(id, 'queued', 'cancelled');
      await expect(late).rejects.toMatchObject({ code: 'conflict' });
      const failure = { code: 'x', message: 'y', retryable: true, remedy: null, outcome: null };
      const done = await at().store.jobs.transition(id, 'running', 'failed', { cause: 'internal', failure });
      expect(done).toMatchObject({ cause: 'internal', failure, startedAt_ms: 5, revision: 3 });
      expect(await at().store.jobs.get(id)).toEqual(done);
      await expect(at().store.jobs.transition('nobody', 'queued', 'running')).rejects.toMatchObject({
        code: 'not-found',
      });
    });

    it('run one at a time on a device', async () => {
      const [a, b, other] = [
        await at().store.jobs.add(newJob()),
        await at().store.jobs.add(newJob()),
        await at().store.jobs.add(newJob({ device: 'twin-1' })),
      ];
      await at().store.jobs.transition(a.id, 'queued', 'running');
      await at().store.jobs.transition(other.id, 'queued', 'running');
      await expect(at().store.jobs.transition(b.id, 'queued', 'running')).rejects.toMatchObject({
        code: 'conflict',
      });
      await at().store.jobs.transition(a.id, 'running', 'succeeded');
      await at().store.jobs.transition(b.id, 'queued', 'running');
    });

    it('are found by state, device, key, time and labels', async () => {
      const a = await at().store.jobs.add(newJob({ labels: { run: 'A', seed: '1' }, keyId: 'k1' }));
      at().now_ms += HOUR_MS;
      const b = await at().store.jobs.add(newJob({ labels: { run: 'A', seed: '2' }, device: 'twin-1' }));
      await at().store.jobs.transition(b.id, 'queued', 'running');
      const ids = async (filter: Parameters<Store['jobs']['list']>[0]): Promise<string[]> =>
        (await at().store.jobs.list(filter)).map((row) => row.id);
      expect(await ids({})).toEqual([b.id, a.id]);
      expect(await ids({ state: 'queued' })).toEqual([a.id]);
      expect(await ids({ state: ['queued', 'running'], order: 'oldest-first' })).toEqual([a.id, b.id]);
      expect(await ids({ device: 'twin-1' })).toEqual([b.id]);
      expect(await ids({ keyId: 'k1' })).toEqual([a.id]);
      expect(await ids({ since_ms: at().now_ms })).toEqual([b.id]);
      expect(await ids({ labels: { run: 'A' } })).toEqual([b.id, a.id]);
      expect(await ids({ labels: { run: 'A', seed: '1' } })).toEqual([a.id]);
      expect(await ids({ labels: { run: 'A', seed: '3' } })).toEqual([]);
      expect(await at().store.jobs.countByState()).toMatchObject({ queued: 1, running: 1, failed: 0 });
      expect(await at().store.jobs.countByState('twin-1')).toMatchObject({ queued: 0, running: 1 });
    });

    it('page without gaps or repeats while new ones come in', async () => {
      const added: string[] = [];
      for (let k = 0; k < 7; k++) added.unshift((await at().store.jobs.add(newJob())).id);
      const seen: string[] = [];
      for (let after: string | undefined; ;) {
        const page = await at().store.jobs.list({ limit: 3, after });
        seen.push(...page.map((row) => row.id));
        if (page.length < 3) break;
        after = page.at(-1)?.id;
        await at().store.jobs.add(newJob());
      }
      expect(seen).toEqual(added);
    });

    it('take new labels and priority until they have ended', async () => {
      const { id } = await at().store.jobs.add(newJob({ labels: { run: 'A' } }));
      const patched = await at().store.jobs.patch(id, { labels: { run: 'B' }, priority: 3 });
      expect(patched).toMatchObject({ labels: { run: 'B' }, priority: 3, revision: 2 });
      expect(await at().store.jobs.list({ labels: { run: 'A' } })).toEqual([]);
      expect(await at().store.jobs.list({ labels: { run: 'B' } })).toHaveLength(1);
      await at().store.jobs.transition(id, 'queued', 'cancelled');
      await expect(at().store.jobs.patch(id, { priority: 1 })).rejects.toMatchObject({ code: 'conflict' });
      await expect(at().store.jobs.patch('nobody', { priority: 1 })).rejects.toMatchObject({
        code: 'not-found',
      });
    });

    it('need a model that exists, and an id of their own', async () => {
      const unknown = at().store.jobs.add(newJob({ model: `sha256:${'00'.repeat(32)}` }));
      await expect(unknown).rejects.toMatchObject({ code: 'conflict' });
      const { id } = await at().store.jobs.add(newJob());
      await expect(at().store.jobs.add(newJob({ id, labels: { a: '1' } }))).rejects.toMatchObject({
        code: 'conflict',
      });
      expect(await at().store.jobs.list({ labels: { a: '1' } })).toEqual([]);
    });
  });
}
