// How warm the die of a device will be, from what was learned of it: two poles in a row, die over board and board over its
// surroundings. Pure.
import { excessAfter_C, type PoleParameters } from './pole.ts';

/** What the sensors say now, degrees Celsius. */
export interface Temperatures {
  die_C: number;
  board_C: number;
  ambient_C: number;
}

export interface ThermalFacts {
  die: PoleParameters;
  board: PoleParameters;
  /** Power at the rails while the device does nothing, and while it runs. */
  idle_W: number;
  run_W: number;
  /** The die is to stay below. */
  limit_C: number;
}

/** Longer than this is for ever. */
const LONGEST_S = 1e7;
const BISECTIONS = 50;

export class Forecast {
  readonly facts: ThermalFacts;

  constructor(facts: ThermalFacts) {
    this.facts = facts;
  }

  /** Die temperature at its highest, while the device idles for `pause_s` and then runs for `duration_s`. */
  peak_C(now: Temperatures, duration_s: number, pause_s = 0): number {
    const { idle_W, run_W } = this.facts;
    const rested = pause_s > 0 ? this.#after(now, idle_W, pause_s) : now;
    const end = this.#after(rested, run_W, duration_s);
    // Between its ends it has no other maximum but where it cools from the start.
    return Math.max(rested.die_C, end.die_C);
  }

  /** The longest run that stays below the limit; Infinity: any, 0: none. */
  room_s(now: Temperatures, pause_s = 0): number {
    const { limit_C } = this.facts;
    const fits = (duration_s: number): boolean => this.peak_C(now, duration_s, pause_s) <= limit_C;
    if (fits(LONGEST_S)) return Infinity;
    return fits(0) ? bisect(fits, LONGEST_S) : 0;
  }

  /** The same after a rest that is long enough for everything to settle: there will never be more room than that. */
  roomAtRest_s(now: Temperatures): number {
    return this.room_s(now, LONGEST_S);
  }

  /** How long to idle before there is room for a run of `duration_s`; Infinity: for ever. */
  waitFor_s(now: Temperatures, duration_s: number): number {
    const { limit_C } = this.facts;
    const tooSoon = (pause_s: number): boolean => this.peak_C(now, duration_s, pause_s) > limit_C;
    if (!tooSoon(0)) return 0;
    return tooSoon(LONGEST_S) ? Infinity : bisect(tooSoon, LONGEST_S);
  }

  /**
   * The board goes to its own end; the die follows it, and lags behind where it moves:
   * theta = R P + A exp(-t/tau_board) + (theta_0 - R P - A) exp(-t/tau), A = -(dT_board/dt at 0) / (1/tau - 1/tau_board).
   */
  #after({ die_C, board_C, ambient_C }: Temperatures, power_W: number, duration_s: number): Temperatures {
    const { die, board } = this.facts;
    const excess_C = board_C - ambient_C;
    const next_C = ambient_C + excessAfter_C(board, excess_C, power_W, duration_s);
    const boardRate = (board.resistance_C_per_W * power_W - excess_C) / board.tau_s;
    // A die as slow as its board is none; then the lag is left out.
    const lag_C = board.tau_s > 2 * die.tau_s ? -boardRate / (1 / die.tau_s - 1 / board.tau_s) : 0;
    const follows_C = excessAfter_C(die, die_C - board_C - lag_C, power_W, duration_s);
    return {
      die_C: next_C + follows_C + lag_C * Math.exp(-duration_s / board.tau_s),
      board_C: next_C,
      ambient_C,
    };
  }
}

/** The last time for which `holds` is still true; it is at 0 and is not at `end_s`. By ratios: from microseconds to months. */
function bisect(holds: (time_s: number) => boolean, end_s: number): number {
  let [yes, no] = [1e-6, end_s];
  if (!holds(yes)) return yes;
  for (let step = 0; step < BISECTIONS; step++) {
    const middle = Math.sqrt(yes * no);
    if (holds(middle)) yes = middle;
    else no = middle;
  }
  return yes;
}
