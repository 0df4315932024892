// The sensors and meters of a board, read in this one place: what the firmware believes about heat, rails and energy comes
// from here, never from the chip behind it. Meters outlive a reset of the firmware, as counters in hardware would.
import type { ThermalModel, ThermalReading } from '../../chip/thermal/index.ts';
import type { BoardClock, SensorFaults } from '../contract.ts';

/** The sensors, by the names that the host gives them, and the unit of each. Meters and counters are none. */
export const SENSOR_UNITS = {
  dieTemperature_C: 'C',
  boardTemperature_C: 'C',
  ambientTemperature_C: 'C',
  coreVoltage_V: 'V',
  coreCurrent_A: 'A',
  ioVoltage_V: 'V',
  ioCurrent_A: 'A',
} as const;

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
  readonly #faults: SensorFaults | null;

  constructor(clock: BoardClock, model: ThermalModel, faults?: SensorFaults) {
    this.#clock = clock;
    this.#model = model;
    this.#faults = faults ?? null;
  }

  /** Everything, at this moment; NaN: a sensor says nothing. */
  read(): SensorReading {
    const { readings, saturatedReadings, thermalHold_ms } = this.meters;
    const thermal = this.#model.read(this.#clock.now_ms() / 1000);
    return { ...this.#said(thermal), readings, saturatedReadings, thermalHold_s: thermalHold_ms / 1000 };
  }

  /** What the sensors make of what is there. */
  #said(thermal: ThermalReading): ThermalReading {
    const faults = this.#faults;
    if (faults === null) return thermal;
    const say = (sensor: keyof typeof SENSOR_UNITS, value: number): number => faults.read(sensor, value);
    const { core, io } = thermal.rails;
    return {
      ...thermal,
      die_C: say('dieTemperature_C', thermal.die_C),
      board_C: say('boardTemperature_C', thermal.board_C),
      ambient_C: say('ambientTemperature_C', thermal.ambient_C),
      rails: {
        core: {
          voltage_V: say('coreVoltage_V', core.voltage_V),
          current_A: say('coreCurrent_A', core.current_A),
        },
        io: { voltage_V: say('ioVoltage_V', io.voltage_V), current_A: say('ioCurrent_A', io.current_A) },
      },
    };
  }
}
