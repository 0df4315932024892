// The thermal state of a chip and its energy meters, as functions of the board's clock: whoever drives it says what the
// chip does from when on, and reads sensors; between two calls power is constant and everything is advanced exactly. Power
// that grows with temperature is constant over short steps.
import { ambientTemperature_C, ThermalChain } from './chain.ts';
import type { ChainState } from './chain.ts';
import { LEAKAGE_FACTOR_MAX } from './schema.ts';
import type { Ambient, ThermalParameters, ThermalRail } from './schema.ts';

export const PHASES = ['idle', 'program', 'relax', 'read'] as const;
export type ThermalPhase = (typeof PHASES)[number];

/** Shares of time that the chip spends in each phase, summing to 1; a batch alternates between relax and read. */
export type Activity = Readonly<Record<ThermalPhase, number>>;
export const IDLE: Activity = Object.freeze({ idle: 1, program: 0, relax: 0, read: 0 });
export const PROGRAM: Activity = Object.freeze({ idle: 0, program: 1, relax: 0, read: 0 });

/** A batch that spends `relax_s` on dynamics and `read_s` on its converters. */
export function runActivity(relax_s: number, read_s: number): Activity {
  const total_s = relax_s + read_s;
  if (!(total_s > 0)) return IDLE;
  return { idle: 0, program: 0, relax: relax_s / total_s, read: read_s / total_s };
}

/** Steps over which the power of a leaking die counts as constant, for each time constant of the die. */
const LEAKAGE_STEPS = 40;
/** A longer time is cut into so many steps; by then nothing moves quickly any more. */
const LEAKAGE_STEPS_MAX = 500;
/** Time constants of board and cooler after which an idle chip has settled. */
const SETTLING = 20;

export interface RailReading {
  voltage_V: number;
  current_A: number;
}

export interface ThermalReading {
  die_C: number;
  board_C: number;
  ambient_C: number;
  power_W: number;
  rails: { core: RailReading; io: RailReading };
  /** Electrical energy at the rails since power on, by phase. */
  energy_J: Record<ThermalPhase, number>;
}

export class ThermalModel {
  #parameters: ThermalParameters;
  #chain: ThermalChain;
  #at_s: number;
  #state: ChainState;
  #activity: Activity = IDLE;
  readonly #energy_J: Record<ThermalPhase, number> = { idle: 0, program: 0, relax: 0, read: 0 };

  /** Switched on long ago: settled at idle power. `origin_s` is the board's time of power on. */
  constructor(parameters: ThermalParameters, origin_s = 0) {
    this.#parameters = parameters;
    this.#chain = new ThermalChain(parameters);
    this.#at_s = origin_s;
    const { board_J_per_C, boardToAmbient_C_per_W } = parameters;
    const long_s = SETTLING * board_J_per_C * boardToAmbient_C_per_W;
    const cold = this.#chain.settled(origin_s - long_s, this.power_W(IDLE));
    this.#state =
      parameters.leakage_ratio_per_C === 0
        ? this.#chain.settled(origin_s, this.power_W(IDLE))
        : this.#evolve(cold, origin_s - long_s, origin_s, IDLE).state;
  }

  /** Its surroundings are those of now. */
  get parameters(): ThermalParameters {
    return this.#parameters;
  }

  /** The surroundings are others from now on; die and board go on from where they are. */
  setAmbient(at_s: number, ambient: Ambient): void {
    this.#advance(at_s);
    this.#parameters = { ...this.#parameters, ambient };
    this.#chain = new ThermalChain(this.#parameters);
  }

  /** The chip does something else from now on. Time that runs backwards counts as none. */
  setActivity(at_s: number, activity: Activity): void {
    this.#advance(at_s);
    this.#activity = activity;
  }

  /** Everything the sensors and meters say now. */
  read(at_s: number): ThermalReading {
    this.#advance(at_s);
    const { rails, ambient } = this.#parameters;
    const leakage = this.#leakageFactor(this.#state.die_C);
    const reading = (rail: ThermalRail): RailReading =>
      railOf(rail, leakage * railPower_W(rail, this.#activity));
    return {
      ...this.#state,
      ambient_C: ambientTemperature_C(ambient, this.#at_s),
      power_W: leakage * this.power_W(this.#activity),
      rails: { core: reading(rails.core), io: reading(rails.io) },
      energy_J: { ...this.#energy_J },
    };
  }

  /**
   * Die temperature after `pause_s` of idling and then `duration_s` of an activity, from what a controller takes for the
   * state at the time of the last reading (its sensors may be wrong). A controller does not know that its die leaks: a
   * thermal runaway is nothing that it sees coming.
   */
  predictDie_C(from: ChainState, activity: Activity, duration_s: number, pause_s = 0): number {
    const start_s = this.#at_s + pause_s;
    const rested = this.#chain.advance(from, this.#at_s, start_s, this.power_W(IDLE));
    return this.#chain.advance(rested, start_s, start_s + duration_s, this.power_W(activity)).die_C;
  }

  /** Power of an activity at the rails while the die is at the reference temperature; all of it heats the die. */
  power_W(activity: Activity): number {
    const { core, io } = this.#parameters.rails;
    return railPower_W(core, activity) + railPower_W(io, activity);
  }

  #advance(to_s: number): void {
    if (!(to_s > this.#at_s)) return;
    const { state, powered_s } = this.#evolve(this.#state, this.#at_s, to_s, this.#activity);
    this.#state = state;
    for (const phase of PHASES) {
      this.#energy_J[phase] += this.#activity[phase] * powered_s * this.power_W(only(phase));
    }
    this.#at_s = to_s;
  }

  /** The chain after an activity, and the time that it would have taken to use as much energy without leakage. */
  #evolve(
    from: ChainState,
    from_s: number,
    to_s: number,
    activity: Activity,
  ): { state: ChainState; powered_s: number } {
    const power_W = this.power_W(activity);
    const elapsed_s = to_s - from_s;
    if (this.#parameters.leakage_ratio_per_C === 0 || !(elapsed_s > 0))
      return { state: this.#chain.advance(from, from_s, to_s, power_W), powered_s: elapsed_s };
    const dieTime_s = this.#parameters.die_J_per_C * this.#parameters.dieToBoard_C_per_W;
    const steps = Math.min(LEAKAGE_STEPS_MAX, Math.ceil((elapsed_s / dieTime_s) * LEAKAGE_STEPS));
    const step_s = elapsed_s / steps;
    let [state, powered_s] = [from, 0];
    for (let k = 0; k < steps; k++) {
      const [start_s, end_s] = [from_s + k * step_s, from_s + (k + 1) * step_s];
      // Power as in the middle of the step: second order.
      const early_W = power_W * this.#leakageFactor(state.die_C);
      const middle = this.#chain.advance(state, start_s, start_s + step_s / 2, early_W);
      const factor = this.#leakageFactor(middle.die_C);
      state = this.#chain.advance(state, start_s, end_s, power_W * factor);
      powered_s += factor * step_s;
    }
    return { state, powered_s };
  }

  #leakageFactor(die_C: number): number {
    const { leakage_ratio_per_C, sensitivity } = this.#parameters;
    const factor = 1 + leakage_ratio_per_C * (die_C - sensitivity.reference_C);
    return Math.max(0, Math.min(LEAKAGE_FACTOR_MAX, factor));
  }
}

const ONLY: Record<ThermalPhase, Activity> = {
  idle: IDLE,
  program: PROGRAM,
  relax: { idle: 0, program: 0, relax: 1, read: 0 },
  read: { idle: 0, program: 0, relax: 0, read: 1 },
};
const only = (phase: ThermalPhase): Activity => ONLY[phase];

function railPower_W({ power }: ThermalRail, activity: Activity): number {
  const { idle_W, program_W, relax_W, read_W } = power;
  return (
    activity.idle * idle_W + activity.program * program_W + activity.relax * relax_W + activity.read * read_W
  );
}

/** V I = P behind a source resistance: I = (V0 - sqrt(V0^2 - 4 R P)) / 2R, written so that R = 0 is no special case. */
function railOf({ voltage_V, resistance_ohm }: ThermalRail, power_W: number): RailReading {
  const root = Math.sqrt(voltage_V ** 2 - 4 * resistance_ohm * power_W);
  const current_A = (2 * power_W) / (voltage_V + root);
  return { voltage_V: voltage_V - resistance_ohm * current_A, current_A };
}

/** The largest readout code; a code this far out says that the converter was at its end. */
const CODE_MAX = 2047;

/** Readout codes at +-2047. */
export function saturatedCodes(codes: Int16Array): number {
  let count = 0;
  for (const code of codes) if (code >= CODE_MAX || code <= -CODE_MAX) count += 1;
  return count;
}
