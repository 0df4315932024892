// What tickets promise on every database.
import { expect, it } from 'vitest';
import type { Store } from '../index.ts';

export function ticketContract(open: () => Promise<Store>): void {
  const during = async (work: (store: Store) => Promise<void>): Promise<void> => {
    const store = await open();
    try {
      await work(store);
    } finally {
      await store.close();
    }
  };

  it('give their key once, of twenty takers at the same time to one', () =>
    during(async (store) => {
      await store.tickets.add({ secretSha256: 'aa', keyId: 'k1', life_ms: 30_000 });
      const taken = await Promise.all(Array.from({ length: 20 }, () => store.tickets.take('aa')));
      expect(taken.filter((keyId) => keyId !== null)).toEqual(['k1']);
      expect(await store.tickets.take('aa')).toBeNull();
      expect(await store.tickets.take('bb')).toBeNull();
    }));

  it('do not give it after their life, and then leave the table with the next one', () =>
    during(async (store) => {
      await store.tickets.add({ secretSha256: 'aa', keyId: 'k1', life_ms: 0 });
      expect(await store.tickets.take('aa')).toBeNull();
      await store.tickets.add({ secretSha256: 'bb', keyId: 'k1', life_ms: 0 });
      // The same digest again would be a conflict if the row were there.
      await store.tickets.add({ secretSha256: 'bb', keyId: 'k2', life_ms: 30_000 });
      expect(await store.tickets.take('bb')).toBe('k2');
    }));

  it('are not there when their transaction fails', () =>
    during(async (store) => {
      const failed = store.transaction(async (tx) => {
        await tx.tickets.add({ secretSha256: 'aa', keyId: 'k1', life_ms: 30_000 });
        throw new Error('on purpose');
      });
      await expect(failed).rejects.toThrow('on purpose');
      expect(await store.tickets.take('aa')).toBeNull();
    }));
}
