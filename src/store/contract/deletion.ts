import { beforeEach, describe, expect, it } from 'vitest';
import {
  GARBAGE_GRACE_MS,
  collectGarbage,
  digestOf,
  encodeModelContent,
  releaseBlobs,
  sweep,
  type Digest,
} from '../index.ts';
import { HOUR_MS, type Fixture } from './fixture.ts';

const DAY_MS = 24 * HOUR_MS;

export function deletionContract(at: () => Fixture): void {
  describe('deletion', () => {
    let model: Digest;
    beforeEach(async () => {
      // Files have the time of the machine: the injected one must not be behind it.
      at().now_ms = Date.now();
      model = await upload();
    });

    const content = encodeModelContent({
      units: 1,
      couplings: new Float64Array(1),
      biases: new Float64Array(1),
      j2: Float64Array.of(1),
      j4: Float64Array.of(1),
      noiseTemperature_E0: 0.1,
    });
    const upload = async (name = 'secret'): Promise<Digest> => {
      const blob = await at().store.blobs.put(content);
      const row = { digest: blob, blob, units: 1, bytes: content.length, name, keyId: 'k1' };
      await at().store.models.add({ ...row, metadata: { secret: true } });
      return blob;
    };
    const bytesOf = (seed: number): Uint8Array =>
      Uint8Array.from({ length: 100_000 }, (_, k) => (k * seed) & 255);

    /** A job that has ended, with samples, a certificate and a kept answer. */
    const ended = async (bytes: Uint8Array): Promise<{ id: string; blob: Digest }> => {
      const { store } = at();
      const blob = await store.blobs.put(bytes);
      const { id } = await store.jobs.add({ device: 'twin-0', model, request: {}, keyId: 'k1' });
      await store.transaction(async (tx) => {
        await tx.jobs.transition(id, 'queued', 'running');
        await tx.sampleSets.add({
          jobId: id,
          device: 'twin-0',
          backend: 'twin',
          model,
          blob,
          bytes: bytes.length,
          samples: 1,
          units: 1,
          reads: [],
          stateScale: 1,
          heatBlob: null,
        });
        await tx.jobs.transition(id, 'running', 'succeeded', {
          finishedAt_ms: at().now_ms,
          samplesBlob: blob,
        });
        await tx.certificates.add({ jobId: id, signingKey: 'tck', document: '{}' });
        await tx.idempotency.add({
          keyId: 'k1',
          route: 'POST /v1/jobs',
          idempotencyKey: id,
          bodySha256: '',
          status: 201,
          headers: { location: `/v1/jobs/${id}` },
          body: { labels: { secret: 'A17' } },
        });
      });
      return { id, blob };
    };

    it('of a job takes everything of it, and leaves what others share', async () => {
      const { store } = at();
      const [a, same, other] = [await ended(bytesOf(3)), await ended(bytesOf(3)), await ended(bytesOf(5))];
      at().now_ms += HOUR_MS;
      const now_ms = at().now_ms;
      expect(await store.deletion.storedBytes('k1')).toBe(300_000 + content.length);
      expect(await store.deletion.job(a.id)).toEqual([a.blob]);
      expect(await releaseBlobs(store, [a.blob], { now_ms })).toBe(0);
      expect(await store.blobs.has(a.blob)).toBe(true);
      expect([await store.jobs.find(a.id), await store.sampleSets.findByJob(a.id)]).toEqual([null, null]);
      expect(await store.certificates.find(a.id)).toBeNull();
      const kept = await store.idempotency.find('k1', 'POST /v1/jobs', a.id);
      expect(JSON.stringify(kept)).not.toContain('A17');
      expect(kept?.body).toMatchObject({ deleted: true });
      expect(await releaseBlobs(store, await store.deletion.job(same.id), { now_ms })).toBe(1);
      expect(await store.blobs.has(a.blob)).toBe(false);
      expect(await store.blobs.get(other.blob)).toEqual(bytesOf(5));
      await expect(store.deletion.job(a.id)).rejects.toMatchObject({ code: 'not-found' });
    });

    it('is refused while a job is not at its end, and of a model that one needs', async () => {
      const { store } = at();
      const { id } = await store.jobs.add({ device: 'twin-0', model, request: {} });
      for (const to of ['running', 'queued', 'held'] as const) {
        await expect(store.deletion.job(id)).rejects.toMatchObject({ code: 'conflict' });
        await expect(store.deletion.model(model)).rejects.toMatchObject({ code: 'conflict' });
        const { state } = await store.jobs.get(id);
        await store.jobs.transition(id, state, to);
      }
      await store.jobs.transition(id, 'held', 'cancelled');
      await store.deletion.model(model);
    });

    it('of a model takes its content, keeps results of old jobs, and an upload makes it anew', async () => {
      const { store } = at();
      const job = await ended(bytesOf(7));
      at().now_ms += HOUR_MS;
      const blobs = await store.deletion.model(model);
      expect(await releaseBlobs(store, blobs, { now_ms: at().now_ms })).toBe(1);
      expect(await store.models.find(model)).toBeNull();
      expect(await store.models.list()).toEqual([]);
      await expect(store.blobs.get(model)).rejects.toMatchObject({ code: 'not-found' });
      await expect(store.deletion.model(model)).rejects.toMatchObject({ code: 'not-found' });
      expect((await store.sampleSets.findByJob(job.id))?.model).toBe(model);
      expect(await store.deletion.storedBytes('k1')).toBe(100_000);
      await upload('again');
      expect(await store.models.find(model)).toMatchObject({ name: 'again', metadata: { secret: true } });
      expect(await store.blobs.get(model)).toEqual(content);
    });

    it('of a model by one of its owners leaves it to the others, and by the last takes it', async () => {
      const { store } = at();
      await store.models.add({
        ...{ digest: model, blob: model, units: 1, bytes: content.length, name: 'mine', metadata: {} },
        keyId: 'k2',
      });
      for (const keyId of ['k1', 'k2']) expect(await store.deletion.storedBytes(keyId)).toBe(content.length);
      expect(await store.deletion.modelOf(model, 'k1')).toEqual([]);
      expect([await store.models.isOwner(model, 'k1'), await store.models.isOwner(model, 'k2')]).toEqual([
        false,
        true,
      ]);
      expect(await store.deletion.storedBytes('k1')).toBe(0);
      const { id } = await store.jobs.add({ device: 'twin-0', model, request: {} });
      await expect(store.deletion.modelOf(model, 'k2')).rejects.toMatchObject({ code: 'conflict' });
      expect(await store.models.isOwner(model, 'k2')).toBe(true);
      await store.jobs.transition(id, 'queued', 'cancelled');
      expect(await store.deletion.modelOf(model, 'k2')).toEqual([model]);
      expect([await store.models.find(model), await store.models.isOwner(model, 'k2')]).toEqual([
        null,
        false,
      ]);
      await upload('again');
      expect(await store.models.isOwner(model, 'k2')).toBe(false);
    });

    it('of garbage spares what is young, named, or asked to be stored again meanwhile', async () => {
      const { store } = at();
      const named = await ended(bytesOf(3));
      const [idle, pending] = [await store.blobs.put(bytesOf(9)), await store.blobs.put(bytesOf(11))];
      const soon = Date.now() + GARBAGE_GRACE_MS / 2;
      expect(await collectGarbage(store, soon)).toBe(0);
      // As if an hour had gone by, and somebody had put the same bytes again just now: its commit is under way.
      const late = Date.now() + GARBAGE_GRACE_MS + 60_000;
      const remove = store.blobs.delete.bind(store.blobs);
      store.blobs.delete = async (digest, when) => {
        if (digest === pending) {
          at().now_ms = late;
          await store.blobs.put(bytesOf(11));
        }
        const before = digest === pending ? { storedBefore_ms: Date.now() - 1000 } : when;
        return remove(digest, before);
      };
      expect(await collectGarbage(store, late)).toBe(1);
      expect(await store.blobs.has(idle)).toBe(false);
      expect(await store.blobs.get(pending)).toEqual(bytesOf(11));
      expect(await store.blobs.get(named.blob)).toEqual(bytesOf(3));
    });

    it('by age takes jobs and audit rows apart, and says what it took', async () => {
      const { store } = at();
      const old = await ended(bytesOf(3));
      const waiting = await store.jobs.add({ device: 'twin-0', model, request: {} });
      const row = { keyId: null, target: null, outcome: 'done', correlationId: null, detail: {} };
      await store.audit.append({ ...row, action: 'old' });
      at().now_ms += 10 * DAY_MS;
      const young = await ended(bytesOf(5));
      const policy = { jobs_days: 5, captures_days: 5, audit_days: null };
      expect(
        await sweep(store, { jobs_days: null, captures_days: null, audit_days: null }, at().now_ms),
      ).toEqual({
        jobs: 0,
        captures: 0,
        auditRows: 0,
        heatEntries: 0,
        driftPoints: 0,
        blobs: 0,
      });
      expect(await sweep(store, policy, at().now_ms)).toMatchObject({ jobs: 1, auditRows: 0, blobs: 1 });
      expect(await store.jobs.find(old.id)).toBeNull();
      expect(await store.jobs.find(waiting.id)).not.toBeNull();
      expect(await store.blobs.get(young.blob)).toEqual(bytesOf(5));
      expect(await store.audit.list({ action: 'job.retention' })).toMatchObject([{ target: old.id }]);
      expect(await sweep(store, { ...policy, audit_days: 5 }, at().now_ms)).toMatchObject({ auditRows: 1 });
      expect(await store.audit.list({ action: 'old' })).toEqual([]);
      expect(digestOf(await store.blobs.get(model))).toBe(model);
    });
  });
}
