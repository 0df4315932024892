// Power that grows with the temperature of the die: where it settles, where nothing settles, and what that costs.
import { describe, expect, it } from 'vitest';
import { IDLE, LEAKAGE_FACTOR_MAX, PHASES, runActivity, ThermalModel, thermalSchema } from './index.ts';
import type { ThermalParameters } from './index.ts';

const RELAX = runActivity(1, 0);
const RELAX_W = 2.6;
const leaking = (leakage_ratio_per_C: number, more: object = {}): ThermalParameters =>
  thermalSchema.parse({ leakage_ratio_per_C, ...more });

/** Runge-Kutta of the two stores with P(T) = P0 (1 + a (T - 25)), without any bound. */
function integrate(parameters: ThermalParameters, [die, board]: [number, number], duration_s: number) {
  const { die_J_per_C, board_J_per_C, dieToBoard_C_per_W, boardToAmbient_C_per_W } = parameters;
  const slope = ([d, b]: number[]): number[] => {
    const power_W = RELAX_W * (1 + parameters.leakage_ratio_per_C * (d - 25));
    const flow_W = (d - b) / dieToBoard_C_per_W;
    return [
      (power_W - flow_W) / die_J_per_C,
      (flow_W - (b - 25) / boardToAmbient_C_per_W) / board_J_per_C,
      power_W,
    ];
  };
  const steps = 20_000;
  const h = duration_s / steps;
  let y = [die, board, 0];
  const plus = (k: number[], by: number): number[] => y.map((v, i) => v + by * k[i]);
  for (let n = 0; n < steps; n++) {
    const k1 = slope(y);
    const k2 = slope(plus(k1, h / 2));
    const k3 = slope(plus(k2, h / 2));
    const k4 = slope(plus(k3, h));
    y = y.map((v, i) => v + (h / 6) * (k1[i] + 2 * k2[i] + 2 * k3[i] + k4[i]));
  }
  return { die_C: y[0], board_C: y[1], energy_J: y[2] };
}

describe('a die that leaks', () => {
  it.each([0.01, 0.04])('settles where a power growing by %d a degree leaves as heat', (ratio) => {
    const model = new ThermalModel(leaking(ratio));
    const settled = (power_W: number): number => 25 + (power_W * 7) / (1 - power_W * 7 * ratio);
    expect(model.read(0).die_C).toBeCloseTo(settled(0.7), 4);
    model.setActivity(0, RELAX);
    let at_s = 0;
    while (at_s < 20_000) model.read((at_s += 5));
    const { die_C, power_W, rails } = model.read(at_s);
    expect(die_C).toBeCloseTo(settled(RELAX_W), 3);
    expect(power_W).toBeCloseTo(RELAX_W * (1 + ratio * (die_C - 25)), 9);
    expect(rails.core.voltage_V * rails.core.current_A + rails.io.voltage_V * rails.io.current_A).toBeCloseTo(
      power_W,
      9,
    );
  });

  it.each([0.02, 0.06])('follows the exact solution at %d a degree, stable or not', (ratio) => {
    const parameters = leaking(ratio);
    const model = new ThermalModel(parameters);
    const start = model.read(0);
    model.setActivity(0, RELAX);
    const exact = integrate(parameters, [start.die_C, start.board_C], 6);
    for (let part = 1; part < 13; part++) model.read((6 * part) / 13);
    const { die_C, board_C, energy_J } = model.read(6);
    expect(Math.abs(die_C - exact.die_C)).toBeLessThan(2e-3);
    expect(Math.abs(board_C - exact.board_C)).toBeLessThan(1e-3);
    const put_J = PHASES.reduce((sum, phase) => sum + energy_J[phase], 0);
    expect(Math.abs(put_J - exact.energy_J)).toBeLessThan(3e-3);
    // Without readings in between the same, to the same accuracy.
    const unread = new ThermalModel(parameters);
    unread.setActivity(0, RELAX);
    expect(Math.abs(unread.read(6).die_C - exact.die_C)).toBeLessThan(2e-3);
  });

  // 2.6 W times 7 C/W times 6 % is more than 1: every degree gives more than a degree.
  it('runs away where every degree gives more than a degree, up to the bound of the leakage', () => {
    const model = new ThermalModel(leaking(0.06));
    model.setActivity(0, RELAX);
    let before = model.read(0).die_C;
    for (let minute = 1; minute <= 10; minute++) {
      const { die_C } = model.read(60 * minute);
      expect(die_C).toBeGreaterThan(before);
      before = die_C;
    }
    let at_s = 600;
    while (at_s < 20_000) model.read((at_s += 5));
    expect(model.read(at_s).die_C).toBeCloseTo(25 + RELAX_W * LEAKAGE_FACTOR_MAX * 7, 3);
    model.setActivity(at_s, IDLE);
    while (at_s < 40_000) model.read((at_s += 5));
    expect(model.read(at_s).die_C).toBeCloseTo(25 + (0.7 * 7) / (1 - 0.7 * 7 * 0.06), 2);
  });

  it('is predicted as if it did not leak: a controller does not know', () => {
    const [plain, leaky] = [0, 0.06].map((ratio) => new ThermalModel(leaking(ratio)));
    const from = { die_C: 70, board_C: 60 };
    expect(leaky.predictDie_C(from, RELAX, 3, 1)).toBe(plain.predictDie_C(from, RELAX, 3, 1));
  });

  it.each<[string, object]>([
    ['shrinking power', { leakage_ratio_per_C: -0.01 }],
    ['a power that doubles in 4 degrees', { leakage_ratio_per_C: 0.25 }],
    [
      'a rail that cannot carry the power of a hot die',
      { leakage_ratio_per_C: 0.01, rails: { core: { resistance_ohm: 0.03 } } },
    ],
  ])('is refused with %s', (_what, more) => {
    expect(thermalSchema.safeParse(more).success).toBe(false);
  });
});

describe('other surroundings', () => {
  it('move the die from where it is to where it would have been', () => {
    const parameters = thermalSchema.parse({});
    const model = new ThermalModel(parameters);
    const start = model.read(0);
    model.setAmbient(100, { kind: 'constant', temperature_C: 60 });
    expect(model.read(100)).toMatchObject({ die_C: start.die_C, board_C: start.board_C, ambient_C: 60 });
    expect(model.parameters.ambient).toEqual({ kind: 'constant', temperature_C: 60 });
    const soon = model.read(110).board_C;
    expect(soon).toBeGreaterThan(start.board_C);
    expect(soon).toBeLessThan(start.board_C + 35 * (10 / 180) * 1.01); // 180 s is the time of board and cooler
    expect(model.read(20_000).die_C).toBeCloseTo(start.die_C + 35, 6);
    model.setAmbient(20_000, parameters.ambient);
    expect(model.read(40_000).die_C).toBeCloseTo(start.die_C, 6);
  });

  it('can have a day of their own', () => {
    const model = new ThermalModel(thermalSchema.parse({}));
    const day = { kind: 'daily', mean_C: 22, amplitude_C: 8, warmestAt_s: 100, period_s: 300 } as const;
    model.setAmbient(10, day);
    expect(model.read(100).ambient_C).toBeCloseTo(30, 9);
    const always = new ThermalModel(thermalSchema.parse({ ambient: day }));
    expect(model.read(20_000).die_C).toBeCloseTo(always.read(20_000).die_C, 6);
  });
});
