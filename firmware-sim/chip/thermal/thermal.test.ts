// Exact answers of the thermal chain, conservation of energy, and the schema's refusals.
import { describe, expect, it } from 'vitest';
import {
  couplingGain_ratio,
  defaultThermal,
  IDLE,
  noiseTemperature_ratio,
  offset_E0,
  PHASES,
  PROGRAM,
  runActivity,
  saturatedCodes,
  ThermalChain,
  ThermalModel,
  thermalSchema,
} from './index.ts';
import type { Activity, Ambient } from './index.ts';

const chainOf = (ambient: Ambient): ThermalChain => new ThermalChain({ ...defaultThermal, ambient });
const still = chainOf({ kind: 'constant', temperature_C: 25 });
const daily: Ambient = { kind: 'daily', mean_C: 22, amplitude_C: 8, warmestAt_s: 100, period_s: 300 };

/** Classical Runge-Kutta of the same two equations, another way to the same numbers. */
function integrate(ambient: Ambient, state: [number, number], power_W: number, duration_s: number): number[] {
  const { die_J_per_C: cd, board_J_per_C: cb } = defaultThermal;
  const { dieToBoard_C_per_W: rdb, boardToAmbient_C_per_W: rba } = defaultThermal;
  const air = (t: number): number =>
    ambient.kind === 'constant'
      ? ambient.temperature_C
      : ambient.mean_C +
        ambient.amplitude_C * Math.cos((2 * Math.PI * (t - ambient.warmestAt_s)) / ambient.period_s);
  const slope = (t: number, [d, b]: number[]): [number, number] => [
    (power_W - (d - b) / rdb) / cd,
    ((d - b) / rdb - (b - air(t)) / rba) / cb,
  ];
  const steps = 20_000;
  const h = duration_s / steps;
  let [d, b] = state;
  for (let k = 0; k < steps; k++) {
    const t = k * h;
    const k1 = slope(t, [d, b]);
    const k2 = slope(t + h / 2, [d + (h / 2) * k1[0], b + (h / 2) * k1[1]]);
    const k3 = slope(t + h / 2, [d + (h / 2) * k2[0], b + (h / 2) * k2[1]]);
    const k4 = slope(t + h, [d + h * k3[0], b + h * k3[1]]);
    d += (h / 6) * (k1[0] + 2 * k2[0] + 2 * k3[0] + k4[0]);
    b += (h / 6) * (k1[1] + 2 * k2[1] + 2 * k3[1] + k4[1]);
  }
  return [d, b];
}

describe('the thermal chain', () => {
  it('answers a step of power as the two exponentials of the analytic solution', () => {
    // Eigenvalues of A and the part of each mode, from the textbook formula for two stores.
    const { die_J_per_C: cd, board_J_per_C: cb } = defaultThermal;
    const { dieToBoard_C_per_W: rdb, boardToAmbient_C_per_W: rba } = defaultThermal;
    const trace = -(1 / (rdb * cd) + 1 / (rdb * cb) + 1 / (rba * cb));
    const determinant = 1 / (rdb * cd * rba * cb);
    const root = Math.sqrt(trace * trace - 4 * determinant);
    const [l1, l2] = [(trace + root) / 2, (trace - root) / 2];
    const power_W = 3;
    const rise = power_W * (rdb + rba);
    // T_d(0) = 0 and T_d'(0) = P / C_d fix the amplitudes of rise + a e^{l1 t} + b e^{l2 t}.
    const a = (power_W / cd + l2 * rise) / (l1 - l2);
    const b = -rise - a;
    for (const t of [1e-6, 0.1, 2, 30, 500, 86_400]) {
      const { die_C } = still.advance({ die_C: 25, board_C: 25 }, 0, t, power_W);
      expect(die_C).toBeCloseTo(25 + rise + a * Math.exp(l1 * t) + b * Math.exp(l2 * t), 9);
    }
  });

  it('agrees with a numerical integration under a swinging ambient', () => {
    const [die_C, board_C] = integrate(daily, [40, 30], 2.5, 400);
    const exact = chainOf(daily).advance({ die_C: 40, board_C: 30 }, 0, 400, 2.5);
    expect(exact.die_C).toBeCloseTo(die_C, 7);
    expect(exact.board_C).toBeCloseTo(board_C, 7);
  });

  it('gives the same for one long advance and for many short ones', () => {
    const chain = chainOf(daily);
    let state = { die_C: 60, board_C: 20 };
    const whole = chain.advance(state, 0, 1000, 1.5);
    for (let k = 0; k < 997; k++) {
      state = chain.advance(state, (k * 1000) / 997, ((k + 1) * 1000) / 997, 1.5);
    }
    expect(state.die_C).toBeCloseTo(whole.die_C, 9);
    expect(state.board_C).toBeCloseTo(whole.board_C, 9);
  });

  it('stays finite over a year', () => {
    const state = chainOf(daily).advance({ die_C: 90, board_C: 80 }, 0, 365 * 86_400, 0);
    expect(Math.abs(state.die_C - 22)).toBeLessThan(8.001);
  });
});

describe('energy', () => {
  const work: [number, Activity][] = [
    [3, IDLE],
    [0.7, PROGRAM],
    [12, runActivity(1, 3)],
    [5, runActivity(4, 0)],
    [40, IDLE],
  ];

  it('is the integral of the power, phase by phase, however often it is read', () => {
    const model = new ThermalModel(defaultThermal);
    let at_s = 0;
    let integral_J = 0;
    for (const [duration_s, activity] of work) {
      model.setActivity(at_s, activity);
      integral_J += model.power_W(activity) * duration_s;
      for (let part = 1; part <= 7; part++) model.read(at_s + (duration_s * part) / 7);
      at_s += duration_s;
    }
    const { energy_J } = model.read(at_s);
    expect(PHASES.reduce((sum, phase) => sum + energy_J[phase], 0)).toBeCloseTo(integral_J, 9);
    // 43 s of idling, 12 s of which a quarter relaxes and 5 s that relax all the time.
    expect(energy_J.idle).toBeCloseTo(43 * 0.7, 9);
    expect(energy_J.program).toBeCloseTo(0.7 * 1.4, 9);
    expect(energy_J.relax).toBeCloseTo((3 + 5) * 2.6, 9);
    expect(energy_J.read).toBeCloseTo(9 * 3.5, 9);
  });

  it('is found again as stored heat and heat given to the air', () => {
    const model = new ThermalModel(defaultThermal);
    const start = model.read(0);
    const { die_J_per_C, board_J_per_C, boardToAmbient_C_per_W } = defaultThermal;
    model.setActivity(0, runActivity(1, 1));
    let given_J = 0;
    let before = start.board_C;
    const steps = 20_000;
    for (let k = 1; k <= steps; k++) {
      const { board_C } = model.read((200 * k) / steps);
      given_J += (((board_C + before) / 2 - 25) / boardToAmbient_C_per_W) * (200 / steps);
      before = board_C;
    }
    const end = model.read(200);
    const stored_J = die_J_per_C * (end.die_C - start.die_C) + board_J_per_C * (end.board_C - start.board_C);
    const put_J = PHASES.reduce((sum, phase) => sum + end.energy_J[phase], 0);
    expect(stored_J + given_J).toBeCloseTo(put_J, 4);
  });

  it('flows over the rails: V times I is the power, and the voltage drops', () => {
    const model = new ThermalModel(defaultThermal);
    model.setActivity(0, runActivity(1, 0));
    const { rails, power_W } = model.read(1);
    expect(rails.core.voltage_V * rails.core.current_A).toBeCloseTo(2.2, 12);
    expect(rails.io.voltage_V * rails.io.current_A).toBeCloseTo(0.4, 12);
    expect(power_W).toBeCloseTo(2.6, 12);
    expect(rails.core.voltage_V).toBeLessThan(0.9);
  });

  it('does not flow while the clock stands still or goes back', () => {
    const model = new ThermalModel(defaultThermal, 100);
    const before = model.read(100);
    expect(model.read(50)).toEqual(before);
  });
});

describe('a prediction', () => {
  it('is what then happens', () => {
    const model = new ThermalModel({ ...defaultThermal, ambient: daily });
    model.setActivity(0, runActivity(1, 2));
    const predicted = model.predictDie_C(model.read(20), runActivity(3, 1), 15, 30);
    model.setActivity(20, IDLE);
    model.setActivity(50, runActivity(3, 1));
    expect(model.read(65).die_C).toBeCloseTo(predicted, 9);
  });
});

describe('sensitivity to temperature', () => {
  it('is nothing at the reference, and nothing at all by default', () => {
    const { sensitivity } = defaultThermal;
    for (const die_C of [-40, 25, 110]) {
      expect(couplingGain_ratio(sensitivity, die_C)).toBe(1);
      expect(offset_E0(sensitivity, die_C)).toBeCloseTo(0, 15);
      expect(noiseTemperature_ratio(sensitivity, die_C)).toBe(1);
    }
  });

  it('is linear, and kT never below zero', () => {
    const { sensitivity } = thermalSchema.parse({
      sensitivity: {
        reference_C: 30,
        couplingGain_ratio_per_C: -0.001,
        offset_E0_per_C: 0.002,
        noiseTemperature_ratio_per_C: 0.0033,
      },
    });
    expect(couplingGain_ratio(sensitivity, 50)).toBeCloseTo(0.98, 12);
    expect(offset_E0(sensitivity, 20)).toBeCloseTo(-0.02, 12);
    expect(noiseTemperature_ratio(sensitivity, 40)).toBeCloseTo(1.033, 12);
    expect(noiseTemperature_ratio(sensitivity, -5000)).toBe(0);
  });
});

describe('the schema', () => {
  it.each([
    { limits: { derate_C: 96, trip_C: 95, hysteresis_C: 5 } },
    { die_J_per_C: 0 },
    { ambient: { kind: 'constant', temperature_C: Number.NaN } },
    { ambient: { kind: 'weekly' } },
    { unknown: 1 },
  ])('refuses %j', (value) => {
    expect(thermalSchema.safeParse(value).success).toBe(false);
  });

  it('refuses a rail that cannot carry its power', () => {
    const rails = structuredClone(defaultThermal.rails);
    rails.core.resistance_ohm = 1;
    expect(thermalSchema.safeParse({ rails }).success).toBe(false);
  });
});

it('counts readout codes at the ends of the converter', () => {
  expect(saturatedCodes(Int16Array.of(0, 2047, -2047, 2046, -2046, 2047))).toBe(3);
});
