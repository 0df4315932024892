// What the store promises of webhooks: an ending and its deliveries are one, and a claim goes to one caller.
import { describe, expect, it } from 'vitest';
import type { WebhookRow } from '../index.ts';
import { addModel, newJob, type Fixture } from './fixture.ts';

export function webhookContract(at: () => Fixture): void {
  const hookOf = async (id: string, scopes: string[]): Promise<WebhookRow> => {
    const { store } = at();
    await store.keys.add({ id, name: id, role: 'x', scopes, secretSha256: id, expiresAt_ms: null });
    const topics = ['job.failed' as const, 'calibration.failed' as const];
    return store.webhooks.add({ keyId: id, url: 'https://x.example', topics, secret: 's' });
  };
  const end = async (keyId: string, to: 'failed' | 'cancelled' = 'failed'): Promise<string> => {
    const { id } = await at().store.jobs.add(newJob({ keyId }));
    await at().store.jobs.transition(id, 'queued', to);
    return id;
  };

  describe('webhooks', () => {
    it('are told in the transaction of the ending what topics and key allow', async () => {
      const { store } = at();
      await addModel(store);
      const own = await hookOf('own', ['job:read']);
      const all = await hookOf('all', ['job:read', 'job:read:all', 'device:read']);
      await end('own', 'cancelled');
      const job = await end('own');
      await end('other');
      const told = async (id: string) => (await store.webhooks.deliveries(id)).map((row) => row.topic);
      expect(await told(own.id)).toEqual(['job.failed']);
      expect(await told(all.id)).toEqual(['job.failed', 'job.failed']);
      const [row] = await store.webhooks.deliveries(own.id);
      expect(JSON.parse(row.body)).toMatchObject({ id: row.id, data: { job, state: 'failed' } });
      const { id } = await store.jobs.add(newJob({ keyId: 'own' }));
      const undone = store.transaction(async (tx) => {
        await tx.jobs.transition(id, 'queued', 'failed');
        throw new Error('undone');
      });
      await expect(undone).rejects.toThrow('undone');
      expect(await told(own.id)).toHaveLength(1);
    });

    it('are claimed once, settled by the claimer alone, and not at all when disabled', async () => {
      const { store } = at();
      await addModel(store);
      const hook = await hookOf('own', ['job:read']);
      await end('own');
      const other = (await at().beside()) ?? store;
      const claims = await Promise.all([store, other, store].map((one) => one.webhooks.claim(60_000, 5)));
      const [claimed, ...more] = claims.flat();
      expect(more).toEqual([]);
      const retry = { state: 'pending', retryIn_ms: 0, error: 'no' } as const;
      expect(await store.webhooks.settle(claimed, retry)).toBe(true);
      expect(await store.webhooks.find(hook.id)).toMatchObject({
        failingSince_ms: expect.any(Number) as number,
      });
      const [again] = await other.webhooks.claim(60_000, 5);
      expect(again).toMatchObject({ id: claimed.id, attempts: 2 });
      expect(await store.webhooks.settle(claimed, { state: 'delivered', error: null })).toBe(false);
      expect(await store.webhooks.settle(again, { state: 'delivered', error: null })).toBe(true);
      expect(await store.webhooks.find(hook.id)).toMatchObject({ failingSince_ms: null });
      await end('own');
      await store.webhooks.disable(hook.id, 'why');
      expect(await store.webhooks.claim(60_000, 5)).toEqual([]);
      await end('own');
      expect(await store.webhooks.deliveries(hook.id)).toHaveLength(2);
      expect(await store.webhooks.remove(hook.id)).toBe(true);
      expect(await store.webhooks.deliveries(hook.id)).toEqual([]);
    });
  });
}
