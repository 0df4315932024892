// Transactions: all or nothing, and what is between two of them that want the same rows.
import { beforeEach, describe, expect, it } from 'vitest';
import type { Repositories, Store } from '../index.ts';
import { addModel, newJob, type Fixture } from './fixture.ts';

export function transactionContract(at: () => Fixture): void {
  describe('a transaction', () => {
    beforeEach(async () => {
      await addModel(at().store);
    });

    it('keeps all or nothing, and passes the error of its work on', async () => {
      const mine = new Error('mine');
      const failing = at().store.transaction(async (tx) => {
        await tx.jobs.add(newJob({ labels: { run: 'A' } }));
        throw mine;
      });
      await expect(failing).rejects.toBe(mine);
      expect(await at().store.jobs.list()).toEqual([]);
      const id = await at().store.transaction(async (tx) => (await tx.jobs.add(newJob())).id);
      expect((await at().store.jobs.get(id)).state).toBe('queued');
    });

    it('sees its own writes, and refuses to wait for itself', async () => {
      await at().store.transaction(async (tx) => {
        const { id } = await tx.jobs.add(newJob());
        expect((await tx.jobs.get(id)).id).toBe(id);
        await expect(at().store.jobs.find(id)).rejects.toMatchObject({ code: 'conflict' });
        await expect(at().store.blobs.put(new Uint8Array(1))).rejects.toMatchObject({ code: 'conflict' });
      });
    });

    it('is not seen by others before its end', async () => {
      const { store } = at();
      let written = (): void => undefined;
      const whenWritten = new Promise<void>((resolve) => (written = resolve));
      let go = (): void => undefined;
      const whenAllowed = new Promise<void>((resolve) => (go = resolve));
      const other = (await at().beside()) ?? null;
      const adding = store.transaction(async (tx) => {
        const { id } = await tx.jobs.add(newJob());
        written();
        await whenAllowed;
        return id;
      });
      await whenWritten;
      // Where one process has the database, the look waits for the transaction to end.
      const look = (other ?? store).jobs.list();
      if (other !== null) expect(await look).toEqual([]);
      go();
      const id = await adding;
      expect((await (other ?? store).jobs.list()).map((row) => row.id)).toEqual([id]);
      await look;
    });

    it('is kept whole when many run at once', async () => {
      const stores = [at().store, (await at().beside()) ?? at().store];
      await Promise.all(
        Array.from({ length: 16 }, (_, k) =>
          stores[k % 2].transaction(async (tx) => {
            const { id } = await tx.jobs.add(newJob({ labels: { k: `${k}` } }));
            await tx.audit.append(auditOf(id));
          }),
        ),
      );
      const jobs = await at().store.jobs.list();
      const audit = await at().store.audit.list();
      expect(jobs).toHaveLength(16);
      expect(audit.map((row) => row.target).sort()).toEqual(jobs.map((row) => row.id).sort());
    });

    it('that runs into another one crosswise is refused as a whole, and works when tried again', async () => {
      const { store } = at();
      const other = (await at().beside()) ?? store;
      const [a, b] = [await store.jobs.add(newJob()), await store.jobs.add(newJob())];
      const both = (one: Store, ids: string[]) => async (): Promise<void> => {
        await one.transaction(async (tx: Repositories) => {
          for (const id of ids) {
            await tx.jobs.patch(id, { priority: ids[0] === a.id ? 1 : 2 });
            // Long enough that the two meet, whatever the machine: each holds one row then.
            await new Promise((resolve) => setTimeout(resolve, 100));
          }
        });
      };
      const runs = [both(store, [a.id, b.id]), both(other, [b.id, a.id])];
      const ends = await Promise.allSettled(runs.map((run) => run()));
      const refused = ends.flatMap((end, k) => (end.status === 'rejected' ? [{ k, end }] : []));
      for (const { k, end } of refused) {
        expect(end.reason).toMatchObject({ code: 'storage-busy', retryable: true });
        await runs[k]();
      }
      const priorities = await Promise.all([a, b].map(async ({ id }) => (await store.jobs.get(id)).priority));
      expect(priorities[0]).toBe(priorities[1]);
    });
  });
}

function auditOf(target: string) {
  return { keyId: 'k1', action: 'job.submit', target, outcome: 'ok', correlationId: null, detail: {} };
}
