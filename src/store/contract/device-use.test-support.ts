// What the store promises of people's use of devices, on every database. Terms are in the past or far ahead.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CalibrationRow, Store } from '../index.ts';

const LONG_MS = 3_600_000;
const digest = `sha256:${'a'.repeat(64)}` as const;

/** `open` gives a store with nothing in it; it is closed after each test. */
export function deviceUseContract(open: () => Promise<Store>): void {
  let store: Store;
  beforeEach(async () => {
    store = await open();
  });
  afterEach(() => store.close());

  const take = (keyId: string, ttl_ms = LONG_MS, device = 'chip-0') =>
    store.useLeases.take({ device, keyId, ttl_ms, purpose: null });

  describe('the use of a device', () => {
    it('is one key at a time, also of the same key, and per device', async () => {
      const first = await take('a');
      expect(first).toMatchObject({ device: 'chip-0', keyId: 'a', endedAt_ms: null, revision: 1 });
      expect(await take('b')).toBeNull();
      expect(await take('a')).toBeNull();
      expect(await take('b', LONG_MS, 'chip-1')).not.toBeNull();
      expect((await store.useLeases.active('chip-0')).map((lease) => lease.id)).toEqual([first?.id]);
      expect(await store.useLeases.active()).toHaveLength(2);
    });

    it('is free after a release, once', async () => {
      const { id = '' } = (await take('a')) ?? {};
      expect(await store.useLeases.release(id)).toMatchObject({ id, endedBy: 'released', revision: 2 });
      expect(await store.useLeases.release(id)).toBeNull();
      expect(await store.useLeases.renew(id, LONG_MS)).toBeNull();
      expect(await take('b')).not.toBeNull();
      expect(await store.useLeases.list({ device: 'chip-0' })).toHaveLength(2);
    });

    it('is over after its time: not renewed, not released, and ended once', async () => {
      const over = await take('a', -1);
      const id = over?.id ?? '';
      expect(await store.useLeases.active()).toEqual([]);
      expect(await store.useLeases.renew(id, LONG_MS)).toBeNull();
      expect(await store.useLeases.release(id)).toBeNull();
      expect(await store.useLeases.expire()).toMatchObject([
        { id, endedBy: 'expired', endedAt_ms: over?.expiresAt_ms },
      ]);
      expect(await store.useLeases.expire()).toEqual([]);
      expect(await take('b')).not.toBeNull();
    });

    it('is renewed from now on', async () => {
      const lease = await take('a', LONG_MS);
      const renewed = await store.useLeases.renew(lease?.id ?? '', 2 * LONG_MS);
      expect(renewed?.expiresAt_ms).toBeGreaterThanOrEqual((lease?.expiresAt_ms ?? 0) + LONG_MS);
      expect(renewed?.revision).toBe(2);
    });

    it('refuses a second lease without spoiling the transaction it is asked in', async () => {
      await take('a');
      await store.transaction(async (tx) => {
        expect(
          await tx.useLeases.take({ device: 'chip-0', keyId: 'b', ttl_ms: LONG_MS, purpose: 'x' }),
        ).toBeNull();
        expect(await tx.useLeases.active('chip-0')).toHaveLength(1);
      });
    });
  });

  async function measured(deviceUid: string, faultsActive = false): Promise<CalibrationRow> {
    const { id } = await store.calibrations.add({ kind: 'k', device: 'chip-0', options: {} });
    await store.calibrations.transition(id, 'queued', 'running');
    return store.calibrations.transition(id, 'running', 'succeeded', {
      deviceUid,
      provenance: { faultsActive },
      finishedAt_ms: Date.now(),
    });
  }
  const move = (calibration: string, revision: number, pinned = false) =>
    store.activeCalibrations.move(
      { deviceUid: 'u', kind: 'k', calibration, pinned, why: 'asked', keyId: 'me' },
      revision,
    );

  describe('the calibration that counts', () => {
    it('is the latest good one until somebody moves the pointer', async () => {
      expect(await store.activeCalibrations.current('u', 'k')).toBeNull();
      await measured('u');
      const latest = await measured('u');
      await measured('u', true);
      await measured('another chip');
      expect((await store.activeCalibrations.current('u', 'k'))?.id).toBe(latest.id);
    });

    it('follows new ones, but not over a pin, not to faulty ones, and never back by itself', async () => {
      const first = await measured('u');
      expect(await store.activeCalibrations.offer(first)).toMatchObject({
        calibration: first.id,
        revision: 1,
      });
      const second = await measured('u');
      expect(await store.activeCalibrations.offer(second)).toMatchObject({ revision: 2 });
      expect(await store.activeCalibrations.offer(await measured('u', true))).toBeNull();
      await move(first.id, 2, true);
      expect(await store.activeCalibrations.offer(await measured('u'))).toBeNull();
      expect((await store.activeCalibrations.current('u', 'k'))?.id).toBe(first.id);
      expect(await store.activeCalibrations.list('u')).toMatchObject([{ pinned: true, revision: 3 }]);
      const history = await store.activeCalibrations.history('u');
      expect(
        history.map(({ calibration, previous, why, keyId }) => ({ calibration, previous, why, keyId })),
      ).toEqual([
        { calibration: first.id, previous: second.id, why: 'asked', keyId: 'me' },
        { calibration: second.id, previous: first.id, why: 'measured', keyId: null },
        { calibration: first.id, previous: null, why: 'measured', keyId: null },
      ]);
    });

    it('is moved by one of two who saw the same revision', async () => {
      const { id } = await measured('u');
      await move(id, 0);
      await expect(move(id, 0)).rejects.toMatchObject({ code: 'conflict' });
      await move(id, 1);
      await expect(move(id, 1)).rejects.toMatchObject({ code: 'conflict' });
      expect(await store.activeCalibrations.history('u')).toHaveLength(2);
    });
  });

  describe('captures', () => {
    it('are kept, listed by device and job, and removed once', async () => {
      const row = {
        device: 'chip-0',
        backend: 'twin',
        why: 'asked' as const,
        jobId: null,
        blob: digest,
        bytes: 10,
        droppedBytes: 0,
        openedAt_ms: 5,
        keyId: 'me',
      };
      const first = await store.captures.add(row);
      const second = await store.captures.add({ ...row, why: 'job-failed', jobId: 'j', device: 'chip-1' });
      expect(await store.captures.find(first.id)).toEqual(first);
      expect((await store.captures.list()).map(({ id }) => id)).toEqual([second.id, first.id]);
      expect(await store.captures.list({ device: 'chip-0' })).toEqual([first]);
      expect(await store.captures.list({ jobId: 'j' })).toEqual([second]);
      expect(await store.captures.remove(first.id)).toEqual(first);
      expect(await store.captures.remove(first.id)).toBeNull();
    });
  });
}
