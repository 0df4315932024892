// A fault registry on a clock moved by hand.
import { HandClock } from '../../firmware-sim/firmware/board.test-support.ts';
import { FaultRegistry } from '../../firmware-sim/faults/index.ts';
import type { SensorUnits } from '../../firmware-sim/faults/index.ts';

const SENSORS = { die_temperature_C: 'C', core_voltage_V: 'V' };

export interface FakeFaults {
  registry: FaultRegistry;
  clock: HandClock;
}

export function fakeFaults(units = 8, sensors: SensorUnits = SENSORS): FakeFaults {
  const clock = new HandClock();
  const registry = new FaultRegistry({
    now_s: () => clock.now_ms() / 1000,
    after: (delay_s, callback) => clock.after(delay_s * 1000, callback),
    limits: { units, sensors },
  });
  return { registry, clock };
}
