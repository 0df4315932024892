// Two heat stores in a row, die -> board -> ambient, advanced exactly over any elapsed time: no step, no stability limit.
//
//   C_d T_d' = P - (T_d - T_b)/R_db        C_b T_b' = (T_d - T_b)/R_db - (T_b - T_a(t))/R_ba
//
// With constant power and an ambient T_a = m + Re(a e^{iwt}) a particular solution is known in closed form, and the
// distance from it decays by the exponential of the 2x2 matrix, which is closed too:
//   e^{At} = e^{mt} (cosh(qt) I + sinh(qt)/q (A - mI)),  m = tr A / 2,  q = sqrt(m^2 - det A) > 0.
import type { Ambient, ThermalParameters } from './schema.ts';

export interface ChainState {
  die_C: number;
  board_C: number;
}

type ChainParameters = Pick<
  ThermalParameters,
  'ambient' | 'die_J_per_C' | 'dieToBoard_C_per_W' | 'board_J_per_C' | 'boardToAmbient_C_per_W'
>;

export class ThermalChain {
  readonly #parameters: ChainParameters;
  /** Rates per second: A = [[-dieOut, dieOut], [boardIn, -(boardIn + boardOut)]]. */
  readonly #dieOut: number;
  readonly #boardIn: number;
  readonly #boardOut: number;

  constructor(parameters: ChainParameters) {
    const { die_J_per_C, dieToBoard_C_per_W, board_J_per_C, boardToAmbient_C_per_W } = parameters;
    this.#parameters = parameters;
    this.#dieOut = 1 / (dieToBoard_C_per_W * die_J_per_C);
    this.#boardIn = 1 / (dieToBoard_C_per_W * board_J_per_C);
    this.#boardOut = 1 / (boardToAmbient_C_per_W * board_J_per_C);
  }

  /** State at `to_s`, from `state` at `from_s` with `power_W` in the die all the time. Exact for any duration. */
  advance(state: ChainState, from_s: number, to_s: number, power_W: number): ChainState {
    const before = this.settled(from_s, power_W);
    const after = this.settled(to_s, power_W);
    const [die, board] = this.#decay(
      state.die_C - before.die_C,
      state.board_C - before.board_C,
      to_s - from_s,
    );
    return { die_C: after.die_C + die, board_C: after.board_C + board };
  }

  /** Where the chain stands at a time when `power_W` has been there for ever. */
  settled(at_s: number, power_W: number): ChainState {
    const { ambient, dieToBoard_C_per_W, boardToAmbient_C_per_W } = this.#parameters;
    const board_C = power_W * boardToAmbient_C_per_W;
    const die_C = board_C + power_W * dieToBoard_C_per_W;
    if (ambient.kind === 'constant') {
      return { die_C: ambient.temperature_C + die_C, board_C: ambient.temperature_C + board_C };
    }
    const wave = this.#wave(ambient, at_s);
    return { die_C: ambient.mean_C + die_C + wave.die_C, board_C: ambient.mean_C + board_C + wave.board_C };
  }

  /** e^{A t} applied to a vector; written with decaying exponentials only, so that a long time cannot overflow. */
  #decay(die: number, board: number, duration_s: number): [number, number] {
    const a11 = -this.#dieOut;
    const a22 = -(this.#boardIn + this.#boardOut);
    const mean = (a11 + a22) / 2;
    const half = (a11 - a22) / 2;
    const q = Math.sqrt(half * half + this.#dieOut * this.#boardIn);
    const slow = Math.exp((mean + q) * duration_s);
    const cosh = (slow * (1 + Math.exp(-2 * q * duration_s))) / 2;
    const sinhOverQ = (-slow * Math.expm1(-2 * q * duration_s)) / (2 * q);
    return [
      cosh * die + sinhOverQ * (half * die + this.#dieOut * board),
      cosh * board + sinhOverQ * (this.#boardIn * die - half * board),
    ];
  }

  /** Answer of both nodes to the swing of the ambient, from (iw - A) z = (0, boardOut a). */
  #wave(ambient: Extract<Ambient, { kind: 'daily' }>, at_s: number): ChainState {
    const w = (2 * Math.PI) / ambient.period_s;
    // Board: iw + boardIn + boardOut - boardIn * dieOut / (iw + dieOut), as real and imaginary part.
    const share = (this.#boardIn * this.#dieOut) / (w * w + this.#dieOut ** 2);
    const re = this.#boardIn + this.#boardOut - share * this.#dieOut;
    const im = w + share * w;
    const angle = w * (at_s - ambient.warmestAt_s);
    const board = (ambient.amplitude_C * this.#boardOut) / Math.hypot(re, im);
    const boardAngle = angle - Math.atan2(im, re);
    const die = (board * this.#dieOut) / Math.hypot(w, this.#dieOut);
    return {
      board_C: board * Math.cos(boardAngle),
      die_C: die * Math.cos(boardAngle - Math.atan2(w, this.#dieOut)),
    };
  }
}

/** Temperature of the surroundings, degrees Celsius, `at_s` since power on. */
export function ambientTemperature_C(ambient: Ambient, at_s: number): number {
  if (ambient.kind === 'constant') return ambient.temperature_C;
  const angle = (2 * Math.PI * (at_s - ambient.warmestAt_s)) / ambient.period_s;
  return ambient.mean_C + ambient.amplitude_C * Math.cos(angle);
}
