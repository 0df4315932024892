// The shipped profiles at work for hours, paced by the firmware's guard: `hot` is derated, nobody trips by itself.
import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../../test/support/virtual-clock.ts';
import { loadProfile, SHIPPED_PROFILES } from '../../chip/profile/index.ts';
import { IDLE, runActivity, ThermalModel } from '../../chip/thermal/index.ts';
import { BoardSensors } from './sensors.ts';
import { ThermalGuard, type BatchWork } from './thermal-guard.ts';

/** Batches of at most 64 samples of 1/8 s on a slow machine: the longest ones that are to be expected. */
const workOf = (samples: number): BatchWork => ({
  relax_s: samples * 5e-6,
  read_s: samples * 1e-6,
  expected_s: samples / 8,
});
const HOURS_S = 2 * 3600;

async function work(name: string) {
  const { thermal } = await loadProfile(name);
  const clock = new VirtualClock();
  const model = new ThermalModel(thermal);
  const trips: number[] = [];
  const sensors = new BoardSensors(clock, model);
  const guard = new ThermalGuard({ clock, model, sensors, onTrip: (die_C) => trips.push(die_C) });
  let held_s = 0;
  let warmest_C = -Infinity;
  while (clock.now_ms() < HOURS_S * 1000) {
    const { samples, pause_ms } = guard.pace(64, workOf);
    held_s += pause_ms / 1000;
    await clock.pass(pause_ms);
    if (pause_ms > 0) continue;
    guard.setBatch(workOf(samples));
    await clock.pass(samples * 125);
    warmest_C = Math.max(warmest_C, sensors.read().die_C);
    guard.setBatch(null);
  }
  guard.close();
  return { thermal, model, trips, held_s, warmest_C };
}

describe('two hours of work', () => {
  it.each(SHIPPED_PROFILES)(
    'on %s do not trip it, and derate it only if it is hot',
    async (name) => {
      const { thermal, trips, held_s, warmest_C } = await work(name);
      const { limits } = thermal;
      expect(trips).toEqual([]);
      expect(warmest_C).toBeLessThanOrEqual(limits.derate_C + 1e-6);
      if (name === 'hot') {
        expect(held_s).toBeGreaterThan(HOURS_S / 20);
        expect(warmest_C).toBeGreaterThan(limits.derate_C - 1);
      } else {
        expect(held_s).toBe(0);
      }
    },
    30_000,
  );

  it.each(SHIPPED_PROFILES)('%s can be cleared after a trip: it idles below that', async (name) => {
    const { thermal } = await loadProfile(name);
    const model = new ThermalModel(thermal);
    expect(model.read(0).die_C).toBeLessThan(thermal.limits.trip_C - thermal.limits.hysteresis_C);
    // Without anybody who paces it, only the hot one would leave its limits.
    const { die_C } = model.read(0);
    const for_ever_C = model.predictDie_C({ die_C, board_C: die_C }, runActivity(5, 1), 1e6);
    expect(for_ever_C > thermal.limits.derate_C).toBe(name === 'hot');
    expect(model.power_W(IDLE)).toBeGreaterThan(0);
  });
});
