// What people want of devices: kept over restarts, obeyed on the host that drives the device, and never guessed.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock, sleep } from '../../clock/clock.ts';
import type { StopReport } from '../../device/index.ts';
import { openStore, type Store } from '../../store/index.ts';
import { DeviceControls, type ControlledDevice } from './controls.ts';
import { useHold } from './holds.ts';
import { allowedStates, controlOf, untouched } from './state.ts';

const ME = { keyId: 'me' };

class FakeChip implements ControlledDevice {
  readonly id = 'chip-0';
  readonly calls: string[] = [];
  isStopped = false;
  isAway = false;
  report: StopReport = { confirmed: true, endedOperation: false, duration_s: 0.001, reason: null };
  async stop(): Promise<StopReport> {
    this.calls.push('stop');
    this.isStopped = true;
    return this.report;
  }
  resume(): void {
    this.calls.push('resume');
    this.isStopped = false;
  }
  async takeOffline(): Promise<void> {
    this.isAway = true;
  }
  bringOnline(): void {
    this.isAway = false;
  }
}

const away: StopReport = {
  confirmed: false,
  endedOperation: false,
  duration_s: 0,
  reason: { code: 'no-lease', message: 'another host drives it', remedy: 'None.' },
};

let dataDir: string;
let store: Store;
let chip: FakeChip;
let all: DeviceControls[];
beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'thermoloop-controls-'));
  store = await openStore({ dataDir, clock: systemClock });
  chip = new FakeChip();
  all = [];
});
afterEach(async () => {
  for (const controls of all) controls.close();
  await store.close();
  rmSync(dataDir, { recursive: true });
});

/** One host; with `heard` it is told what others commit. */
async function controlsOf(device: ControlledDevice, host = 'a', heard?: Set<(c: never) => void>) {
  const controls = new DeviceControls({
    store,
    clock: systemClock,
    host,
    ...(heard !== undefined && {
      hearChanges: (callback) => {
        heard.add(callback);
        return () => void heard.delete(callback);
      },
    }),
  });
  all.push(controls);
  await controls.add(device);
  await controls.start();
  return controls;
}
const tell = (heard: Set<(c: never) => void>): void =>
  heard.forEach((callback) => callback({ table: 'device', id: 'chip-0' } as never));

describe('a safe stop', () => {
  it('aborts work and tells the device before it is written, and answers what the device confirmed', async () => {
    const controls = await controlsOf(chip);
    const order: string[] = [];
    controls.onStop(() => order.push('work'));
    controls.onChange(() => order.push('written'));
    const stopping = controls.safeStop('chip-0', { ...ME, reason: 'smoke' });
    expect([...order, ...chip.calls]).toEqual(['work', 'stop']);
    const state = await stopping;
    expect(state.safeStop).toMatchObject({
      keyId: 'me',
      reason: 'smoke',
      presses: 1,
      confirmation: { confirmed: true, duration_s: 0.001 },
    });
    expect(order).toEqual(['work', 'written', 'written']);
    expect(controls.holdFor('chip-0', 'me')).toMatchObject({ reason: 'device-stopped' });
    expect(controls.holdFor('chip-0', 'me')?.detail).toContain('smoke');
  });

  it('pressed again tells the device again, and stays whose it was', async () => {
    const controls = await controlsOf(chip);
    const first = await controls.safeStop('chip-0', { ...ME, reason: null });
    const second = await controls.safeStop('chip-0', { keyId: 'you', reason: 'again' });
    expect(chip.calls).toEqual(['stop', 'stop']);
    expect(second.safeStop).toMatchObject({
      keyId: 'me',
      reason: 'again',
      presses: 2,
      at_ms: first.safeStop?.at_ms,
    });
  });

  it('survives a restart: the device is told before anything else, until somebody resumes it', async () => {
    await (await controlsOf(chip)).safeStop('chip-0', { ...ME, reason: null });
    const restarted = new FakeChip();
    const controls = await controlsOf(restarted);
    expect(restarted.calls).toEqual(['stop']);
    expect(controls.holdFor('chip-0', 'me')).toMatchObject({ reason: 'device-stopped' });
    await controls.resume('chip-0', ME);
    expect(restarted.calls).toEqual(['stop', 'resume']);
    expect(controls.holdFor('chip-0', 'me')).toBeNull();
    await expect(controls.resume('chip-0', ME)).rejects.toMatchObject({ code: 'state-conflict' });
    const third = new FakeChip();
    await controlsOf(third);
    expect(third.calls).toEqual([]);
  });

  it('that cannot be kept is refused, and the device is stopped all the same and stays so', async () => {
    const heard = new Set<(c: never) => void>();
    const controls = await controlsOf(chip, 'a', heard);
    const full = Object.assign(new Error('no room'), { code: 'storage-full' });
    const stopping = controls.safeStop('chip-0', {
      ...ME,
      reason: null,
      alongside: () => Promise.reject(full),
    });
    await expect(stopping).rejects.toBe(full);
    expect(chip.isStopped).toBe(true);
    tell(heard);
    await sleep(systemClock, 20);
    expect(chip.calls).toEqual(['stop']);
  });

  it('reaches the device on the host that drives it, whose word is the answer', async () => {
    const heard = new Set<(c: never) => void>();
    await store.leases.acquire('chip-0', 'b', 60_000);
    const without = new FakeChip();
    without.report = away;
    const here = await controlsOf(without, 'a');
    const there = await controlsOf(chip, 'b', heard);
    here.onChange(() => tell(heard));
    const stopped: string[] = [];
    there.onStop((device) => stopped.push(device));
    const state = await here.safeStop('chip-0', { ...ME, reason: null });
    expect(state.safeStop?.confirmation).toMatchObject({ confirmed: true });
    expect(stopped).toEqual(['chip-0']);
    expect(chip.isStopped).toBe(true);
    await here.resume('chip-0', ME);
    await sleep(systemClock, 20);
    expect(chip.isStopped).toBe(false);
  });

  it('says so when nobody has confirmed it', async () => {
    chip.report = away;
    const controls = await controlsOf(chip);
    const state = await controls.safeStop('chip-0', { ...ME, reason: null });
    expect(state.safeStop?.confirmation).toMatchObject({ confirmed: false, reason: { code: 'no-lease' } });
  });
});

describe('the state of a device', () => {
  const set = (
    controls: DeviceControls,
    desired: 'ready' | 'maintenance' | 'offline',
    expected: number | null,
  ) => controls.setState('chip-0', desired, { ...ME, expected });

  it('goes where it is wanted, over a restart too', async () => {
    const controls = await controlsOf(chip);
    expect(await set(controls, 'maintenance', 0)).toMatchObject({ desired: 'maintenance', revision: 1 });
    expect(controls.holdFor('chip-0', null)).toMatchObject({ reason: 'maintenance' });
    expect(await set(controls, 'offline', 1)).toMatchObject({ desired: 'offline' });
    expect(chip.isAway).toBe(true);
    expect(controls.holdFor('chip-0', null)).toMatchObject({ reason: 'device-offline' });
    const restarted = new FakeChip();
    await controlsOf(restarted);
    expect(restarted.isAway).toBe(true);
    await set(controls, 'ready', null);
    expect(chip.isAway).toBe(false);
    expect(controls.holdFor('chip-0', null)).toBeNull();
  });

  it('is changed by one of two who saw the same', async () => {
    const controls = await controlsOf(chip);
    await set(controls, 'maintenance', 0);
    await expect(set(controls, 'offline', 0)).rejects.toMatchObject({ code: 'stale-revision' });
  });

  it('is not ready by the way after a stop, and not offline under running work', async () => {
    const controls = await controlsOf(chip);
    await set(controls, 'maintenance', null);
    await controls.safeStop('chip-0', { ...ME, reason: null });
    await expect(set(controls, 'ready', null)).rejects.toMatchObject({
      code: 'state-conflict',
      errors: [{ pointer: '/desired', allowed: ['maintenance', 'offline'] }],
    });
    const calibration = await store.calibrations.add({ kind: 'k', device: 'chip-0', options: {} });
    await store.calibrations.transition(calibration.id, 'queued', 'running');
    await expect(set(controls, 'offline', null)).rejects.toMatchObject({
      code: 'state-conflict',
      errors: [{ allowed: ['maintenance'] }],
    });
    expect(await controls.allowed('chip-0')).toEqual(['maintenance']);
  });

  it('bears with the facts that the holder writes into the same row', async () => {
    const controls = await controlsOf(chip);
    await store.devices.declare('chip-0', null);
    const setControl = store.devices.setControl.bind(store.devices);
    expect(setControl).toBeTypeOf('function');
    await Promise.all([
      set(controls, 'maintenance', null),
      store.devices.setFacts('chip-0', { a: 1 }),
      controls.safeStop('chip-0', { ...ME, reason: null }),
      store.devices.setFacts('chip-0', { a: 2 }),
    ]);
    expect((await store.devices.find('chip-0'))?.facts).toEqual({ a: 2 });
    expect(controls.of('chip-0').state).toMatchObject({ desired: 'maintenance', safeStop: { presses: 1 } });
  });

  it('that cannot be read counts as stopped', () => {
    expect(controlOf(null)).toBe(untouched);
    for (const column of [{}, { revision: 'x' }, { revision: 1, desired: 'flying', safeStop: null }])
      expect(useHold({ state: controlOf(column as never), lease: null }, null, 0)?.reason).toBe(
        'device-stopped',
      );
  });

  it('may always stay what it is', () => {
    for (const desired of ['ready', 'maintenance', 'offline'] as const)
      expect(allowedStates({ ...untouched, desired }, true)).toContain(desired);
  });
});

describe('a lease', () => {
  const take = (controls: DeviceControls, keyId: string, ttl_ms: number) =>
    controls.lease('chip-0', async (tx) => {
      const lease = await tx.useLeases.take({ device: 'chip-0', keyId, ttl_ms, purpose: null });
      if (lease === null) throw new Error('held');
      return lease;
    });

  it('holds the work of others until it ends, and says until when', async () => {
    const controls = await controlsOf(chip);
    const lease = await take(controls, 'me', 60_000);
    expect(controls.holdFor('chip-0', 'me')).toBeNull();
    for (const other of ['you', null])
      expect(controls.holdFor('chip-0', other)).toMatchObject({
        reason: 'lease',
        until_ms: lease.expiresAt_ms,
      });
    expect(controls.holdFor('chip-1', 'you')).toBeNull();
    expect((await controlsOf(new FakeChip())).of('chip-0').lease?.id).toBe(lease.id);
  });

  it('ends by itself, with one entry in the audit however many hosts look', async () => {
    const controls = await controlsOf(chip);
    const other = await controlsOf(new FakeChip(), 'b');
    const ended = Promise.withResolvers<void>();
    const lease = await take(controls, 'me', 30);
    controls.onChange(() => controls.of('chip-0').lease === null && ended.resolve());
    await ended.promise;
    await other.start();
    expect(controls.holdFor('chip-0', 'you')).toBeNull();
    const audit = await store.audit.list({ action: 'lease.expire' });
    expect(audit).toMatchObject([{ target: lease.id, keyId: 'me', detail: { device: 'chip-0' } }]);
    expect((await store.useLeases.find(lease.id))?.endedBy).toBe('expired');
  });
});
