// Every failure of a sensor, seen in the telemetry of a board; and the firmware's limits, which believe the same sensors.
import { describe, expect, it } from 'vitest';
import { TelemetryChannel } from '../../src/link/messages/index.ts';
import { fakeFaults } from '../../test/support/planted-faults.ts';
import { defaultThermal, ThermalModel, thermalSchema } from '../chip/thermal/index.ts';
import type { ThermalParameters } from '../chip/thermal/index.ts';
import { bootBoard, TestHost } from '../firmware/board.test-support.ts';
import { SENSOR_UNITS } from '../firmware/index.ts';
import { TELEMETRY_MASK } from '../firmware/board/telemetry.ts';
import { SensorFaultEffects } from './index.ts';

/** A board at rest that reports every 100 ms; ambient 25 C unless told. */
function board(thermal: ThermalParameters = defaultThermal) {
  const { registry, clock } = fakeFaults(5, SENSOR_UNITS);
  const sensorFaults = new SensorFaultEffects(registry);
  const { controller } = bootBoard({ clock, thermal: new ThermalModel(thermal), sensorFaults });
  const host = new TestHost(controller);
  host.hello();
  return { registry, clock, host, controller };
}

/** What channel 1, the die, says every 100 ms: `before_ms` without the fault, then `ms` with it. */
function die(fault: object, ms: number, thermal?: ThermalParameters, before_ms = 0): number[] {
  const { registry, clock, host } = board(thermal);
  clock.advance(before_ms);
  registry.inject({ component: 'sensor', target: { sensor: 'dieTemperature_C' }, ...fault });
  const mask = 1 << TelemetryChannel.DIE_TEMPERATURE_C;
  host.request({ type: 'subscribeTelemetry', value: { periodMs: 100, mask } });
  clock.advance(ms);
  return host.eventsOf('telemetry').map(({ value }) => value[0]);
}
const magnitude = (value: number, unit: string): object => ({ magnitude: { value, unit } });
/** 0.7 W behind 4 + 3 degrees per watt. */
const REST_C = 25 + 0.7 * 7;
/** The surroundings swing by 10 C in 2 s, so that the die moves. */
const moving = thermalSchema.parse({
  ambient: { kind: 'daily', mean_C: 25, amplitude_C: 10, period_s: 2 },
  die_J_per_C: 0.01,
  board_J_per_C: 0.02,
});
const healthy = (ms: number, before_ms = 0): number[] =>
  die({ type: 'wrong', ...magnitude(0, 'C') }, ms, moving, before_ms);

describe('a sensor', () => {
  it('off: says nothing, and only it', () => {
    const { registry, host } = board();
    registry.inject({ component: 'sensor', type: 'off', target: { sensor: 'coreCurrent_A' } });
    host.request({ type: 'subscribeTelemetry', value: { periodMs: 100, mask: TELEMETRY_MASK } });
    const [{ value }] = host.eventsOf('telemetry');
    const silent = value.flatMap((v, at) => (Number.isNaN(v) ? [at + 1] : []));
    expect(silent).toEqual([TelemetryChannel.CORE_CURRENT_A]);
  });
  it.each(Object.entries(SENSOR_UNITS))('%s can be stuck, in %s', (sensor, unit) => {
    const { registry, host } = board();
    registry.inject({ component: 'sensor', type: 'stuck', target: { sensor }, ...magnitude(1.25, unit) });
    host.request({ type: 'subscribeTelemetry', value: { periodMs: 100, mask: TELEMETRY_MASK } });
    const [{ value }] = host.eventsOf('telemetry');
    expect(value.filter((v) => v === 1.25)).toHaveLength(1);
  });
  it('stuck at the first value that is read once it is in force', () => {
    const [first] = healthy(0, 300);
    expect(new Set(die({ type: 'stuck' }, 1000, moving, 300))).toEqual(new Set([first]));
    expect(new Set(healthy(1000, 300)).size).toBeGreaterThan(5);
  });
  it.each([3, 40])('garbage within %d C: by its seed', (largest) => {
    const said = (seed: number): number[] =>
      die({ type: 'garbage', seed, ...magnitude(largest, 'C') }, 20_000);
    const values = said(1);
    expect(said(1)).toEqual(values);
    expect(said(2)).not.toEqual(values);
    expect(Math.max(...values.map(Math.abs))).toBeLessThanOrEqual(largest);
    // Uniform: mean square L^2/3, relative standard error sqrt(4/5 / n).
    const square = values.reduce((sum, v) => sum + v * v, 0) / values.length;
    expect(Math.abs(square / (largest ** 2 / 3) - 1)).toBeLessThan(4 * Math.sqrt(0.8 / values.length));
  });
  it.each([
    ['ratio', -0.5, REST_C / 2],
    ['ratio', 0.1, REST_C * 1.1],
    ['C', -20, REST_C - 20],
    ['C', 5, REST_C + 5],
  ])('wrong in %s by %d', (unit, value, expected) => {
    for (const said of die({ type: 'wrong', ...magnitude(value, unit) }, 300))
      expect(said).toBeCloseTo(expected, 9);
  });
  it.each([0.05, 1])('slow with a time constant of %d s', (timeConstant_s) => {
    const x = healthy(2000);
    const kept = Math.exp(-0.1 / timeConstant_s);
    let y = x[0];
    const law = x.map((value) => (y = value + (y - value) * kept));
    const said = die({ type: 'slow', ...magnitude(timeConstant_s, 's') }, 2000, moving);
    said.forEach((value, at) => expect(value).toBeCloseTo(law[at], 6));
  });
  it.each([0.2, 0.7])('delayed by %d s', (delay_s) => {
    const x = healthy(2000);
    const late = Math.round(delay_s * 10);
    const said = die({ type: 'delayed', ...magnitude(delay_s, 's') }, 2000, moving);
    said.forEach((value, at) => expect(value).toBeCloseTo(x[Math.max(0, at - late)], 9));
  });
  it.each([0.3, 0.6])('intermittent: silent for %d of each period', (duty_ratio) => {
    const said = die({ type: 'intermittent', period_s: 1, duty_ratio }, 1900);
    said.forEach((value, at) => expect(Number.isNaN(value)).toBe((at % 10) / 10 < duty_ratio));
  });
  it.each([-0.5, 4])('drift by %d C a second', (value) => {
    const said = die({ type: 'drift', rate: { value, unit: 'C_per_s' } }, 1000);
    said.forEach((c, at) => expect(c).toBeCloseTo(REST_C + (value * at) / 10, 6));
  });
  it('cleared, says what is there again', () => {
    const { registry, clock, host } = board();
    registry.inject({
      component: 'sensor',
      type: 'stuck',
      target: { sensor: 'ioVoltage_V' },
      ...magnitude(1, 'V'),
    });
    const mask = 1 << TelemetryChannel.IO_VOLTAGE_V;
    host.request({ type: 'subscribeTelemetry', value: { periodMs: 100, mask } });
    registry.clearAll();
    clock.advance(100);
    const [failing, mended] = host.eventsOf('telemetry').map(({ value }) => value[0]);
    expect(failing).toBe(1);
    expect(mended).toBeGreaterThan(3);
  });
});

describe('the firmware believes its sensors', () => {
  it.each([
    ['reads far too hot', { type: 'stuck', ...magnitude(300, 'C') }],
    ['says nothing', { type: 'off' }],
  ])('a die sensor that %s trips the chip; the latch outlives the fault', (_name, fault) => {
    const { registry, clock, host } = board();
    registry.inject({ component: 'sensor', target: { sensor: 'dieTemperature_C' }, ...fault });
    clock.advance(1000);
    expect(host.eventsOf('fault').map(({ code, latched }) => [code, latched])).toEqual([[501, true]]);
    registry.clearAll();
    clock.advance(1000);
    const status = host.request({ type: 'getStatus', value: {} });
    if (status?.body?.type !== 'deviceStatus') throw new Error('no status');
    expect(status.body.value.fault).toHaveLength(1);
    expect(host.request({ type: 'clearFault', value: { code: 501 } })?.status?.code).toBe(0);
  });
  it('a die sensor that is stuck low hides an overheated chip', () => {
    const hot = thermalSchema.parse({ ambient: { kind: 'constant', temperature_C: 200 } });
    const trips = (fault: boolean): number => {
      const { registry, clock, host } = board(hot);
      const target = { sensor: 'dieTemperature_C' };
      if (fault) registry.inject({ component: 'sensor', type: 'stuck', target, ...magnitude(20, 'C') });
      clock.advance(1000);
      return host.eventsOf('fault').length;
    };
    expect([trips(false), trips(true)]).toEqual([1, 0]);
  });
});
