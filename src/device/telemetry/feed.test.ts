// Telemetry and faults of a Device on a link without bytes: subscribes in every session, and says when it knows nothing.
import { describe, expect, it } from 'vitest';
import { FakeLink } from '../../../test/support/fake-link.ts';
import { VirtualClock } from '../../../test/support/virtual-clock.ts';
import { seededRandom32 } from '../../../test/support/seeded-random.ts';
import { FaultCode, LinkError, Severity, TelemetryChannel, type Fault } from '../../link/index.ts';
import type { Port } from '../../transports/port.ts';
import { Device, type DeviceOptions } from '../index.ts';

const MASK = (1 << TelemetryChannel.DIE_TEMPERATURE_C) | (1 << TelemetryChannel.READ_ENERGY_J);
const SENSING = {
  telemetryMask: MASK,
  telemetryMsMin: 10,
  telemetryMsMax: 60_000,
  dieDerateC: 80,
  dieTripC: 95,
  dieClearC: 85,
};
function sensing(changes: object = {}): FakeLink {
  const link = new FakeLink();
  link.capable = { ...SENSING, ...changes };
  return link;
}
const reading = (link: FakeLink, ...value: number[]): void =>
  link.emit({ type: 'telemetry', value: { atUs: 5_000_000n, mask: MASK, value } });

async function readyDevice(links: FakeLink[], options: Partial<DeviceOptions> = {}) {
  const clock = new VirtualClock({ origin_ms: 1_800_000_000_000 });
  const lines: string[] = [];
  const device = new Device(
    {
      id: 'd0',
      url: 'tcp://127.0.0.1:1',
      openPort: () => ({ label: 'fake' }) as Port,
      clock,
      random32: seededRandom32(1),
      hostVersion: 'test',
      onLog: (_level, message) => lines.push(message),
      ...options,
    },
    async () => links.shift() ?? new FakeLink(),
  );
  device.start();
  await clock.settle(device.whenReady(1000));
  return { device, clock, lines };
}

describe('telemetry', () => {
  it('is subscribed to with everything the device has, every second unless told otherwise', async () => {
    const link = sensing();
    const { device } = await readyDevice([link]);
    expect(link.calls).toEqual([`subscribeTelemetry 1000 ${MASK.toString(2)}`]);
    expect(device.capabilities?.telemetry).toMatchObject({
      metrics: ['dieTemperature_C', 'readEnergy_J'],
      periodMin_s: 0.01,
      periodMax_s: 60,
    });
    expect(device.capabilities?.dieLimits).toEqual({ derate_C: 80, trip_C: 95, clear_C: 85 });
    for (const [period_ms, expected] of [
      [250, 250],
      [1, 10],
      [1e6, 60_000],
    ]) {
      const other = sensing();
      await readyDevice([other], { telemetryPeriod_ms: period_ms });
      expect(other.calls[0]).toContain(`subscribeTelemetry ${expected} `);
    }
  });

  it('is kept with its time, and grows old', async () => {
    const link = sensing();
    const { device, clock } = await readyDevice([link]);
    expect(device.telemetry.status).toMatchObject({ latest: null, reason: { code: 'no-reading-yet' } });
    reading(link, 41.5, 12);
    await clock.pass(3000);
    expect(device.telemetry.status).toMatchObject({
      latest: { at_ms: 1_800_000_000_000, uptime_s: 5, values: { dieTemperature_C: 41.5, readEnergy_J: 12 } },
      reason: null,
      period_s: 1,
      maxAge_s: 10,
    });
    expect(device.telemetry.status.latest?.age_s).toBeCloseTo(3, 6);
    await clock.pass(8000);
    expect(device.telemetry.status.reason).toMatchObject({
      code: 'stale',
      message: 'the last reading is 11 s old',
    });
    reading(link, NaN, 13);
    expect(device.telemetry.status).toMatchObject({
      latest: { values: { dieTemperature_C: null } },
      reason: null,
      readings: 2,
    });
  });

  it('of a device without sensors is nothing, and it says so', async () => {
    const link = new FakeLink();
    const { device } = await readyDevice([link]);
    expect(link.calls).toEqual([]);
    expect(device.telemetry.status).toMatchObject({
      latest: null,
      reason: { code: 'no-sensors' },
      period_s: null,
    });
    expect(device.capabilities).toMatchObject({ telemetry: null, dieLimits: null });
  });

  it('survives a lost link as old news, and is subscribed to again', async () => {
    const [first, second] = [sensing(), sensing()];
    const { device, clock } = await readyDevice([first, second]);
    reading(first, 50, 1);
    first.lose();
    expect(device.telemetry.status).toMatchObject({
      reason: { code: 'link-down' },
      latest: { values: { dieTemperature_C: 50 } },
    });
    await clock.settle(device.whenReady(1000));
    expect(second.calls).toEqual([`subscribeTelemetry 1000 ${MASK.toString(2)}`]);
    reading(first, 99, 9); // a late word of the old session
    expect(device.telemetry.status.latest?.values.dieTemperature_C).toBe(50);
    reading(second, 51, 2);
    const series = device.telemetry.series({
      from_ms: 1_800_000_000_000,
      to_ms: clock.wall_ms(),
      step_ms: 5000,
      metrics: ['dieTemperature_C'],
    });
    expect(series.values.dieTemperature_C?.at(-1)).toBe(51);
  });

  it('of another device starts over', async () => {
    const first = sensing();
    const other = new FakeLink({ uid: 'bad0' });
    other.capable = SENSING;
    const { device, clock } = await readyDevice([first, other]);
    reading(first, 50, 1);
    first.lose();
    await clock.settle(device.whenReady(1000));
    expect(device.telemetry.status).toMatchObject({ latest: null, reason: { code: 'no-reading-yet' } });
  });

  it('is asked for at once, and that is answered by the reading that comes with it, or by nothing', async () => {
    const link = sensing();
    const { device, clock } = await readyDevice([link]);
    reading(link, 40, 1);
    const asked = device.telemetry.readNow();
    await Promise.resolve();
    expect(link.calls).toEqual(Array(2).fill(`subscribeTelemetry 1000 ${MASK.toString(2)}`));
    reading(link, 41, 2);
    expect(await clock.settle(asked)).toMatchObject({ values: { dieTemperature_C: 41, readEnergy_J: 2 } });
    // Nothing comes: the reading of before is not taken for one of now.
    expect(await clock.settle(device.telemetry.readNow())).toBeNull();
    link.nextError = new LinkError('refused', 'no');
    expect(await device.telemetry.readNow()).toBeNull();
    const late = device.telemetry.readNow();
    link.lose();
    expect(await clock.settle(late)).toBeNull();
    expect(await device.telemetry.readNow()).toBeNull();
    const { device: blind } = await readyDevice([new FakeLink()]);
    expect(await blind.telemetry.readNow()).toBeNull();
  });

  it('that is refused is in the log, and nothing else suffers', async () => {
    const link = sensing();
    link.nextError = new LinkError('refused', 'no');
    const { device, lines } = await readyDevice([link]);
    await Promise.resolve();
    expect(lines).toContain('telemetry was not subscribed to');
    expect(device.state).toBe('ready');
  });
});

describe('latched faults', () => {
  const fault: Fault = {
    code: FaultCode.OVER_TEMP,
    severity: Severity.LATCHED,
    unit: 0,
    value: 95.25,
    atUs: 1n,
    latched: true,
  };
  const shown = { name: 'over-temperature', severity: 'latched', value: 95.25 };
  const heartbeat = (faults: number) =>
    ({
      type: 'heartbeat',
      value: { state: 1, activeProgramPrefix: new Uint8Array(0), run: 0, runBytes: 0n, faults },
    }) as const;

  it('are known from the start of a session, and from the event that brings them', async () => {
    const link = sensing();
    link.faults = [fault];
    const { device } = await readyDevice([link]);
    expect(device.faults).toEqual([shown]);
    link.emit({ type: 'fault', value: { ...fault, code: FaultCode.SUPPLY, value: NaN } });
    expect(device.faults).toEqual([{ ...shown, name: 'supply', value: null }, shown]);
  });

  it('change the revision, call back, and stand in the log', async () => {
    const link = sensing();
    const { device, lines } = await readyDevice([link]);
    let calls = 0;
    device.onChange(() => (calls += 1));
    const before = device.revision;
    link.emit({ type: 'fault', value: fault });
    expect([device.revision - before, calls]).toEqual([1, 1]);
    expect(lines).toContain('device fault');
    link.emit(heartbeat(1));
    expect(device.faults).toEqual([shown]);
    link.emit(heartbeat(0));
    expect([device.faults, calls]).toEqual([[], 2]);
  });

  it('are cleared by name, once the device agrees', async () => {
    const link = sensing();
    link.faults = [fault];
    const { device } = await readyDevice([link]);
    link.nextError = new LinkError('refused', 'the die is at 90 C', { detail: 501 });
    await expect(device.clearFault('over-temperature')).rejects.toMatchObject({ code: 'device-too-hot' });
    expect(device.faults).toEqual([shown]);
    await device.clearFault('over-temperature');
    expect(link.calls.slice(1)).toEqual(['clearFault 501', 'clearFault 501']);
    expect(device.faults).toEqual([]);
  });

  it('are not known while the device is away', async () => {
    const link = sensing();
    link.faults = [fault];
    const { device } = await readyDevice([link]);
    link.lose();
    expect(device.faults).toEqual([]);
    await expect(device.clearFault('over-temperature')).rejects.toMatchObject({ code: 'device-offline' });
  });
});
