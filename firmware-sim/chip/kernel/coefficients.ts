// From codes, scales and a step to the integers that the kernel and its oracle multiply with. Plain double arithmetic
// (+ - * / sqrt), done once and shared; everything after it is integer and exists twice.
//
// One step of unit i, state X in Q27 (2^27 = 1.0, rails +-2^28), all forces from the old state:
//     X <- clamp(X + ((sum of terms + 2^31) >> 32), +-2^28)         terms in Q59, 64 bits
//     term          input (32 bits, size <= 2^30)                        multiplier (32 bits)
//     -2 dt J2 x    X << 2                                                -2 dt J2 2^30
//     -4 dt J4 x^3  x3 << 2, x3 = hi((x2 << 2)(X << 2)) in Q25            -4 dt J4 2^32
//                   x2 = hi((X << 2)^2) in Q26, hi = high 32 bits
//     -dt J x       S 2^e, S = sum_j code_ij c_j exact, then rounded      -dt s_J gain 2^(47 - e)
//     -dt b         code << 19                                            -dt s_b 2^40
//     -dt offset    2^30                                                  -dt offset 2^29
//     +dt a f       (code * ramp in Q15) << 4                             +dt s_f gain 2^40
//     noise         table code << 15 (7500 = one sigma)                   sqrt(2 dt kT) gain 2^44 / 7500
// c_j is the state code, X >> 15 rounded and clamped to +-8191; s_J is E0 per effective coupling code (16 bits: a 12-bit
// code and up to 4 fraction bits); e is the largest exponent that keeps |S| 2^e <= 2^30 for the program's largest row.
// `mu` is 1 (E0 and mu set the units). Gains and offsets are per unit (effective-program.ts), 1 and 0 on an ideal chip.
//
// S is exact. It is summed in blocks of W columns in i32; W is the largest power of two for which no row has W adjacent
// columns with sum |code| * 8191 >= 2^31 (`exactColumns`, a fact of the loaded couplings). W >= 8 for any couplings, since
// 8 * 32767 * 8191 < 2^31; W >= 128 without fraction bits (128 * 2047 * 8191 < 2^31), and trained couplings need one block.
// A block p is added up as p & 4095 and p >> 12: the low words stay below 4096 blocks * 2^12 = 2^24, the high ones below
// |S| / 2^12 + 4096 < 2^29, because |S| <= 32767 * 8191 * 4096 < 2^40. high * 2^12 + low is S whatever W and the order of
// the blocks are, columns whose codes are 0 may be left out, and so dense, masked and matrix-vector path give the same bits.
//
// No overflow, for every program and schedule that passes: inputs are bounded by 2^30: X << 2 by the rails, x3 << 2
// because |x3| <= 2^28, codes by 2047 * 2^19 and 2047 * 2^15 * 2^4, the table by 32767 * 2^15, coloured noise by its
// clamp. `multiplier` refuses a term that could move a unit by 2 (the rail) in one step, so a term stays within 2^60, seven
// of them and 2^31 below 2^63. J4 >= 0 pushes inwards, so that away from 0 at most six terms add up: |X| + 12 * 2^27 <
// 2^31, and towards 0 and beyond seven: 14 * 2^27 < 2^31. A multiplier fits 32 bits: it is at most 2^60 / 2^30 for an
// input bound of 2^30; for the couplings the bound is above 2^29, since e is the largest possible and S is at least 8191
// when any coupling is not 0.
//
// Coloured noise, y <- clamp((y a + w c + 2^31) >> 32, +-2^28) << 2 with a, c = sqrt(1 - a^2) in Q30 and w = table code
// << 15: the sum is at most 2^61, y at most 2^30; a = 0 gives w exactly. The clamp, at 4.37 sigma, costs a variance of 3e-5.
//
// Precision: rounding a multiplier moves a term by at most 2^29 / 2^59 = 2^-30 of x per step (a force of 1e-6 E0 at
// dt 0.001), at the rails; at thermal amplitudes ten times less. The floors inside x^3 move it by less than 2^-24.
import type { CorePhase, CoreRun } from '../analog-core.ts';
import { CoreRefusal } from '../analog-core.ts';
import type { EffectiveProgram } from '../effective-program.ts';
import type { OscillatorCell } from '../dynamics.ts';
import { GAUSSIAN_RMS } from './gaussian.ts';
import { oscillatorStep } from './oscillator.ts';
import type { OscillatorPlan, StepWeights } from './oscillator.ts';

/** Reduced time units, 1/(mu E0), per nanosecond: the unit is 1 us on the twin. */
export const TIME_PER_NS = 1e-3;
const INPUT_MAX = 2 ** 30;
/** No term may move a unit further than this in one step, in x. */
const PUSH_LIMIT = 2;
/** A smaller noise multiplier would be off by more than 1e-3 through rounding. */
const NOISE_MULTIPLIER_MIN = 500;
const STATE_CODE_MAX = 8191;

export interface PhasePlan {
  readonly steps: number;
  readonly coupled: boolean;
  readonly fieldCode: Int16Array | null;
  readonly fieldMultiplier: Int32Array;
  readonly from_q15: number;
  readonly to_q15: number;
  readonly noiseMultiplier: Int32Array;
  readonly readAtStep: readonly number[];
}

/** Everything about a run that the kernel needs beside the couplings; plain data, sent to the workers as it is. */
export interface RunPlan {
  readonly units: number;
  readonly j2Multiplier: Int32Array;
  readonly j4Multiplier: Int32Array;
  /** Bias code << 19, the fraction included. */
  readonly biasInput: Int32Array;
  readonly biasMultiplier: number;
  readonly offsetMultiplier: Int32Array;
  readonly couplingMultiplier: Int32Array;
  /** e of the table above: S is shifted left by it, or right (rounded) when negative. */
  readonly couplingExponent: number;
  /** W: columns whose products sum exactly in i32, a power of two. */
  readonly exactColumns: number;
  /** Coloured noise: a in Q15 per unit. */
  readonly noiseMemory_q15: Int32Array;
  /** States at the start of a run, Q27: 0 unless frozen elsewhere. */
  readonly initialState: Int32Array;
  readonly seedLow: number;
  readonly seedHigh: number;
  readonly firstSample: number;
  readonly samples: number;
  readonly phases: readonly PhasePlan[];
  readonly reads: number;
  /** Null: overdamped units. */
  readonly oscillator: OscillatorPlan | null;
}

/** Facts of a coupling matrix, in effective codes. */
export interface CouplingNorms {
  /** Largest sum_j |code_ij| over the rows. */
  readonly rowL1_codes: number;
  readonly frobenius_codes: number;
  /** W of the proof above. */
  readonly exactColumns: number;
}

/** Sum of |code| whose product with any state codes is exact in i32. */
const EXACT_L1_CODES = Math.floor((2 ** 31 - 1) / STATE_CODE_MAX);

/** Norms of an N x N matrix, row-major. */
export function couplingNorms(units: number, couplingCode: Int16Array): CouplingNorms {
  const before = new Float64Array(units + 1);
  let squares = 0;
  let rowL1_codes = 0;
  let exactColumns = 8;
  while (exactColumns < units) exactColumns *= 2;
  for (let i = 0; i < units; i++) {
    for (let j = 0; j < units; j++) {
      const size = Math.abs(couplingCode[i * units + j]);
      before[j + 1] = before[j] + size;
      squares += size * size;
    }
    rowL1_codes = Math.max(rowL1_codes, before[units]);
    while (exactColumns > 8 && largestWindow(before, exactColumns) > EXACT_L1_CODES) exactColumns /= 2;
  }
  return { rowL1_codes, frobenius_codes: Math.sqrt(squares), exactColumns };
}

/** Largest sum over `width` adjacent columns, from the running sums of a row. */
function largestWindow(before: Float64Array, width: number): number {
  const units = before.length - 1;
  let largest = before[Math.min(width, units)];
  for (let end = width + 1; end <= units; end++) {
    largest = Math.max(largest, before[end] - before[end - width]);
  }
  return largest;
}

/** Euler-Maruyama: forces times dt, noise of variance 2 dt kT. */
function overdampedWeights(step_ns: number): StepWeights {
  const dt = step_ns * TIME_PER_NS;
  return { step_ns, force: dt, noise: (kT_E0) => Math.sqrt(2 * dt * kT_E0), fineness: 1 };
}

/** Rounds a multiplier and refuses one whose term could move a unit by more than the rail in one step. */
function multiplier(value: number, term: string, weights: StepWeights, largestInput = INPUT_MAX): number {
  const push = (Math.abs(value) * largestInput) / 2 ** 59;
  if (push < PUSH_LIMIT) return Math.floor(value + 0.5);
  throw new CoreRefusal(
    'headroom',
    `${term} can move a unit by ${(push / weights.fineness).toPrecision(4)} in one step of ${weights.step_ns} ns; ` +
      `it must stay below ${PUSH_LIMIT / weights.fineness} (from zero to the rail)`,
  );
}

/** The exponent e, and the largest input 2^e |S| that it leaves. */
function couplingInput(rowL1_codes: number): { exponent: number; largest: number } {
  const largestSum = rowL1_codes * STATE_CODE_MAX;
  let exponent = 17;
  // 2^-e more than the largest sum leaves room for the rounding of a right shift.
  const largest = (): number => (largestSum + 2 ** -exponent) * 2 ** exponent;
  while (exponent > -10 && largest() > INPUT_MAX) exponent -= 1;
  return { exponent, largest: largest() };
}

/** Noise multipliers of all units; a factor of 0 means a silent unit, not one that rounds away. */
function noiseMultipliers(kT_E0: number, weights: StepWeights, factor: Float64Array): Int32Array {
  const sigma = weights.noise(kT_E0);
  const { fineness, step_ns } = weights;
  const exact = (sigma * 2 ** 44) / GAUSSIAN_RMS;
  return Int32Array.from(factor, (gain) => {
    if (gain === 0) return 0;
    if (exact * gain < NOISE_MULTIPLIER_MIN) {
      const least = (NOISE_MULTIPLIER_MIN * GAUSSIAN_RMS) / 2 ** 44 / fineness;
      throw new CoreRefusal(
        'noise-underflow',
        `noise of ${((sigma * gain) / fineness).toPrecision(4)} per step of ${step_ns} ns (kT ${(kT_E0 * gain * gain).toPrecision(4)} E0) ` +
          `is below ${least.toPrecision(4)}, where its rounding error passes 0.1 %`,
      );
    }
    return multiplier(exact * gain, 'the noise', weights);
  });
}

/** A frozen unit has no term at all, and therefore never moves. */
function silence(multipliers: Int32Array, frozen: Uint8Array): Int32Array {
  return multipliers.map((m, unit) => (frozen[unit] === 0 ? m : 0));
}

/**
 * The program's part of a plan at one step; what acts in coupled phases only is 0 in a run that has none.
 * Throws CoreRefusal 'headroom'.
 */
export function programMultipliers(
  effective: EffectiveProgram,
  norms: CouplingNorms,
  step: number | StepWeights,
  coupled: boolean,
): Pick<
  RunPlan,
  | 'j2Multiplier'
  | 'j4Multiplier'
  | 'biasMultiplier'
  | 'offsetMultiplier'
  | 'couplingMultiplier'
  | 'couplingExponent'
> {
  const weights = typeof step === 'number' ? overdampedWeights(step) : step;
  const dt = weights.force;
  const { frozen } = effective;
  const { scale } = effective.program;
  const perUnit = (values: Int16Array | Float64Array, of: (value: number, unit: number) => number) =>
    silence(Int32Array.from(values, of), frozen);
  const onSite = (codes: Int16Array, gain: Float64Array, factor: number, term: string): Int32Array =>
    perUnit(codes, (c, unit) => multiplier(-dt * factor * c * gain[unit], term, weights));
  const { exponent, largest } = couplingInput(norms.rowL1_codes);
  const coupling_E0 =
    coupled && norms.rowL1_codes > 0 ? scale.coupling_E0 * 2 ** -effective.couplingFractionBits : 0;
  const bias_E0 = coupled ? scale.bias_E0 : 0;
  const couplings = -dt * coupling_E0 * 2 ** (47 - exponent);
  return {
    j2Multiplier: onSite(effective.j2Code, effective.j2Factor, 2 * scale.j2_E0 * 2 ** 30, 'J2'),
    j4Multiplier: onSite(effective.j4Code, effective.j4Factor, 4 * scale.j4_E0 * 2 ** 32, 'J4'),
    biasMultiplier: multiplier(-dt * bias_E0 * 2 ** 40, 'the bias scale', weights),
    offsetMultiplier: perUnit(effective.offset_E0, (force) =>
      multiplier(-dt * force * 2 ** 29, 'an offset', weights),
    ),
    couplingMultiplier: perUnit(effective.couplingFactor, (gain) =>
      multiplier(couplings * gain, 'the couplings of a row', weights, largest),
    ),
    couplingExponent: exponent,
  };
}

/** Whether the couplings act in any phase. */
export function isCoupled(run: CoreRun): boolean {
  return run.phases.some((phase) => phase.coupled);
}

function planPhase(
  effective: EffectiveProgram,
  phase: CorePhase,
  weights: StepWeights,
  kTPerCode_E0: number,
): PhasePlan {
  const dt = weights.force;
  const image = phase.field;
  const field = image ? effective.field(image.code) : null;
  const perUnit = (gain: Float64Array, scale_E0: number): Int32Array =>
    Int32Array.from(gain, (g) => multiplier(dt * scale_E0 * 2 ** 40 * g, 'the field scale', weights));
  const noise = noiseMultipliers(
    phase.noiseTemperatureCode * kTPerCode_E0,
    weights,
    effective.noiseAmplitudeFactor,
  );
  return {
    steps: phase.steps,
    coupled: phase.coupled,
    fieldCode: field?.code ?? null,
    fieldMultiplier:
      field && image
        ? silence(perUnit(field.factor, image.scale_E0), effective.frozen)
        : new Int32Array(effective.program.units),
    from_q15: image?.from_q15 ?? 0,
    to_q15: image?.to_q15 ?? 0,
    noiseMultiplier: silence(noise, effective.frozen),
    readAtStep: [...phase.readAtStep],
  };
}

/** The plan of a checked run. Throws CoreRefusal 'headroom' and 'noise-underflow'. */
export function planRun(
  effective: EffectiveProgram,
  norms: CouplingNorms,
  run: CoreRun,
  noiseTemperatureError_ratio: number,
  cell: OscillatorCell | null = null,
): RunPlan {
  const { scale, units } = effective.program;
  const kTPerCode_E0 = scale.noiseTemperature_E0 * (1 + noiseTemperatureError_ratio);
  const dt = run.step_ns * TIME_PER_NS;
  const oscillator = cell && oscillatorStep(cell, effective.program, norms.rowL1_codes, run.step_ns, dt, run);
  const weights = oscillator?.weights ?? overdampedWeights(run.step_ns);
  const phases = run.phases.map((phase) => planPhase(effective, phase, weights, kTPerCode_E0));
  const { frozen } = effective;
  return {
    ...programMultipliers(effective, norms, weights, isCoupled(run)),
    units,
    biasInput: Int32Array.from(effective.biasCode, (code, unit) =>
      frozen[unit] === 0 ? Math.floor(code * 2 ** 19 + 0.5) : 0,
    ),
    exactColumns: norms.exactColumns,
    noiseMemory_q15: effective.noiseMemory_q15,
    initialState: Int32Array.from(effective.frozenState, (x, unit) =>
      frozen[unit] === 0 ? 0 : Math.floor(x * 2 ** 27 + 0.5),
    ),
    seedLow: Number(run.seed & 0xffffffffn),
    seedHigh: Number(run.seed >> 32n),
    firstSample: run.firstSample,
    samples: run.samples,
    phases,
    reads: phases.reduce((sum, phase) => sum + phase.readAtStep.length, 0),
    oscillator: oscillator?.plan ?? null,
  };
}

/** Weight of the new value in coloured noise, Q30: sqrt(1 - a^2). Shared by kernel and oracle. */
export function freshWeight(memory_q15: number): number {
  return Math.floor(Math.sqrt(2 ** 30 - memory_q15 ** 2) * 2 ** 15 + 0.5);
}
