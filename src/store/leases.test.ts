// The contract of leases on SQLite, and their clock and fence, which a test can set there.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Clock } from '../clock/clock.ts';
import { leaseContract } from './contract/leases.test-support.ts';
import { openStore, type Store } from './index.ts';

let dataDir: string;
let now_ms: number;
const clock: Clock = { now_ms: () => now_ms, wall_ms: () => now_ms, after: () => ({ cancel: () => {} }) };
const open = (): Promise<Store> => openStore({ dataDir, clock });
beforeEach(() => {
  now_ms = Date.UTC(2026, 10, 24);
  dataDir = mkdtempSync(join(tmpdir(), 'thermoloop-leases-'));
});
afterEach(() => rmSync(dataDir, { recursive: true }));

describe('leases on sqlite', () => {
  leaseContract(open);
});

describe('the fence of a lease', () => {
  it('is the time of the acquisition, so that it also grows over a new data directory', async () => {
    const store = await open();
    expect((await store.leases.acquire('chip-0', 'a', 100))?.fence).toBe(now_ms);
    now_ms += 5;
    expect((await store.leases.acquire('chip-0', 'a', 100))?.fence).toBe(now_ms);
    await store.close();
  });

  it('grows by one when the clock was set back', async () => {
    const store = await open();
    const before = await store.leases.acquire('chip-0', 'a', 100);
    now_ms -= 60_000;
    expect((await store.leases.acquire('chip-0', 'a', 100))?.fence).toBe(Number(before?.fence) + 1);
    await store.close();
  });

  it('is for a term of the store clock', async () => {
    const store = await open();
    await store.leases.acquire('chip-0', 'a', 100);
    now_ms += 99;
    expect(await store.leases.acquire('chip-0', 'b', 100)).toBeNull();
    now_ms += 1;
    expect(await store.leases.acquire('chip-0', 'b', 100)).toMatchObject({ leaseUntil_ms: now_ms + 100 });
    await store.close();
  });
});
