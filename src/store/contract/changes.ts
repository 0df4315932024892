// Hearing of what other processes write. A database of one process has nobody to hear.
import { describe, expect, it } from 'vitest';
import type { StoreChange } from '../index.ts';
import { addModel, newJob, type Fixture } from './fixture.ts';

export function changeContract(at: () => Fixture): void {
  describe('changes', () => {
    it('of another process are told once they are committed, its own never', async ({ skip }) => {
      const { store } = at();
      const other = await at().beside();
      if (other === null) return skip('one process per database');
      const heard = { here: [] as StoreChange[], there: [] as StoreChange[] };
      store.onChange((change) => heard.here.push(change));
      const end = other.onChange((change) => heard.there.push(change));
      await addModel(store);
      const failing = store.transaction(async (tx) => {
        await tx.jobs.add(newJob());
        throw new Error('mine');
      });
      await expect(failing).rejects.toThrow('mine');
      const job = await store.jobs.add(newJob());
      await store.jobs.transition(job.id, 'queued', 'running');
      const calibration = await store.calibrations.add({ kind: 'noise', device: 'd', options: {} });
      await store.keys.add({
        id: 'k1',
        name: 'lab',
        role: 'operator',
        scopes: [],
        secretSha256: 'ab',
        expiresAt_ms: null,
      });
      await store.devices.declare('chip-0', null);
      await store.devices.setFacts('chip-0', { state: 'ready' });
      const all: StoreChange[] = [
        { table: 'job', id: job.id },
        { table: 'job', id: job.id },
        { table: 'calibration', id: calibration.id },
        { table: 'key', id: 'k1' },
        { table: 'device', id: 'chip-0' },
        { table: 'device', id: 'chip-0' },
      ];
      await expect.poll(() => heard.there.length, { timeout: 20_000 }).toBe(all.length);
      expect(heard).toEqual({ here: [], there: all });
      end();
      await store.devices.setFacts('chip-0', { state: 'offline' });
      await other.devices.setFacts('chip-0', { state: 'gone' });
      await expect.poll(() => heard.here.length, { timeout: 20_000 }).toBe(1);
      expect(heard.there).toHaveLength(all.length);
    });
  });
}
