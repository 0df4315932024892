// Conditional writes when several ask at once: on a database of several processes from two stores, else from one.
import { beforeEach, describe, expect, it } from 'vitest';
import { isStoreError, type Store } from '../index.ts';
import { addModel, MODEL, newJob, type Fixture } from './fixture.ts';

const ATTEMPTS = 8;

export function concurrencyContract(at: () => Fixture): void {
  const stores = async (): Promise<Store[]> => {
    const one = at().store;
    const two = (await at().beside()) ?? one;
    return Array.from({ length: ATTEMPTS }, (_, k) => (k % 2 === 0 ? one : two));
  };
  /** All at once; the results of those who got through, where the others were told `conflict`. */
  const contest = async <T>(attempt: (store: Store, k: number) => Promise<T>): Promise<T[]> => {
    const ends = await Promise.allSettled((await stores()).map(attempt));
    return ends.flatMap((end) => {
      if (end.status === 'fulfilled') return [end.value];
      if (isStoreError(end.reason, 'conflict')) return [];
      throw end.reason;
    });
  };

  describe('of many who ask at once', () => {
    beforeEach(async () => {
      await addModel(at().store);
    });

    it('one claims a job', async () => {
      const { id } = await at().store.jobs.add(newJob());
      const claimed = await contest((store, k) =>
        store.jobs.transition(id, 'queued', 'running', { startedAt_ms: k }),
      );
      expect(claimed).toHaveLength(1);
      expect(await at().store.jobs.get(id)).toEqual(claimed[0]);
      expect(claimed[0].revision).toBe(2);
    });

    it('one runs a job on a device, whichever job it is', async () => {
      const ids: string[] = [];
      for (let k = 0; k < ATTEMPTS; k++) ids.push((await at().store.jobs.add(newJob())).id);
      const running = await contest((store, k) => store.jobs.transition(ids[k], 'queued', 'running'));
      expect(running).toHaveLength(1);
      expect(await at().store.jobs.list({ state: 'running' })).toEqual(running);
    });

    it('one adds a job of a given id, with its labels', async () => {
      const id = at().store.newId();
      const added = await contest((store, k) => store.jobs.add(newJob({ id, labels: { k: `${k}` } })));
      expect(added).toHaveLength(1);
      expect(await at().store.jobs.list({ labels: added[0].labels })).toEqual(added);
    });

    it('every change of a job counts once in its revision', async () => {
      const { id } = await at().store.jobs.add(newJob());
      await contest((store, k) => store.jobs.patch(id, { priority: k, labels: { k: `${k}` } }));
      const job = await at().store.jobs.get(id);
      expect(job.revision).toBe(1 + ATTEMPTS);
      expect(job.labels).toEqual({ k: `${job.priority}` });
      expect(await at().store.jobs.list({ labels: job.labels })).toEqual([job]);
    });

    it('one makes a model, and all get it', async () => {
      const digest = `sha256:${'cd'.repeat(32)}` as const;
      const row = { digest, blob: digest, units: 3, bytes: 9, name: null, metadata: {}, keyId: null };
      const added = await contest((store) => store.models.add(row));
      expect(added.filter(({ created }) => created)).toHaveLength(1);
      expect(new Set(added.map((one) => one.row.id)).size).toBe(1);
    });

    it('one claims a calibration', async () => {
      const { id } = await at().store.calibrations.add({ kind: 'noise', device: 'd', options: {} });
      expect(await contest((store) => store.calibrations.transition(id, 'queued', 'running'))).toHaveLength(
        1,
      );
    });

    it('one makes a key, one edits a revision, and all revoke it at the same time', async () => {
      const key = { id: 'k1', name: 'lab', role: 'operator', scopes: [], secretSha256: 'ab' };
      expect(await contest((store) => store.keys.add({ ...key, expiresAt_ms: null }))).toHaveLength(1);
      const edited = await contest((store, k) => store.keys.edit('k1', 0, { name: `n${k}` }));
      expect(edited).toHaveLength(1);
      const revoked = await contest((store) => store.keys.revoke('k1'));
      expect(new Set(revoked.map((row) => row.revokedAt_ms)).size).toBe(1);
      expect(await at().store.keys.find('k1')).toMatchObject({ name: edited[0].name });
    });

    it('one spends the bootstrap key, and with it all others', async () => {
      const key = { name: 'bootstrap', role: 'bootstrap', scopes: ['keys:create'], secretSha256: 'ab' };
      for (const id of ['b1', 'b2']) await at().store.keys.add({ ...key, id, expiresAt_ms: null });
      await at().store.keys.add({ ...key, id: 'k1', role: 'viewer', expiresAt_ms: null });
      const spent = await contest((store, k) => store.keys.spendBootstrap(k < 4 ? 'b1' : 'b2'));
      expect(spent.filter((isMine) => isMine)).toHaveLength(1);
      expect(await at().store.keys.spendBootstrap('b2')).toBe(false);
      const revoked = (await at().store.keys.list()).filter((row) => row.revokedAt_ms !== null);
      expect(revoked.map((row) => row.id).sort()).toEqual(['b1', 'b2']);
    });

    it('one uses a ticket up', async () => {
      await at().store.tickets.add({ secretSha256: 'aa', keyId: 'k1', life_ms: 3_600_000 });
      const taken = await contest((store) => store.tickets.take('aa'));
      expect(taken.filter((keyId) => keyId !== null)).toEqual(['k1']);
    });

    it('one keeps the answer to an idempotency key, together with its effect', async () => {
      const row = { keyId: 'k1', route: 'POST /v1/jobs', idempotencyKey: 'i', bodySha256: 'aa' };
      const ids = await contest((store) =>
        store.transaction(async (tx) => {
          const { id } = await tx.jobs.add(newJob());
          await tx.idempotency.add({ ...row, status: 201, headers: {}, body: { id } });
          return id;
        }),
      );
      expect(ids).toHaveLength(1);
      expect((await at().store.jobs.list()).map((job) => job.id)).toEqual(ids);
      expect((await at().store.idempotency.find('k1', row.route, 'i'))?.body).toEqual({ id: ids[0] });
    });

    it('one signs the certificate of a job, and all get it', async () => {
      const { id } = await at().store.jobs.add(newJob());
      const kept = await contest((store, k) =>
        store.certificates.add({ jobId: id, signingKey: 's', document: `${k}` }),
      );
      expect(kept).toHaveLength(ATTEMPTS);
      expect(new Set(kept.map((row) => row.document)).size).toBe(1);
    });

    it('one holds the lease of a device; one sets what people want of a revision of it', async () => {
      const leases = await contest((store, k) => store.leases.acquire('chip-0', `host ${k}`, 3_600_000));
      expect(leases.filter((lease) => lease !== null)).toHaveLength(1);
      const { revision } = await at().store.devices.declare('chip-0', null);
      expect(await contest((store, k) => store.devices.setControl('chip-0', { k }, revision))).toHaveLength(
        1,
      );
    });

    it('all put the same small bytes, in transactions of their own', async () => {
      const bytes = new Uint8Array(1000).fill(7);
      const digests = await contest((store) =>
        store.transaction(async (tx) => {
          const digest = await tx.smallBlobs.put(bytes);
          await tx.jobs.add(newJob({ model: MODEL, request: { digest } }));
          return digest;
        }),
      );
      expect(digests).toHaveLength(ATTEMPTS);
      expect(await at().store.blobs.get(digests[0])).toEqual(bytes);
    });
  });

  it('ids of two processes that go on after the same one are different', async () => {
    await addModel(at().store);
    const other = await at().beside();
    // The clock stands still, or behind: both count on from the greatest id there is.
    at().now_ms -= 1000;
    const ids = [at().store, other ?? at().store].flatMap((store) =>
      Array.from({ length: 100 }, () => store.newId()),
    );
    expect(new Set(ids).size).toBe(200);
  });
}
