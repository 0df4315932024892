// The safe stop, and a device that is taken offline: with links without bytes, and with the real twin in memory.
import { afterEach, describe, expect, it } from 'vitest';
import { plainProgram } from '../../test/support/device-facts.ts';
import { FakeLink } from '../../test/support/fake-link.ts';
import { startMemoryTwin, type MemoryTwin } from '../../test/support/memory-twin.ts';
import { seededRandom32 } from '../../test/support/seeded-random.ts';
import { VirtualClock } from '../../test/support/virtual-clock.ts';
import { systemClock } from '../clock/clock.ts';
import type { Port } from '../transports/port.ts';
import { Device } from './device.ts';
import { STOP_LIMIT_MS } from './safe-stop.ts';
import type { RelaxRequest } from './types.ts';

const request = (changes: Partial<RelaxRequest> = {}): RelaxRequest => ({
  program: plainProgram(6),
  samples: 4,
  duration_s: 1e-6,
  readAt_s: [1e-6],
  recordSwitchOn: true,
  noiseTemperature_ratio: 1,
  ...changes,
});
const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'succeeded',
    (error: { code: string }) => error.code,
  );
const why = { code: 'taken-offline', message: 'for repair', remedy: 'Wait.' };

async function ready(...links: FakeLink[]) {
  const clock = new VirtualClock();
  let connects = 0;
  const device = new Device(
    {
      id: 'd0',
      url: 'tcp://127.0.0.1:1',
      openPort: () => ({ label: 'fake' }) as Port,
      clock,
      random32: seededRandom32(1),
      hostVersion: 'test',
    },
    async () => links[Math.min(connects++, links.length - 1)],
  );
  device.start();
  await clock.settle(device.whenReady(1000));
  return { device, clock, connects: () => connects };
}

describe('a safe stop', () => {
  it('is confirmed by a device that runs nothing, and refuses operations until it is resumed', async () => {
    const link = new FakeLink();
    const { device, clock } = await ready(link);
    const { revision } = device;
    expect(await clock.settle(device.stop())).toEqual({
      confirmed: true,
      endedOperation: false,
      duration_s: 0,
      reason: null,
    });
    expect(link.calls).toEqual(['stop']);
    expect(device.isStopped).toBe(true);
    expect(device.revision).toBe(revision + 1);
    expect(await codeOf(device.relax(request()))).toBe('device-stopped');
    expect(await clock.settle(device.stop())).toMatchObject({ confirmed: true });
    device.resume();
    device.resume();
    expect(device.revision).toBe(revision + 2);
    link.recordBytes = 18;
    expect(await codeOf(clock.settle(device.relax(request())))).toBe('succeeded');
  });

  it('ends what runs as device-stopped, and sends the stop before anything else', async () => {
    const link = new FakeLink();
    link.holdRuns = true;
    const { device, clock } = await ready(link);
    const run = codeOf(device.relax(request()));
    await clock.pass(10);
    expect(await clock.settle(device.stop())).toMatchObject({ confirmed: true, endedOperation: true });
    expect(await run).toBe('device-stopped');
    expect(link.calls.filter((call) => call === 'stop').length).toBeGreaterThanOrEqual(1);
    expect(device.state).toBe('ready');
  });

  it('tells a device that still runs again, and does not claim what it has not heard', async () => {
    const link = new FakeLink();
    const { device, clock } = await ready(link);
    link.deviceState = 2; // RUNNING
    const stopping = device.stop();
    await clock.pass(STOP_LIMIT_MS + 1);
    const report = await stopping;
    expect(report).toMatchObject({ confirmed: false, reason: { code: 'link-timeout' } });
    expect(report.reason?.remedy).toContain('power');
    expect(link.calls.length).toBeGreaterThan(3);
  });

  it('holds over a reconnect, and says that a device that is away has not confirmed', async () => {
    const first = new FakeLink();
    const { device, clock } = await ready(first, new FakeLink());
    first.lose();
    expect(await device.stop()).toMatchObject({ confirmed: false, reason: { code: 'link-lost' } });
    await clock.settle(device.whenReady(5_000));
    expect(await codeOf(device.relax(request()))).toBe('device-stopped');
    expect(await clock.settle(device.stop())).toMatchObject({ confirmed: true });
  });

  it('says so when the link breaks while it is told', async () => {
    const link = new FakeLink();
    const { device } = await ready(link);
    link.stop = () => Promise.reject(new Error('the cable was pulled'));
    expect(await device.stop()).toMatchObject({
      confirmed: false,
      reason: { code: 'link-lost', message: 'the cable was pulled' },
    });
  });
});

describe('a device that is taken offline', () => {
  it('gives up its link, stays away over time, and comes back when the last one lets go', async () => {
    const link = new FakeLink();
    const { device, clock, connects } = await ready(link, new FakeLink());
    await clock.settle(device.takeOffline('operator', why));
    expect(link.isClosed).toBe(true);
    expect(device).toMatchObject({ state: 'offline', reason: why });
    await clock.pass(60_000);
    expect(connects()).toBe(1);
    const lease = { ...why, code: 'no-lease' };
    await clock.settle(device.takeOffline('lease', lease));
    expect(device.reason).toEqual(lease);
    device.bringOnline('lease');
    expect(device.reason).toEqual(why);
    await clock.pass(60_000);
    expect(connects()).toBe(1);
    device.bringOnline('somebody else');
    device.bringOnline('operator');
    await clock.settle(device.whenReady(5_000));
    expect(connects()).toBe(2);
  });

  it('ends what runs, and does not start before it may', async () => {
    const link = new FakeLink();
    link.holdRuns = true;
    const { device, clock } = await ready(link);
    const run = codeOf(device.relax(request()));
    await clock.pass(10);
    await clock.settle(device.takeOffline('operator', why));
    expect(await run).toBe('cancelled');
    expect(device.state).toBe('offline');

    const idle = new Device({
      id: 'd1',
      url: 'tcp://127.0.0.1:1',
      openPort: () => expect.fail('it was opened'),
      clock,
      random32: seededRandom32(2),
      hostVersion: 'test',
    });
    await idle.takeOffline('operator', why);
    idle.start();
    expect(idle).toMatchObject({ state: 'offline', reason: why });
    await idle.close();
    idle.bringOnline('operator');
    expect(idle.state).toBe('closed');
  });
});

describe('the real twin', () => {
  let twin: MemoryTwin | null = null;
  let device: Device | null = null;
  afterEach(async () => {
    await device?.close();
    await twin?.close();
  });

  it('is stopped while it runs, confirms it, and runs again once it is resumed', async () => {
    twin = await startMemoryTwin({ units: 6 });
    const port = twin.openPort.bind(twin);
    device = new Device({
      id: 'd',
      url: 'tcp://127.0.0.1:1',
      openPort: port,
      clock: systemClock,
      random32: seededRandom32(3),
      hostVersion: 'test',
    });
    device.start();
    await device.whenReady(10_000);
    const running = Promise.withResolvers<void>();
    const long = request({ samples: 1_000_000, duration_s: 1e-4, readAt_s: [1e-4], prepare_s: 1e-4 });
    const run = codeOf(
      device.relax(
        { ...long, samples: device.capabilities?.samplesMax ?? 1 },
        { onProgress: ({ phase }) => phase === 'reading' && running.resolve() },
      ),
    );
    await running.promise;
    expect(await device.stop()).toMatchObject({ confirmed: true, endedOperation: true, reason: null });
    expect(await run).toBe('device-stopped');
    expect(await codeOf(device.hold({ ...request() }))).toBe('device-stopped');
    device.resume();
    expect(await codeOf(device.relax(request()))).toBe('succeeded');
  });
});
