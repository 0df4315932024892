// The fitted poles against the twin's own model of two stores of heat: what is learned of them from readings once a second, with
// and without noise on the sensors, and how well the peak of the next stretch of work is foretold.
import { describe, expect, it } from 'vitest';
import { ThermalModel, defaultThermal, runActivity, IDLE } from '../../../firmware-sim/chip/thermal/index.ts';
import { gaussianFrom } from '../../../test/support/gaussian.ts';
import { Forecast, type Temperatures } from './forecast.ts';
import { RcPole, excessAfter_C, passedOn_J } from './pole.ts';

const WORK = runActivity(0.6, 0.4);
const LIMIT_C = 78;
/** As the profile `hot`: relaxing for ever would take it to 96 C. */
const HOT = {
  ...defaultThermal,
  ambient: { kind: 'constant' as const, temperature_C: 45 },
  die_J_per_C: 0.5,
  dieToBoard_C_per_W: 6,
  board_J_per_C: 20,
  boardToAmbient_C_per_W: 7,
};

interface Learned {
  die: RcPole;
  board: RcPole;
  model: ThermalModel;
  at_s: number;
  now: Temperatures;
}

/** Half a minute of work, and a minute of rest, over and over, read once a second. */
function learn(seconds: number, noise_C: number, parameters = HOT, seed = 7): Learned {
  const model = new ThermalModel(parameters);
  const next = gaussianFrom(seed);
  const [die, board] = [new RcPole(), new RcPole()];
  const read = (at_s: number) => {
    const { die_C, board_C, ambient_C, energy_J } = model.read(at_s);
    const energy = energy_J.idle + energy_J.program + energy_J.relax + energy_J.read;
    const noisy = (value: number): number => value + noise_C * next();
    return { die_C: noisy(die_C), board_C: noisy(board_C), ambient_C, energy };
  };
  let last = read(0);
  let slow = last;
  for (let s = 1; s <= seconds; s++) {
    if (s % 90 === 31) model.setActivity(s - 1, WORK);
    if (s % 90 === 61) model.setActivity(s - 1, IDLE);
    const now = read(s);
    const energy_J = now.energy - last.energy;
    const before_C = last.die_C - last.board_C;
    die.add({
      duration_s: 1,
      before_C,
      after_C: now.die_C - now.board_C,
      warmed_C: now.die_C - last.die_C,
      energy_J,
    });
    if (s % 5 === 0) {
      const energy_J = passedOn_J(die.parameters, now.energy - slow.energy, now.die_C - slow.die_C);
      const after_C = now.board_C - now.ambient_C;
      const warmed_C = now.board_C - slow.board_C;
      board.add({ duration_s: 5, before_C: slow.board_C - slow.ambient_C, after_C, warmed_C, energy_J });
      slow = now;
    }
    last = now;
  }
  const { die_C, board_C, ambient_C } = model.read(seconds);
  return { die, board, model, at_s: seconds, now: { die_C, board_C, ambient_C } };
}

describe('a pole', () => {
  it('knows nothing before it has seen anything change', () => {
    const pole = new RcPole();
    expect(pole.parameters).toBeNull();
    for (let k = 0; k < 500; k++)
      pole.add({ duration_s: 1, before_C: 5, after_C: 5, warmed_C: 0, energy_J: 1 });
    expect([pole.tau_s, pole.parameters]).toEqual([null, null]);
  });

  it.each([
    ['readings without noise', 0, 0.02, 0.05],
    ['sensors with 0.1 C of noise', 0.1, 0.05, 0.2],
  ])('is learned of the two stores of the twin from %s', (_what, noise_C, rErrorMax, tauErrorMax) => {
    const { die, board } = learn(900, noise_C);
    const off = (value: number | undefined, truth: number): number => Math.abs((value ?? NaN) / truth - 1);
    expect(off(die.parameters?.resistance_C_per_W, 6)).toBeLessThan(rErrorMax);
    expect(off(die.parameters?.tau_s, 3)).toBeLessThan(tauErrorMax);
    expect(off(board.parameters?.resistance_C_per_W, 7)).toBeLessThan(rErrorMax);
    expect(off(board.parameters?.tau_s, 140)).toBeLessThan(tauErrorMax);
  });

  it('follows a board whose cooling got worse', () => {
    const { die, model, at_s } = learn(900, 0);
    const worse = new ThermalModel({ ...HOT, dieToBoard_C_per_W: 9 });
    expect(model.read(at_s).die_C).toBeGreaterThan(45);
    for (let s = 1; s <= 1800; s++) {
      const before = worse.read(s - 1);
      if (s % 60 === 1) worse.setActivity(s - 1, s % 120 === 1 ? WORK : IDLE);
      const after = worse.read(s);
      const sum = ({ energy_J: e }: typeof before): number => e.idle + e.relax + e.read;
      const energy_J = sum(after) - sum(before);
      die.add({
        duration_s: 1,
        before_C: before.die_C - before.board_C,
        after_C: after.die_C - after.board_C,
        warmed_C: after.die_C - before.die_C,
        energy_J,
      });
    }
    expect(Math.abs((die.resistance_C_per_W ?? NaN) / 9 - 1)).toBeLessThan(0.05);
  });

  it('learns nothing of intervals that are none, and of readings that are none', () => {
    const pole = new RcPole();
    const good = { duration_s: 1, before_C: 1, after_C: 2, warmed_C: 1, energy_J: 3 };
    for (const bad of [
      { duration_s: 0 },
      { duration_s: NaN },
      { before_C: NaN },
      { warmed_C: NaN },
      { energy_J: Infinity },
    ])
      pole.add({ ...good, ...bad });
    expect(pole).toEqual(new RcPole());
  });

  it('goes to R P, by its own time', () => {
    const pole = { resistance_C_per_W: 6, tau_s: 3 };
    expect(excessAfter_C(pole, 0, 2, 1e9)).toBe(12);
    expect(excessAfter_C(pole, 12, 0, 3)).toBeCloseTo(12 / Math.E, 12);
    expect(excessAfter_C(pole, 4, 2, 0)).toBe(4);
  });
});

describe('a forecast', () => {
  const { die, board, model, now } = learn(900, 0.05);
  const [dieFacts, boardFacts] = [die.parameters, board.parameters];
  if (dieFacts === null || boardFacts === null) throw new Error('the poles were not learned');
  const facts = { idle_W: model.power_W(IDLE), run_W: model.power_W(WORK), limit_C: LIMIT_C };
  const forecast = new Forecast({ die: dieFacts, board: boardFacts, ...facts });

  it.each([0.1, 1, 5, 30, 120, 1000])(
    'foretells the die after %d s of work within a degree',
    (duration_s) => {
      const truth = model.predictDie_C(now, WORK, duration_s);
      expect(Math.abs(forecast.peak_C(now, duration_s) - Math.max(truth, now.die_C))).toBeLessThan(1);
      const rested = model.predictDie_C(now, WORK, duration_s, 60);
      expect(Math.abs(forecast.peak_C(now, duration_s, 60) - rested)).toBeLessThan(1);
    },
  );

  it('finds the room that there is, and the rest that makes it', () => {
    const room_s = forecast.room_s(now);
    expect(room_s).toBeGreaterThan(1);
    expect(forecast.peak_C(now, room_s)).toBeCloseTo(LIMIT_C, 6);
    const long_s = (room_s + forecast.roomAtRest_s(now)) / 2;
    const wait_s = forecast.waitFor_s(now, long_s);
    expect(forecast.room_s(now, wait_s)).toBeCloseTo(long_s, 3);
    expect(forecast.waitFor_s(now, room_s / 2)).toBe(0);
    expect(forecast.roomAtRest_s(now)).toBeGreaterThan(room_s);
  });

  it('has none where the surroundings are too warm, and all there is where they are cool', () => {
    const warm = { die_C: 95, board_C: 90, ambient_C: 80 };
    expect([forecast.room_s(warm), forecast.roomAtRest_s(warm)]).toEqual([0, 0]);
    expect(forecast.waitFor_s(warm, 1)).toBe(Infinity);
    expect(forecast.room_s({ die_C: 20, board_C: 15, ambient_C: 10 })).toBe(Infinity);
  });
});
