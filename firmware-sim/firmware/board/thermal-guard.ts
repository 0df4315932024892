// The board's watch over the temperature of its die: tells the thermal model what the chip does, spaces out batches so
// that the die stays below the derate limit, and latches a trip until the die has cooled and somebody clears it.
// It outlives a reset of the firmware: a fault that heat caused is not cured by one.
import { IDLE, PROGRAM, runActivity } from '../../chip/thermal/index.ts';
import type { Activity, ThermalModel } from '../../chip/thermal/index.ts';
import type { BoardClock } from '../contract.ts';
import { IdleTimer } from './idle-timer.ts';
import type { BoardSensors, SensorReading } from './sensors.ts';

/** How often the die is looked at while the chip works, and while it idles and only the surroundings move. */
const WATCH_WORKING_MS = 20;
const WATCH_IDLE_MS = 500;
/** Image bytes that come this close together are one stretch of programming. */
const PROGRAMMING_MS = 50;
/** A pause is judged anew after this long: the surroundings may have changed. */
const PAUSE_MAX_MS = 1000;
const PAUSE_MIN_MS = 1;
/** A pause is found within 1 s / 2^20. */
const BISECTIONS = 20;

/** What a batch asks of the chip: time on dynamics and on converters, by its schedule. */
export interface BatchWork {
  relax_s: number;
  read_s: number;
  /** How long it takes on the board's clock, if that is known to be longer. */
  expected_s: number;
}

export const durationOf_s = ({ relax_s, read_s, expected_s }: BatchWork): number =>
  Math.max(relax_s + read_s, expected_s);

export interface ThermalGuardOptions {
  clock: BoardClock;
  /** The heat of the chip, and the constants by which pauses are predicted. */
  model: ThermalModel;
  sensors: BoardSensors;
  /** The die has reached the trip limit, or nothing is known of it; called once per latch. */
  onTrip(die_C: number): void;
}

export class ThermalGuard {
  readonly sensors: BoardSensors;
  readonly #options: ThermalGuardOptions;
  readonly #programming: IdleTimer;
  #isProgramming = false;
  #batch: Activity | null = null;
  #latched_C: number | null = null;
  #watch: { cancel(): void };

  constructor(options: ThermalGuardOptions) {
    this.#options = options;
    this.sensors = options.sensors;
    this.#programming = new IdleTimer(options.clock, PROGRAMMING_MS, () => this.#program(false));
    this.#watch = this.#arm();
  }

  /** Die temperature at which the latched fault was raised; null when none is. */
  get latched_C(): number | null {
    return this.#latched_C;
  }

  /** Image bytes are being written into the chip's memory. */
  programming(): void {
    if (!this.#isProgramming) this.#program(true);
    this.#programming.touch();
  }

  /** A batch is on the chip from now on; null: none is. */
  setBatch(work: BatchWork | null): void {
    this.#batch = work === null ? null : runActivity(work.relax_s, work.read_s);
    this.#apply();
  }

  /** Time one sample of `reads` reads of `units` units keeps the converters busy. */
  conversion_s(reads: number, units: number): number {
    return reads * units * this.#options.model.parameters.conversion_s;
  }

  /**
   * How long to idle before a batch so that it ends below the derate limit, at most PAUSE_MAX_MS: then ask again. Null: it
   * would not even after a long rest; a smaller batch may.
   */
  pauseBefore_ms(work: BatchWork): number | null {
    const from = this.sensors.read();
    const endsCool = (pause_s: number): boolean => this.#endsCool(from, work, pause_s);
    if (endsCool(0)) return 0;
    if (!endsCool(this.#rest_s())) return null;
    let enough_s = PAUSE_MIN_MS / 1000;
    while (!endsCool(enough_s) && enough_s * 1000 < PAUSE_MAX_MS) enough_s *= 2;
    let short_s = enough_s / 2;
    for (let step = 0; step < BISECTIONS; step++) {
      const middle_s = (short_s + enough_s) / 2;
      if (endsCool(middle_s)) enough_s = middle_s;
      else short_s = middle_s;
    }
    return Math.min(PAUSE_MAX_MS, Math.max(PAUSE_MIN_MS, enough_s * 1000));
  }

  /** The next batch of at most `most` samples: how many, and how long to idle first; smaller where no pause would do. */
  pace(most: number, workOf: (samples: number) => BatchWork): { samples: number; pause_ms: number } {
    for (let samples = most; ; samples = Math.ceil(samples / 2)) {
      const pause_ms = this.pauseBefore_ms(workOf(samples));
      if (pause_ms !== null) return { samples, pause_ms };
      // Not even one sample fits: the surroundings are too warm, and wait is all one can do.
      if (samples === 1) return { samples, pause_ms: PAUSE_MAX_MS };
    }
  }

  /** Takes the latch away; returns the temperatures in the way when the die is still too warm. */
  clear(): { die_C: number; below_C: number } | null {
    const { trip_C, hysteresis_C } = this.#options.model.parameters.limits;
    const { die_C } = this.sensors.read();
    const below_C = trip_C - hysteresis_C;
    if (this.#latched_C !== null && !(die_C < below_C)) return { die_C, below_C };
    this.#latched_C = null;
    return null;
  }

  /** Looks at the die now; also called by the run engine at the seams of its batches. */
  check(): void {
    const { die_C } = this.sensors.read();
    if (this.#latched_C !== null || die_C < this.#options.model.parameters.limits.trip_C) return;
    this.#latched_C = die_C;
    this.#options.onTrip(die_C);
  }

  close(): void {
    this.#watch.cancel();
    this.#programming.stop();
  }

  /** A board sensor that gives nothing is taken to be as warm as the die: that only makes pauses longer. */
  #endsCool({ die_C, board_C }: SensorReading, work: BatchWork, pause_s: number): boolean {
    const { model } = this.#options;
    const from = { die_C, board_C: Number.isFinite(board_C) ? board_C : die_C };
    const activity = runActivity(work.relax_s, work.read_s);
    const end_C = model.predictDie_C(from, activity, durationOf_s(work), pause_s);
    return end_C <= model.parameters.limits.derate_C;
  }

  /** After so long everything has settled. */
  #rest_s(): number {
    const { board_J_per_C, boardToAmbient_C_per_W, die_J_per_C } = this.#options.model.parameters;
    return 50 * (board_J_per_C + die_J_per_C) * boardToAmbient_C_per_W;
  }

  #program(on: boolean): void {
    this.#isProgramming = on;
    this.#apply();
  }

  #apply(): void {
    const { model, clock } = this.#options;
    model.setActivity(clock.now_ms() / 1000, this.#batch ?? (this.#isProgramming ? PROGRAM : IDLE));
    this.#watch.cancel();
    this.#watch = this.#arm();
  }

  #arm(): { cancel(): void } {
    const works = this.#batch !== null || this.#isProgramming;
    return this.#options.clock.after(works ? WATCH_WORKING_MS : WATCH_IDLE_MS, () => {
      this.#watch = this.#arm();
      this.check();
    });
  }
}
