// The watch over one device, on readings of the twin's own model of heat: when it knows enough to say something, what it says of
// a die that is too warm, and that the end it names is the right one.
import { describe, expect, it } from 'vitest';
import { IDLE, ThermalModel, defaultThermal, runActivity } from '../../../firmware-sim/chip/thermal/index.ts';
import { CAPABILITIES } from '../../../test/fakes/relax-device.ts';
import type { TelemetryReading } from '../../device/index.ts';
import type { RelaxCapabilities } from '../device-port.ts';
import { MARGIN_C, ThermalWatch } from './watch.ts';

const WORK = runActivity(0, 1);
const LIMITS = { derate_C: 85, trip_C: 95, clear_C: 85 };

/** A device that reads its sensors once a second, and works when it is told to. */
class WarmDevice {
  readonly id = 'd';
  capabilities: RelaxCapabilities | null = { ...CAPABILITIES, dieLimits: LIMITS };
  readonly watch: ThermalWatch;
  turns = 0;
  now_s = 0;
  omit: string[] = [];
  readonly #model: ThermalModel;
  #latest: TelemetryReading | null = null;
  #callback: () => void = () => undefined;

  constructor(ambient_C: number) {
    const ambient = { kind: 'constant' as const, temperature_C: ambient_C };
    const slow = { die_J_per_C: 0.5, dieToBoard_C_per_W: 6, board_J_per_C: 20, boardToAmbient_C_per_W: 7 };
    this.#model = new ThermalModel({ ...defaultThermal, ...slow, ambient });
    this.watch = new ThermalWatch(
      this,
      () => this.now_s * 1000,
      () => this.turns++,
    );
  }

  get telemetry() {
    return {
      status: { latest: this.#latest, reason: null },
      readNow: async () => this.#latest,
      onReading: (callback: () => void) => {
        this.#callback = callback;
        return () => (this.#callback = () => undefined);
      },
    };
  }

  pass(seconds: number, works: boolean): number {
    this.#model.setActivity(this.now_s, works ? WORK : IDLE);
    let peak_C = -Infinity;
    for (let k = 0; k < seconds; k++) {
      this.now_s += 1;
      const { die_C, board_C, ambient_C, energy_J, rails } = this.#model.read(this.now_s);
      peak_C = Math.max(peak_C, die_C);
      const values: Record<string, number> = {
        dieTemperature_C: die_C,
        boardTemperature_C: board_C,
        ambientTemperature_C: ambient_C,
        coreVoltage_V: rails.core.voltage_V,
        coreCurrent_A: rails.core.current_A,
        ioVoltage_V: rails.io.voltage_V,
        ioCurrent_A: rails.io.current_A,
        idleEnergy_J: energy_J.idle,
        programEnergy_J: energy_J.program,
        relaxEnergy_J: energy_J.relax,
        readEnergy_J: energy_J.read,
      };
      for (const name of this.omit) delete values[name];
      this.#latest = { at_ms: this.now_s * 1000, uptime_s: this.now_s, values };
      this.#callback();
    }
    return peak_C;
  }

  /** Work and rest, so that all there is to know is learned. */
  learn(): this {
    for (let k = 0; k < 4; k++) {
      this.pass(15, true);
      this.pass(45, false);
    }
    return this;
  }
}

describe('the watch over a die', () => {
  it('says nothing before it has seen work and rest', () => {
    const device = new WarmDevice(55);
    device.pass(60, false);
    expect([device.watch.room(), device.watch.hold(0)]).toEqual([null, null]);
    device.learn();
    expect(device.watch.room()?.forecast.facts).toMatchObject({ limit_C: LIMITS.derate_C - MARGIN_C });
    const { idle_W, run_W } = device.watch.room()?.forecast.facts ?? { idle_W: NaN, run_W: NaN };
    expect(idle_W).toBeCloseTo(0.7, 3);
    expect(run_W).toBeCloseTo(3.5, 3);
  });

  it('holds work on a warm die until there is room for two seconds of it, and is right about when', () => {
    const device = new WarmDevice(55).learn();
    device.pass(200, true);
    const { turns } = device;
    const wall_ms = 5_000_000;
    const hold = device.watch.hold(wall_ms);
    expect(hold?.detail).toMatch(
      /^the die is at \d+\.\d C, and work would take it to \d+\.\d C; it is kept below 83\.0 C$/,
    );
    const wait_s = ((hold?.until_ms ?? NaN) - wall_ms) / 1000;
    expect(wait_s).toBeGreaterThan(3);
    expect(device.turns).toBe(turns);
    let waited_s = 0;
    for (; device.watch.hold(0) !== null; waited_s++) device.pass(1, false);
    expect(device.turns).toBe(turns + 1);
    // It is looked at once a second.
    expect(Math.abs(waited_s - wait_s)).toBeLessThan(1 + 0.1 * wait_s);
    // Two seconds of work, and what two seconds more would do.
    expect(device.pass(2, true)).toBeLessThan(LIMITS.derate_C - MARGIN_C + 0.3);
  });

  it('knows no end where the surroundings are too warm', () => {
    const device = new WarmDevice(76).learn();
    expect(device.watch.hold(0)).toMatchObject({ until_ms: null });
    expect(device.watch.hold(0)?.detail).toContain('the surroundings are too warm');
  });

  it('leaves a die alone that stays cool for ever', () => {
    const device = new WarmDevice(10).learn();
    device.pass(2000, true);
    expect(device.watch.room()?.isFree).toBe(true);
    expect(device.watch.hold(0)).toBeNull();
  });

  it.each([['boardTemperature_C'], ['ambientTemperature_C'], ['readEnergy_J']])(
    'says nothing without %s',
    (name) => {
      const device = new WarmDevice(76);
      device.omit = [name];
      expect(device.learn().watch.room()).toBeNull();
    },
  );

  it('says nothing of a device without limits, of old readings, and when it is over', () => {
    const device = new WarmDevice(76).learn();
    device.now_s += 11;
    expect(device.watch.hold(0)).toBeNull();
    device.pass(1, false);
    expect(device.watch.hold(0)).not.toBeNull();
    device.capabilities = { ...CAPABILITIES, dieLimits: null };
    expect(device.watch.hold(0)).toBeNull();
    device.capabilities = { ...CAPABILITIES, dieLimits: LIMITS };
    device.watch.close();
    device.pass(30, false);
    expect(device.watch.hold(0)).toBeNull();
  });
});
