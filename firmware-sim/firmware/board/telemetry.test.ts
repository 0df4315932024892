// Telemetry on the wire: at the rate that was asked for, on the board's own clock, and with sums that add up.
import { describe, expect, it } from 'vitest';
import { Code, Detail, TelemetryChannel } from '../../../src/link/messages/index.ts';
import type { Envelope, SubscribeTelemetry, Telemetry } from '../../../src/link/messages/index.ts';
import { VirtualClock } from '../../../test/support/virtual-clock.ts';
import { defaultThermal, ThermalModel } from '../../chip/thermal/index.ts';
import type { ThermalParameters } from '../../chip/thermal/index.ts';
import {
  boardWithProgram,
  bootBoard,
  buildImage,
  fakeCode,
  sha256,
  startRun,
  TestHost,
  UNITS,
} from '../board.test-support.ts';
import { TELEMETRY_MASK } from './telemetry.ts';

const sensing = (changes: Partial<ThermalParameters> = {}) => ({
  thermal: new ThermalModel({ ...defaultThermal, ...changes }),
});
const subscribe = (host: TestHost, value: Partial<SubscribeTelemetry> = {}): Envelope | undefined =>
  host.request({ type: 'subscribeTelemetry', value: { periodMs: 100, mask: TELEMETRY_MASK, ...value } });
const times_ms = (host: TestHost): number[] =>
  host.eventsOf('telemetry').map(({ atUs }) => Number(atUs) / 1000);
const valueOf = ({ mask, value }: Telemetry, channel: TelemetryChannel): number => {
  const below = Array.from({ length: channel }, (_, bit) => (mask >>> bit) & 1);
  return value[below.reduce((sum, bit) => sum + bit, 0)];
};

function sessionOf(changes: Parameters<typeof bootBoard>[0] = sensing()) {
  const board = bootBoard(changes);
  const host = new TestHost(board.controller);
  host.hello();
  return { ...board, host };
}

describe('a subscription', () => {
  it('gives a reading at once and then at every multiple of its period', () => {
    const { host, clock } = sessionOf();
    clock.advance(3);
    expect(subscribe(host)?.status?.code).toBe(Code.OK);
    clock.advance(1000);
    expect(times_ms(host)).toEqual(Array.from({ length: 11 }, (_, k) => 3 + 100 * k));
  });

  it.each([10, 250, 60_000])('keeps a period of %d ms', (periodMs) => {
    const { host, clock } = sessionOf();
    subscribe(host, { periodMs });
    clock.advance(20 * periodMs);
    expect(times_ms(host)).toEqual(Array.from({ length: 21 }, (_, k) => k * periodMs));
  });

  it('carries the channels that were asked for, ascending', () => {
    const { host } = sessionOf();
    const mask = (1 << TelemetryChannel.IO_CURRENT_A) | (1 << TelemetryChannel.DIE_TEMPERATURE_C);
    subscribe(host, { mask });
    const [{ value, mask: said }] = host.eventsOf('telemetry');
    expect(said).toBe(mask);
    // Settled at 0.7 W behind 4 + 3 degrees per watt; 0.3 W behind 3.3 V and 0.1 ohm.
    expect(value[0]).toBeCloseTo(25 + 0.7 * 7, 9);
    expect(value[1] * (3.3 - 0.1 * value[1])).toBeCloseTo(0.3, 9);
    expect(value).toHaveLength(2);
  });

  it('is replaced by the next one, and ended by mask 0', () => {
    const { host, clock } = sessionOf();
    subscribe(host);
    subscribe(host, { periodMs: 300 });
    clock.advance(600);
    expect(times_ms(host)).toEqual([0, 0, 300, 600]);
    expect(subscribe(host, { mask: 0, periodMs: 0 })?.status?.code).toBe(Code.OK);
    clock.advance(1000);
    expect(times_ms(host)).toHaveLength(4);
  });

  it('belongs to the session: hello, a lost line and a reset end it', () => {
    for (const end of ['hello', 'detach', 'reset'] as const) {
      const { host, clock, controller } = sessionOf();
      subscribe(host);
      if (end === 'hello') host.hello({ hostNonce: 12 });
      if (end === 'detach') host.attachment.detach();
      if (end === 'reset') {
        const status = host.request({ type: 'getStatus', value: {} })?.body;
        const bootId = status?.type === 'deviceStatus' ? status.value.bootId : 0n;
        host.request({ type: 'reset', value: { bootId, hard: false } });
      }
      clock.advance(1000);
      expect(times_ms(host), end).toHaveLength(1);
      controller.close();
    }
  });

  it('drops readings when the line is full, and never queues them', () => {
    const { host, clock } = sessionOf();
    subscribe(host);
    host.takes = false;
    clock.advance(1000);
    const stuck = times_ms(host).length;
    host.takes = true;
    host.attachment.drained();
    expect(times_ms(host).length - stuck).toBeLessThanOrEqual(1);
    clock.advance(200);
    expect(times_ms(host).slice(-2)).toEqual([1100, 1200]);
  });
});

describe('what is refused', () => {
  it.each([
    ['an unknown channel', { mask: TELEMETRY_MASK | (1 << 30) }],
    ['bit 0, which is no channel', { mask: 1 }],
    ['a period too short', { periodMs: 9 }],
    ['a period too long', { periodMs: 60_001 }],
    ['no period', { periodMs: 0 }],
  ])('%s, with a status by name, and the subscription stays as it was', (_what, change) => {
    const { host, clock } = sessionOf();
    subscribe(host);
    const answer = subscribe(host, change);
    expect(answer?.status).toMatchObject({ code: Code.OUT_OF_RANGE, detail: Detail.UNSPECIFIED });
    expect(answer?.status?.message).toMatch(/lies outside 10 to 60000 ms|names channels beyond/);
    clock.advance(200);
    expect(times_ms(host)).toEqual([0, 100, 200]);
  });

  it('everything, on a board without sensors', () => {
    const { host, clock } = sessionOf({});
    expect(subscribe(host)?.status).toMatchObject({
      code: Code.UNIMPLEMENTED,
      message: 'this device has no sensors',
    });
    clock.advance(1000);
    expect(times_ms(host)).toEqual([]);
  });
});

describe('sums', () => {
  it('of energy are power times time, by phase: programming, relaxing, reading, idling', async () => {
    const clock = new VirtualClock();
    // Converters slow enough to be seen: 1 us per sample.
    const { host, image } = boardWithProgram({ ...sensing({ conversion_s: 1e-7 }), clock });
    const samples = 640;
    host.request({ type: 'startRun', value: startRun(sha256(image), { samples }) });
    await clock.pass(1000);
    subscribe(host);
    const reading = host.eventsOf('telemetry')[0];
    const energy = (channel: TelemetryChannel): number => valueOf(reading, channel);
    const relax_s = samples * 5e-6;
    const read_s = samples * 2 * UNITS * 1e-7;
    // Chunks count as programming until 50 ms after the last one; the batches came within that time, and took over.
    const program_s = 0.05 - relax_s - read_s;
    // The clock counts microseconds and rounds up: each of ten batches may last one longer, at 3.5 W at most.
    const rounding_J = 10 * 1e-6 * 3.5;
    const close = (channel: TelemetryChannel, exact_J: number): void =>
      expect(Math.abs(energy(channel) - exact_J), `channel ${channel}`).toBeLessThan(rounding_J);
    close(TelemetryChannel.RELAX_ENERGY_J, 2.6 * relax_s);
    close(TelemetryChannel.READ_ENERGY_J, 3.5 * read_s);
    close(TelemetryChannel.PROGRAM_ENERGY_J, 1.4 * program_s);
    close(TelemetryChannel.IDLE_ENERGY_J, 0.7 * 0.95);
    expect(energy(TelemetryChannel.READINGS)).toBe(samples * 2 * UNITS);
  });

  it('of readings at an end of the converter are counted as they were delivered', async () => {
    const clock = new VirtualClock();
    const { host, image } = boardWithProgram({ ...sensing(), clock });
    const samples = 600;
    host.request({ type: 'startRun', value: startRun(sha256(image), { samples }) });
    await clock.pass(50);
    let saturated = 0;
    for (let k = 0; k < samples * 2 * UNITS; k++) {
      const [sample, read] = [Math.floor(k / (2 * UNITS)), Math.floor(k / UNITS) % 2];
      if (Math.abs(fakeCode(5n, sample, read, k % UNITS)) === 2047) saturated += 1;
    }
    subscribe(host, { mask: 1 << TelemetryChannel.SATURATED_READINGS });
    expect(saturated).toBeGreaterThan(0);
    expect(host.eventsOf('telemetry')[0].value).toEqual([saturated]);
  });

  it('go on through a reset of the firmware', () => {
    const { host, clock } = sessionOf();
    clock.advance(10_000);
    const bootId = host.hello({ hostNonce: 5 })?.bootId ?? 0n;
    host.request({ type: 'reset', value: { bootId, hard: false } });
    host.hello({ hostNonce: 6 });
    subscribe(host, { mask: 1 << TelemetryChannel.IDLE_ENERGY_J });
    const [{ value, atUs }] = host.eventsOf('telemetry');
    expect(value[0]).toBeCloseTo(7, 9);
    expect(atUs).toBe(0n);
  });
});

it('images of several boards do not share a model', () => {
  // Programming on one board must not heat another: each controller has its own.
  const busy = sessionOf();
  const idle = sessionOf();
  busy.host.load(buildImage());
  busy.clock.advance(20);
  idle.clock.advance(20);
  for (const { host } of [busy, idle]) subscribe(host, { mask: 1 << TelemetryChannel.PROGRAM_ENERGY_J });
  expect(busy.host.eventsOf('telemetry')[0].value[0]).toBeCloseTo(1.4 * 0.02, 9);
  expect(idle.host.eventsOf('telemetry')[0].value[0]).toBe(0);
});
