// The effective program: what a chip with its own gains, offsets, noise and faults makes of a programmed one. twin-core
// builds it once per load and hands it to kernel and oracle alike; both know effective programs only, never a fault by name.
import type { CoreProgram } from './analog-core.ts';

/** Codes of an effective coupling fit 16 bits: 2047 codes with at most four fraction bits. */
export const COUPLING_FRACTION_BITS_MAX = 4;

export interface EffectiveField {
  /** Integer codes, within +-2047. */
  readonly code: Int16Array;
  /** Per unit, 1 = as programmed: the force is code * factor * scale_E0. */
  readonly factor: Float64Array;
}

export interface EffectiveProgram {
  /** The program as the core keeps it; its scales hold for everything below. Its codes are not read by the kernel. */
  readonly program: CoreProgram;
  /**
   * N x N row-major, row = the unit that is pushed, zero diagonal, not necessarily symmetric: J_ij = code * coupling_E0 /
   * 2^couplingFractionBits. Codes within +-32767; a common gain is better put into couplingFactor.
   */
  readonly couplingCode: Int16Array;
  /** 0 to 4. Four bits resolve a gain error of 1 % of a code of 10 to 3 %, and of a code of 270 to 0.1 %. */
  readonly couplingFractionBits: number;
  /** Per unit, multiplies its whole row of couplings; 1 = as programmed. */
  readonly couplingFactor: Float64Array;
  /** Bias of each unit in codes, fractions allowed (19 bits), within +-2047; acts in coupled phases. */
  readonly biasCode: Float64Array;
  /** Constant force -offset on each unit in every phase, coupled or not (E0, enters V as + offset * x). */
  readonly offset_E0: Float64Array;
  /** Per unit, multiply the programmed J2 and J4. */
  readonly j2Factor: Float64Array;
  readonly j4Factor: Float64Array;
  readonly j2Code: Int16Array;
  readonly j4Code: Int16Array;
  /** Multiplies the amplitude of the noise (kT goes with its square); 0 = silent, 1 = as programmed. */
  readonly noiseAmplitudeFactor: Float64Array;
  /**
   * Colour of the noise: a = code / 32768, 0 <= code <= 32767, in y_k = a y_(k-1) + sqrt(1 - a^2) w_k with y_0 = w_0, so the
   * variance of an increment stays what it is for white noise. 0 = white, to the last bit.
   */
  readonly noiseMemory_q15: Int32Array;
  /** 1 = the unit never moves (dead or stuck); it still couples to others with its state below. */
  readonly frozen: Uint8Array;
  /** Where a frozen unit stands, in x within +-2 (0 = dead); not read for the others. */
  readonly frozenState: Float64Array;
  /** What the field DACs make of an image. */
  field(code: Int16Array): EffectiveField;
}

/** Row-major full symmetric matrix (zero diagonal) from the codes of the pairs i < j, shifted left by `fractionBits`. */
export function fullCouplings(units: number, couplingCode: Int16Array, fractionBits = 0): Int16Array {
  const full = new Int16Array(units * units);
  let at = 0;
  for (let i = 0; i < units; i++) {
    for (let j = i + 1; j < units; j++) {
      full[i * units + j] = full[j * units + i] = couplingCode[at++] << fractionBits;
    }
  }
  return full;
}

/** A chip without faults: every factor 1, every offset 0, white noise. Copies what it keeps. */
export function idealProgram(program: CoreProgram): EffectiveProgram {
  const { units } = program;
  const ones = (): Float64Array => new Float64Array(units).fill(1);
  return {
    program: { ...program, scale: { ...program.scale } },
    couplingCode: fullCouplings(units, program.couplingCode),
    couplingFractionBits: 0,
    couplingFactor: ones(),
    biasCode: Float64Array.from(program.biasCode),
    offset_E0: new Float64Array(units),
    j2Factor: ones(),
    j4Factor: ones(),
    j2Code: program.j2Code.slice(),
    j4Code: program.j4Code.slice(),
    noiseAmplitudeFactor: ones(),
    noiseMemory_q15: new Int32Array(units),
    frozen: new Uint8Array(units),
    frozenState: new Float64Array(units),
    field: (code) => ({ code, factor: ones() }),
  };
}
