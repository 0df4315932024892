// A stop that is pressed on one host and carried out on another, over one PostgreSQL.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { startPostgres } from '../../../test/support/postgres.ts';
import { systemClock } from '../../clock/clock.ts';
import type { StopReport } from '../../device/index.ts';
import { openStore } from '../../store/index.ts';
import { DeviceControls, type ControlledDevice } from './controls.ts';

const postgres = await startPostgres({ fsync: false });
const ends: (() => unknown)[] = [];
afterAll(async () => {
  for (const end of ends.reverse()) await end();
  await postgres?.stop();
});

/** A device as a host sees it that has the link to it, or has not. */
function deviceOf(hasLink: boolean): ControlledDevice & { stops: number; isAway: boolean } {
  return {
    id: 'chip-0',
    stops: 0,
    isAway: false,
    stop(): Promise<StopReport> {
      this.stops += 1;
      const reason = { code: 'no-lease', message: 'another host drives it', remedy: 'None.' };
      const report = { confirmed: hasLink, endedOperation: false, duration_s: 0.002 };
      return Promise.resolve({ ...report, reason: hasLink ? null : reason });
    },
    resume(): void {
      this.stops = 0;
    },
    takeOffline(): Promise<void> {
      this.isAway = true;
      return Promise.resolve();
    },
    bringOnline(): void {
      this.isAway = false;
    },
  };
}

async function host(database: string, name: string, device: ControlledDevice) {
  const dataDir = mkdtempSync(join(tmpdir(), `thermoloop-host-${name}-`));
  const store = await openStore({ dataDir, clock: systemClock, database, blobs: 'database' });
  const controls = new DeviceControls({
    store,
    clock: systemClock,
    host: name,
    hearChanges: (callback) => store.onChange(callback),
    pollEvery_ms: 500,
  });
  ends.push(() => {
    controls.close();
    return store.close().then(() => rmSync(dataDir, { recursive: true }));
  });
  await controls.add(device);
  await controls.start();
  return { store, controls };
}

if (postgres === null) describe('a stop over two hosts', () => it.skip('PostgreSQL is not installed'));
else
  describe('a stop over two hosts', () => {
    it('reaches the host that drives the device, whose word is the answer; so do resume, offline and leases', async () => {
      const database = await postgres.create();
      const [near, far] = [deviceOf(false), deviceOf(true)];
      const a = await host(database, 'a', near);
      const b = await host(database, 'b', far);
      await b.store.leases.acquire('chip-0', 'b', 60_000);
      const me = { keyId: 'me' };
      const state = await a.controls.safeStop('chip-0', { ...me, reason: 'smoke' });
      expect(state.safeStop?.confirmation).toMatchObject({ confirmed: true, duration_s: 0.002 });
      expect([near.stops, far.stops]).toEqual([1, 1]);
      expect(b.controls.holdFor('chip-0', 'me')).toMatchObject({ reason: 'device-stopped' });
      await a.controls.resume('chip-0', me);
      await vi.waitFor(() => expect(far.stops).toBe(0), 10_000);
      await a.controls.setState('chip-0', 'offline', { ...me, expected: null });
      await vi.waitFor(() => expect(far.isAway).toBe(true), 10_000);
      await a.controls.setState('chip-0', 'ready', { ...me, expected: null });
      await a.controls.lease('chip-0', async (tx) => {
        const lease = await tx.useLeases.take({
          device: 'chip-0',
          keyId: 'me',
          ttl_ms: 60_000,
          purpose: null,
        });
        if (lease === null) throw new Error('it is held');
        return lease;
      });
      await vi.waitFor(() => expect(b.controls.holdFor('chip-0', 'you')?.reason).toBe('lease'), 10_000);
      expect(b.controls.holdFor('chip-0', 'me')).toBeNull();
    });
  });
