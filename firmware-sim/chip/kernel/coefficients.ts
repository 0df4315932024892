// From codes, scales and a step to the integers that the kernel and its oracle multiply with. Plain double arithmetic
// (+ - * / sqrt), done once and shared; everything after it is integer and exists twice.
//
// One step of unit i, state X in Q27 (2^27 = 1.0, rails +-2^28), all forces from the old state:
//     X <- clamp(X + ((sum of terms + 2^31) >> 32), +-2^28)         terms in Q59, 64 bits
//     term          input (32 bits, size <= 2^30)                        multiplier (32 bits)
//     -2 dt J2 x    X << 2                                                -2 dt J2 2^30
//     -4 dt J4 x^3  x3 << 2, x3 = hi((x2 << 2)(X << 2)) in Q25            -4 dt J4 2^32
//                   x2 = hi((X << 2)^2) in Q26, hi = high 32 bits
//     -dt J x       S 2^e, S = sum_j code_ij c_j exact, then rounded      -dt s_J 2^(47 - e)
//     -dt b         code << 19                                            -dt s_b 2^40
//     +dt a f       (code * ramp in Q15) << 4                             +dt s_f 2^40
//     noise         table code << 15 (7500 = one sigma)                   sqrt(2 dt kT) 2^44 / 7500
// c_j is the state code, X >> 15 rounded and clamped to +-8191; e is the largest exponent that keeps |S| 2^e <= 2^30
// for the program's largest row. `mu` is 1 (E0 and mu set the units).
//
// No overflow, for every program and schedule that passes: a sum of 128 columns is below 128 * 2047 * 8191 < 2^31; its
// high part, |S| / 64 + units / 128, fits 32 bits because |S| <= 2047 * 8191 * units with units <= 4096. Inputs are
// bounded by 2^30: X << 2 by the rails, x3 << 2 because |x3| <= 2^28, codes by 2047 * 2^19 and 2047 * 2^15 * 2^4, the
// table by 32767 * 2^15. `multiplier` refuses a term that could move a unit by 2 (the rail) in one step, so a term stays
// below 2^60, six of them and 2^31 below 2^63, the increment below 12 * 2^27 and |X| + 12 * 2^27 below 2^31. A multiplier
// fits 32 bits: it is at most 2^60 / 2^30 for an input bound of 2^30; for the couplings the bound is above 2^29, since e
// is the largest possible and S is at least 8191 when any coupling is not 0.
//
// Precision: rounding a multiplier moves a term by at most 2^29 / 2^59 = 2^-30 of x per step (a force of 1e-6 E0 at
// dt 0.001), at the rails; at thermal amplitudes ten times less. The floors inside x^3 move it by less than 2^-24.
import type { CoreProgram, CoreRun } from '../analog-core.ts';
import { CoreRefusal } from '../analog-core.ts';
import { GAUSSIAN_RMS } from './gaussian.ts';

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
  readonly fieldMultiplier: number;
  readonly from_q15: number;
  readonly to_q15: number;
  readonly noiseMultiplier: number;
  readonly readAtStep: readonly number[];
}

/** Everything about a run that the kernel needs beside the couplings; plain data, sent to the workers as it is. */
export interface RunPlan {
  readonly units: number;
  readonly j2Multiplier: Int32Array;
  readonly j4Multiplier: Int32Array;
  readonly biasCode: Int16Array;
  readonly biasMultiplier: number;
  readonly couplingMultiplier: number;
  /** e of the table above: S is shifted left by it, or right (rounded) when negative. */
  readonly couplingExponent: number;
  readonly seedLow: number;
  readonly seedHigh: number;
  readonly firstSample: number;
  readonly samples: number;
  readonly phases: readonly PhasePlan[];
  readonly reads: number;
}

/** Largest sum_j |code_ij| over the rows, and the Frobenius norm of the symmetric matrix, in codes. */
export interface CouplingNorms {
  readonly rowL1_codes: number;
  readonly frobenius_codes: number;
}

export function couplingNorms(units: number, couplingCode: Int16Array): CouplingNorms {
  const row = new Float64Array(units);
  let squares = 0;
  let at = 0;
  for (let i = 0; i < units; i++) {
    for (let j = i + 1; j < units; j++) {
      const size = Math.abs(couplingCode[at++]);
      row[i] += size;
      row[j] += size;
      squares += 2 * size * size;
    }
  }
  let rowL1_codes = 0;
  for (const sum of row) if (sum > rowL1_codes) rowL1_codes = sum;
  return { rowL1_codes, frobenius_codes: Math.sqrt(squares) };
}

/** Rounds a multiplier and refuses one whose term could move a unit by more than the rail in one step. */
function multiplier(value: number, term: string, step_ns: number, largestInput = INPUT_MAX): number {
  const push = (Math.abs(value) * largestInput) / 2 ** 59;
  if (push < PUSH_LIMIT) return Math.floor(value + 0.5);
  throw new CoreRefusal(
    'headroom',
    `${term} can move a unit by ${push.toPrecision(4)} in one step of ${step_ns} ns; it must stay below ` +
      `${PUSH_LIMIT} (from zero to the rail)`,
  );
}

/** The exponent e, and the largest input 2^e |S| that it leaves. */
function couplingInput(rowL1_codes: number): { exponent: number; largest: number } {
  const largestSum = rowL1_codes * STATE_CODE_MAX;
  let exponent = 17;
  // 2^-e more than the largest sum leaves room for the rounding of a right shift.
  const largest = (): number => (largestSum + 2 ** -exponent) * 2 ** exponent;
  while (exponent > -6 && largest() > INPUT_MAX) exponent -= 1;
  return { exponent, largest: largest() };
}

function noiseMultiplier(kT_E0: number, dt: number, step_ns: number): number {
  const sigma = Math.sqrt(2 * dt * kT_E0);
  const exact = (sigma * 2 ** 44) / GAUSSIAN_RMS;
  if (exact < NOISE_MULTIPLIER_MIN) {
    const least = (NOISE_MULTIPLIER_MIN * GAUSSIAN_RMS) / 2 ** 44;
    throw new CoreRefusal(
      'noise-underflow',
      `noise of ${sigma.toPrecision(4)} per step of ${step_ns} ns (kT ${kT_E0.toPrecision(4)} E0) is below ` +
        `${least.toPrecision(4)}, where its rounding error passes 0.1 %`,
    );
  }
  return multiplier(exact, 'the noise', step_ns);
}

/**
 * The program's part of a plan at one step; what acts in coupled phases only is 0 in a run that has none.
 * Throws CoreRefusal 'headroom'.
 */
export function programMultipliers(
  program: CoreProgram,
  norms: CouplingNorms,
  step_ns: number,
  coupled: boolean,
): Pick<
  RunPlan,
  'j2Multiplier' | 'j4Multiplier' | 'biasMultiplier' | 'couplingMultiplier' | 'couplingExponent'
> {
  const dt = step_ns * TIME_PER_NS;
  const { scale } = program;
  const onSite = (code: Int16Array, factor: number, term: string): Int32Array =>
    Int32Array.from(code, (c) => multiplier(-dt * factor * c, term, step_ns));
  const { exponent, largest } = couplingInput(norms.rowL1_codes);
  const coupling_E0 = coupled && norms.rowL1_codes > 0 ? scale.coupling_E0 : 0;
  const bias_E0 = coupled ? scale.bias_E0 : 0;
  return {
    j2Multiplier: onSite(program.j2Code, 2 * scale.j2_E0 * 2 ** 30, 'J2'),
    j4Multiplier: onSite(program.j4Code, 4 * scale.j4_E0 * 2 ** 32, 'J4'),
    biasMultiplier: multiplier(-dt * bias_E0 * 2 ** 40, 'the bias scale', step_ns),
    couplingMultiplier: multiplier(
      -dt * coupling_E0 * 2 ** (47 - exponent),
      'the couplings of a row',
      step_ns,
      largest,
    ),
    couplingExponent: exponent,
  };
}

/** Whether the couplings act in any phase. */
export function isCoupled(run: CoreRun): boolean {
  return run.phases.some((phase) => phase.coupled);
}

/** The plan of a checked run. Throws CoreRefusal 'headroom' and 'noise-underflow'. */
export function planRun(
  program: CoreProgram,
  norms: CouplingNorms,
  run: CoreRun,
  noiseTemperatureError_ratio: number,
): RunPlan {
  const dt = run.step_ns * TIME_PER_NS;
  const kTPerCode_E0 = program.scale.noiseTemperature_E0 * (1 + noiseTemperatureError_ratio);
  const phases = run.phases.map((phase): PhasePlan => ({
    steps: phase.steps,
    coupled: phase.coupled,
    fieldCode: phase.field?.code ?? null,
    fieldMultiplier: phase.field
      ? multiplier(dt * phase.field.scale_E0 * 2 ** 40, 'the field scale', run.step_ns)
      : 0,
    from_q15: phase.field?.from_q15 ?? 0,
    to_q15: phase.field?.to_q15 ?? 0,
    noiseMultiplier: noiseMultiplier(phase.noiseTemperatureCode * kTPerCode_E0, dt, run.step_ns),
    readAtStep: [...phase.readAtStep],
  }));
  return {
    ...programMultipliers(program, norms, run.step_ns, isCoupled(run)),
    units: program.units,
    biasCode: program.biasCode,
    seedLow: Number(run.seed & 0xffffffffn),
    seedHigh: Number(run.seed >> 32n),
    firstSample: run.firstSample,
    samples: run.samples,
    phases,
    reads: phases.reduce((sum, phase) => sum + phase.readAtStep.length, 0),
  };
}

/** Row-major full symmetric matrix (zero diagonal) from the codes of the pairs i < j. */
export function fullCouplings(units: number, couplingCode: Int16Array): Int16Array {
  const full = new Int16Array(units * units);
  let at = 0;
  for (let i = 0; i < units; i++) {
    for (let j = i + 1; j < units; j++) {
      full[i * units + j] = full[j * units + i] = couplingCode[at++];
    }
  }
  return full;
}
