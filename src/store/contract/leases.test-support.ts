// What leases and device rows promise on every database. Terms are in the past or far ahead, so that nothing waits.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Store } from '../index.ts';

const OVER_MS = -1;
const LONG_MS = 3_600_000;

/** `open` gives a store with nothing in it; it is closed after each test. */
export function leaseContract(open: () => Promise<Store>): void {
  let store: Store;
  beforeEach(async () => {
    store = await open();
  });
  afterEach(() => store.close());

  const acquired = async (holder: string, term_ms: number, device = 'chip-0') => {
    const lease = await store.leases.acquire(device, holder, term_ms);
    if (lease === null) throw new Error(`${holder} did not get ${device}`);
    return lease;
  };

  describe('a lease', () => {
    it('goes to one holder at a time, and to the next one under a higher fence when it is over', async () => {
      const first = await acquired('a', OVER_MS);
      expect(first).toMatchObject({ device: 'chip-0', holder: 'a' });
      const second = await acquired('b', LONG_MS);
      expect(second.fence).toBeGreaterThan(first.fence);
      expect(await store.leases.acquire('chip-0', 'a', LONG_MS)).toBeNull();
      expect(await store.leases.find('chip-0')).toEqual(second);
      expect(await store.leases.find('chip-1')).toBeNull();
    });

    it('of one device says nothing about another', async () => {
      await acquired('a', LONG_MS);
      expect((await acquired('b', LONG_MS, 'chip-1')).holder).toBe('b');
    });

    it('is taken over at once by a new process of the same holder, whose older fence is stale then', async () => {
      const before = await acquired('a', LONG_MS);
      const after = await acquired('a', LONG_MS);
      expect(after.fence).toBeGreaterThan(before.fence);
      expect(await store.leases.renew('chip-0', before.fence, LONG_MS)).toBe(false);
    });

    it('is renewed while nobody else came, also when it is over, and never after that', async () => {
      const { fence } = await acquired('a', OVER_MS);
      expect(await store.leases.renew('chip-0', fence, OVER_MS)).toBe(true);
      await acquired('b', OVER_MS);
      expect(await store.leases.renew('chip-0', fence, LONG_MS)).toBe(false);
      expect((await store.leases.find('chip-0'))?.holder).toBe('b');
    });

    it('that was given back is free at once and cannot be renewed; a late return takes it from nobody', async () => {
      const { fence } = await acquired('a', LONG_MS);
      await store.leases.release('chip-0', fence);
      expect(await store.leases.renew('chip-0', fence, LONG_MS)).toBe(false);
      const next = await acquired('b', LONG_MS);
      await store.leases.release('chip-0', fence);
      expect(await store.leases.find('chip-0')).toEqual(next);
    });

    it('goes to exactly one of many who ask at once', async () => {
      const asked = Array.from({ length: 8 }, (_, k) => store.leases.acquire('chip-0', `host-${k}`, LONG_MS));
      expect((await Promise.all(asked)).filter((lease) => lease !== null)).toHaveLength(1);
    });
  });

  describe('the guard', () => {
    it('lets the writes of the holder through, also when the lease is over but nobody came', async () => {
      const { fence } = await acquired('a', OVER_MS);
      const id = await store.transaction(async (tx) => {
        await tx.leases.guard('chip-0', fence);
        return (await tx.devices.declare('chip-0', null)).id;
      });
      expect(id).toBe('chip-0');
    });

    it('refuses a stale holder, and nothing of its transaction is kept', async () => {
      const { fence } = await acquired('a', OVER_MS);
      await acquired('b', LONG_MS);
      const late = store.transaction(async (tx) => {
        await tx.devices.declare('chip-0', null);
        await tx.leases.guard('chip-0', fence);
      });
      await expect(late).rejects.toMatchObject({ code: 'stale-fence', retryable: false });
      expect(await store.devices.find('chip-0')).toBeNull();
    });

    it('refuses who never had a lease', async () => {
      const never = store.transaction((tx) => tx.leases.guard('chip-9', 1));
      await expect(never).rejects.toMatchObject({ code: 'stale-fence' });
    });
  });

  describe('a device row', () => {
    it('keeps what its holder says and what people want, each change with a new revision', async () => {
      expect(await store.devices.declare('chip-0', null)).toEqual({
        id: 'chip-0',
        host: null,
        facts: null,
        control: null,
        revision: 1,
      });
      await store.devices.setFacts('chip-0', { state: 'ready', uid: 'äöü \u0001' });
      const row = await store.devices.setControl('chip-0', { desired: 'maintenance' }, 2);
      expect(row).toMatchObject({
        revision: 3,
        facts: { state: 'ready' },
        control: { desired: 'maintenance' },
      });
      expect(await store.devices.declare('chip-0', null)).toEqual(row);
      expect(await store.devices.list()).toEqual([row]);
    });

    it('is not changed from a revision that is past, nor when there is none', async () => {
      await store.devices.declare('chip-0', null);
      await store.devices.setFacts('chip-0', {});
      await expect(store.devices.setControl('chip-0', {}, 1)).rejects.toMatchObject({ code: 'conflict' });
      await expect(store.devices.setFacts('chip-1', {})).rejects.toMatchObject({ code: 'not-found' });
    });

    it('of a serial line belongs to one host, and cannot be claimed by another', async () => {
      await store.devices.declare('chip-0', 'host-a');
      expect((await store.devices.declare('chip-0', 'host-a')).revision).toBe(1);
      await expect(store.devices.declare('chip-0', 'host-b')).rejects.toMatchObject({ code: 'conflict' });
      expect((await store.devices.declare('chip-0', null)).host).toBeNull();
    });
  });
}
