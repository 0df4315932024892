// A device under a lease, with the real twin in memory: the fence of each connect, the end of the lease, and another's facts.
import { afterEach, describe, expect, it } from 'vitest';
import { startMemoryTwin, type MemoryTwin } from '../../test/support/memory-twin.ts';
import { seededRandom32 } from '../../test/support/seeded-random.ts';
import { systemClock } from '../clock/clock.ts';
import { SharedDevice, type DeviceFacts } from './shared-device.ts';
import type { DriveLease } from './types.ts';

let ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.reverse()) await end();
  ends = [];
});

async function twin(): Promise<MemoryTwin> {
  const made = await startMemoryTwin({ units: 8 });
  ends.push(() => made.close());
  return made;
}

function deviceOf(on: MemoryTwin, lease: DriveLease, seed = 1): SharedDevice {
  const device = new SharedDevice({
    id: 'd0',
    url: 'tcp://127.0.0.1:1',
    openPort: () => on.openPort(),
    clock: systemClock,
    random32: seededRandom32(seed),
    hostVersion: 'test',
    lease,
  });
  ends.push(() => device.close());
  return device;
}
const settled = (device: SharedDevice): Promise<void> =>
  new Promise((resolve) => {
    const look = (): void => {
      if (device.state !== 'connecting') resolve();
    };
    device.onChange(look);
    look();
  });
const away = { code: 'not-leased', message: 'another host has it', remedy: 'Wait.' };

describe('a device under a lease', () => {
  it('says its fence at every connect, and the chip refuses whoever is below the highest', async () => {
    const on = await twin();
    const first = deviceOf(on, { fence: 7, mayWrite: () => true });
    first.start();
    await first.whenReady(5000);
    await first.takeOffline('test', away);
    const stale = deviceOf(on, { fence: 6, mayWrite: () => true }, 2);
    stale.start();
    await settled(stale);
    expect([stale.state, stale.reason?.code]).toEqual(['refused', 'fence-stale']);
    first.bringOnline('test');
    await first.whenReady(5000);
  });

  it('writes nothing more when the lease is over, and the link is gone with that', async () => {
    const on = await twin();
    let may = true;
    const device = deviceOf(on, { fence: 1, mayWrite: () => may });
    device.start();
    await device.whenReady(5000);
    may = false;
    await expect(device.clearFault('over-temperature')).rejects.toMatchObject({ code: 'link-lost' });
    await settled(device);
    expect(device.state).not.toBe('ready');
  });

  it('does not connect without a lease', async () => {
    const device = deviceOf(await twin(), { fence: null, mayWrite: () => false });
    device.start();
    await settled(device);
    expect([device.state, device.identity]).toEqual(['offline', null]);
  });

  it('shows what its driver says while another host drives it, and itself afterwards', async () => {
    const on = await twin();
    const device = deviceOf(on, { fence: 1, mayWrite: () => true });
    const facts: DeviceFacts = {
      ...device.facts(),
      state: 'running',
      reason: null,
      backend: 'chip',
      faultsActive: true,
    };
    let changes = 0;
    device.onChange(() => void changes++);
    const { revision } = device;
    device.follow(facts);
    device.follow(structuredClone(facts));
    expect([device.state, device.backend, device.faultsActive]).toEqual(['running', 'chip', true]);
    expect([changes, device.revision]).toEqual([1, revision + 1]);
    device.follow(null);
    device.start();
    await device.whenReady(5000);
    expect([device.state, device.backend, device.reason]).toEqual(['ready', 'twin', null]);
  });
});
