// The sensors and meters of a board, read in this one place: what the firmware believes about heat, rails and energy comes
// from here, never from the chip behind it. Meters outlive a reset of the firmware, as counters in hardware would.
import type { ThermalModel, ThermalReading } from '../chip/thermal/index.ts';
import type { BoardClock } from './contract.ts';

/** Sums since power on. */
export interface Meters {
  /** Values converted, and how many of them stood at an end of the converter. */
  readings: number;
  saturatedReadings: number;
  /** Time that runs idled for the die to cool. */
  thermalHold_ms: number;
}

export interface SensorReading extends ThermalReading {
  readings: number;
  saturatedReadings: number;
  thermalHold_s: number;
}

export class BoardSensors {
  readonly meters: Meters = { readings: 0, saturatedReadings: 0, thermalHold_ms: 0 };
  readonly #clock: BoardClock;
  readonly #model: ThermalModel;

  constructor(clock: BoardClock, model: ThermalModel) {
    this.#clock = clock;
    this.#model = model;
  }

  /** Everything, at this moment. */
  read(): SensorReading {
    const { readings, saturatedReadings, thermalHold_ms } = this.meters;
    const thermal = this.#model.read(this.#clock.now_ms() / 1000);
    return { ...thermal, readings, saturatedReadings, thermalHold_s: thermalHold_ms / 1000 };
  }
}
