// The limit counts what nobody asked for, on one device, in one day.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { VirtualClock } from '../../../test/support/virtual-clock.ts';
import { openStore, type Store } from '../../store/index.ts';
import { isAtDailyLimit } from './daily-limit.ts';

const HOUR_MS = 3600 * 1000;
let dataDir: string;
let clock: VirtualClock;
let store: Store;

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'thermoloop-limit-'));
  clock = new VirtualClock();
  store = await openStore({ dataDir, clock });
});
afterEach(async () => {
  await store.close();
  rmSync(dataDir, { recursive: true, force: true });
});

const calibrated = (device: string, keyId: string | null = null): Promise<unknown> =>
  store.transaction((tx) => tx.calibrations.add({ kind: 'coupling-map', device, options: {}, keyId }));
const atLimit = (limit: number): Promise<boolean> => isAtDailyLimit(store, 'twin-0', clock.wall_ms(), limit);

it('is reached by those that nobody asked for, on this device', async () => {
  expect(await atLimit(0)).toBe(true);
  expect(await atLimit(1)).toBe(false);
  await calibrated('twin-1');
  await calibrated('twin-0', 'somebody');
  expect(await atLimit(1)).toBe(false);
  await calibrated('twin-0');
  expect(await atLimit(1)).toBe(true);
  expect(await atLimit(2)).toBe(false);
});

it('forgets after a day, and looks past a page', async () => {
  await calibrated('twin-0');
  await clock.pass(12 * HOUR_MS);
  for (let k = 0; k < 120; k++) await calibrated('twin-0', 'somebody');
  await calibrated('twin-0');
  expect(await atLimit(2)).toBe(true);
  expect(await atLimit(3)).toBe(false);
  await clock.pass(12 * HOUR_MS + 1);
  expect(await atLimit(1)).toBe(true);
  expect(await atLimit(2)).toBe(false);
  await clock.pass(12 * HOUR_MS);
  expect(await atLimit(1)).toBe(false);
});
