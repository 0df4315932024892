// The thermal state of a chip and its energy meters, as functions of the board's clock: whoever drives it says what the
// chip does from when on, and reads sensors; between two calls power is constant and everything is advanced exactly.
import { ambientTemperature_C, ThermalChain } from './chain.ts';
import type { ChainState } from './chain.ts';
import type { ThermalParameters, ThermalRail } from './schema.ts';

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
  readonly parameters: ThermalParameters;
  readonly #chain: ThermalChain;
  #at_s: number;
  #state: ChainState;
  #activity: Activity = IDLE;
  readonly #energy_J: Record<ThermalPhase, number> = { idle: 0, program: 0, relax: 0, read: 0 };

  /** Switched on long ago: settled at idle power. `origin_s` is the board's time of power on. */
  constructor(parameters: ThermalParameters, origin_s = 0) {
    this.parameters = parameters;
    this.#chain = new ThermalChain(parameters);
    this.#at_s = origin_s;
    this.#state = this.#chain.settled(origin_s, this.power_W(IDLE));
  }

  /** The chip does something else from now on. Time that runs backwards counts as none. */
  setActivity(at_s: number, activity: Activity): void {
    this.#advance(at_s);
    this.#activity = activity;
  }

  /** Everything the sensors and meters say now. */
  read(at_s: number): ThermalReading {
    this.#advance(at_s);
    const { rails, ambient } = this.parameters;
    return {
      ...this.#state,
      ambient_C: ambientTemperature_C(ambient, this.#at_s),
      power_W: this.power_W(this.#activity),
      rails: { core: railOf(rails.core, this.#activity), io: railOf(rails.io, this.#activity) },
      energy_J: { ...this.#energy_J },
    };
  }

  /**
   * Die temperature after `pause_s` of idling and then `duration_s` of an activity, from what a controller takes for the
   * state at the time of the last reading (its sensors may be wrong).
   */
  predictDie_C(from: ChainState, activity: Activity, duration_s: number, pause_s = 0): number {
    const start_s = this.#at_s + pause_s;
    const rested = this.#chain.advance(from, this.#at_s, start_s, this.power_W(IDLE));
    return this.#chain.advance(rested, start_s, start_s + duration_s, this.power_W(activity)).die_C;
  }

  /** Power of an activity at the rails, all of which heats the die. */
  power_W(activity: Activity): number {
    const { core, io } = this.parameters.rails;
    return railPower_W(core, activity) + railPower_W(io, activity);
  }

  #advance(to_s: number): void {
    if (!(to_s > this.#at_s)) return;
    const power_W = this.power_W(this.#activity);
    this.#state = this.#chain.advance(this.#state, this.#at_s, to_s, power_W);
    for (const phase of PHASES) {
      const share_s = this.#activity[phase] * (to_s - this.#at_s);
      this.#energy_J[phase] += share_s * this.power_W(only(phase));
    }
    this.#at_s = to_s;
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
function railOf(rail: ThermalRail, activity: Activity): RailReading {
  const { voltage_V, resistance_ohm } = rail;
  const power_W = railPower_W(rail, activity);
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
