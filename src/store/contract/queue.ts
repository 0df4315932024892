// What the queue may ask of any database: turns, holds, expiry, and the log of attempts.
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Digest, JobHold, JobRow, NewJob, Store } from '../index.ts';

const MODEL: Digest = `sha256:${'ab'.repeat(32)}`;
const HOLD: JobHold = { reason: 'device-offline', detail: 'it is away', since_ms: 1_000, until_ms: null };

/** `open` gives a store with nothing in it; it is closed after each test. */
export function queueContract(open: () => Promise<Store>): void {
  let store: Store;
  const add = (change: Partial<NewJob> = {}): Promise<JobRow> =>
    store.jobs.add({ device: 'd', model: MODEL, request: {}, keyId: 'a', ...change });
  const ids = (rows: JobRow[]): string[] => rows.map(({ id }) => id);

  beforeEach(async () => {
    store = await open();
    const model = { digest: MODEL, blob: MODEL, units: 3, bytes: 9, name: 'm', keyId: null };
    await store.models.add({ ...model, metadata: {} });
  });

  afterEach(() => store.close());

  it('goes down the priorities, and from key to key', async () => {
    for (const keyId of ['b', 'a', null, 'a', 'c']) await add({ keyId, priority: 10 });
    await add({ priority: 0 });
    await add({ priority: 20, device: 'other' });
    expect(await store.jobs.topPriority('d')).toBe(10);
    expect(await store.jobs.topPriority('d', 10)).toBe(0);
    expect(await store.jobs.topPriority('d', 0)).toBeNull();
    expect(await store.jobs.topPriority('nobody')).toBeNull();
    const turns = { device: 'd', priority: 10 };
    expect(await store.jobs.queuedKeys(turns, { after: null, limit: 9 })).toEqual(['', 'a', 'b', 'c']);
    expect(await store.jobs.queuedKeys(turns, { after: 'a', limit: 1 })).toEqual(['b']);
    expect(await store.jobs.queuedKeys(turns, { after: 'c', limit: 1 })).toEqual([]);
  });

  it('pages through the jobs of a key in their order, and through those that are held', async () => {
    const rows: JobRow[] = [];
    for (let k = 0; k < 5; k++) rows.push(await add());
    const turns = { device: 'd', priority: 0, key: 'a' };
    const first = await store.jobs.queuedOf(turns, { limit: 2 });
    const rest = await store.jobs.queuedOf(turns, { limit: 9, after: first[1] });
    expect([...ids(first), ...ids(rest)]).toEqual(ids(rows));
    for (const { id } of rows) await store.jobs.transition(id, 'queued', 'held', { hold: HOLD });
    const held = await store.jobs.heldOf('d', { limit: 3 });
    const others = await store.jobs.heldOf('d', { limit: 9, after: held[2] });
    expect([...ids(held), ...ids(others)]).toEqual(ids(rows));
    expect(held[0].hold).toEqual(HOLD);
  });

  it('holds and releases a device by parts, and forgets the hold of what leaves the queue', async () => {
    await add({ deadline_ms: 5_000 });
    await add();
    await add({ device: 'other' });
    const held = [
      ...(await store.jobs.holdQueued('d', HOLD, { longest_ms: 9_000, limit: 1 })),
      ...(await store.jobs.holdQueued('d', HOLD, { longest_ms: 9_000, limit: 9 })),
    ];
    const expiries = held.map((row) => row.expiresAt_ms).sort();
    expect(expiries).toEqual([10_000, 5_000]);
    expect(held.every((row) => row.state === 'held' && row.revision === 2)).toBe(true);
    expect(await store.jobs.countWaiting('a')).toBe(3);
    expect(await store.jobs.releaseHeld('d', 'lease', 9)).toEqual([]);
    const released = await store.jobs.releaseHeld('d', 'device-offline', 9);
    expect(released.map((row) => [row.state, row.hold, row.expiresAt_ms === row.deadline_ms])).toEqual([
      ['queued', null, true],
      ['queued', null, true],
    ]);
    const [{ id }] = await store.jobs.holdQueued('d', HOLD, { longest_ms: 9_000, limit: 1 });
    const gone = await store.jobs.transition(id, ['queued', 'held'], 'cancelled');
    expect(gone).toMatchObject({ hold: null, expiresAt_ms: null });
    await expect(store.jobs.transition(id, ['queued', 'held'], 'running')).rejects.toMatchObject({
      code: 'conflict',
    });
  });

  it('releases jobs by name, and leaves alone what has left the queue meanwhile', async () => {
    const [a, b, c] = [await add({ deadline_ms: 5_000 }), await add(), await add()];
    for (const { id } of [a, b]) await store.jobs.transition(id, 'queued', 'held', { hold: HOLD });
    await store.jobs.transition(b.id, 'held', 'cancelled');
    const released = await store.jobs.release([a.id, b.id, c.id, 'nobody']);
    expect(released).toMatchObject([{ id: a.id, state: 'queued', hold: null, expiresAt_ms: 5_000 }]);
    expect(await store.jobs.release([])).toEqual([]);
    expect((await store.jobs.get(c.id)).revision).toBe(c.revision);
  });

  it('tells what has expired, the earliest first, and when to look again', async () => {
    expect(await store.jobs.nextExpiry_ms()).toBeNull();
    const late = await add({ deadline_ms: 3_000 });
    const soon = await add({ deadline_ms: 2_000 });
    await add();
    expect(await store.jobs.nextExpiry_ms()).toBe(2_000);
    expect(ids(await store.jobs.expired(3_000, 9))).toEqual([soon.id, late.id]);
    expect(ids(await store.jobs.expired(3_000, 1))).toEqual([soon.id]);
    await store.jobs.patch(soon.id, { deadline_ms: 9_000, expiresAt_ms: 9_000 });
    await store.jobs.transition(late.id, 'queued', 'expired');
    expect(await store.jobs.nextExpiry_ms()).toBe(9_000);
  });

  it('keeps the log of every attempt once', async () => {
    const { id } = await add();
    const line = { at_ms: 1, message: 'claimed', fields: { host: 'h' } };
    await store.jobs.addLog(id, 2, []);
    await store.jobs.addLog(id, 1, [line]);
    expect(await store.jobs.log(id)).toEqual([
      { attempt: 1, lines: [line] },
      { attempt: 2, lines: [] },
    ]);
    await expect(store.jobs.addLog(id, 1, [])).rejects.toMatchObject({ code: 'conflict' });
  });
}
