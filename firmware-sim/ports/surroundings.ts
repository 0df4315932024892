// The place that a twin stands in: its temperature can become another while the chip runs, as that of a room can. It is no
// fault: nothing of the twin fails, and its sensors tell it.
import { ambientTemperature_C } from '../chip/thermal/index.ts';
import type { Ambient, ThermalModel } from '../chip/thermal/index.ts';
import type { BoardClock } from '../firmware/index.ts';

export class Surroundings {
  readonly #thermal: ThermalModel;
  readonly #clock: Pick<BoardClock, 'now_ms'>;
  readonly #first: Ambient;

  constructor(thermal: ThermalModel, clock: Pick<BoardClock, 'now_ms'>) {
    this.#thermal = thermal;
    this.#clock = clock;
    this.#first = thermal.parameters.ambient;
  }

  get ambient(): Ambient {
    return this.#thermal.parameters.ambient;
  }

  /** Now, degrees Celsius. */
  get temperature_C(): number {
    return ambientTemperature_C(this.ambient, this.#now_s);
  }

  /** From now on; null: what it was started with. */
  set(ambient: Ambient | null): void {
    this.#thermal.setAmbient(this.#now_s, ambient ?? this.#first);
  }

  get #now_s(): number {
    return this.#clock.now_ms() / 1000;
  }
}
