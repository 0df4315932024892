// What the core can represent: every refusal names the number and the limit. Sizes of terms (headroom) are checked where
// the multipliers are made, in kernel/coefficients.ts; this file holds shapes, ranges and the stability of the step.
import { CoreRefusal } from './analog-core.ts';
import type { CorePhase, CoreProgram, CoreReference, CoreRefusalReason, CoreRun } from './analog-core.ts';
import type { EffectiveProgram } from './effective-program.ts';
import { COUPLING_FRACTION_BITS_MAX } from './effective-program.ts';
import type { OscillatorCell } from './dynamics.ts';
import { TIME_PER_NS } from './kernel/coefficients.ts';
import { stepOfEffective } from './kernel/oscillator.ts';
import type { CouplingNorms } from './kernel/coefficients.ts';

const CODE_MAX = 2047;
const NOISE_CODE_MAX = 4095;
const RAMP_MAX_Q15 = 32768;
const COUNTER_MAX = 2 ** 32;
/** Readout codes of one run; callers batch what is larger. */
const RESULT_CODES_MAX = 2 ** 30;
const RAIL = 2;
/** x per readout code: 12 bits over the rails. */
const STATE_SCALE = 2 ** -10;

function refuse(reason: CoreRefusalReason, message: string): never {
  throw new CoreRefusal(reason, message);
}

function requireInteger(reason: CoreRefusalReason, name: string, value: number, low: number, high: number) {
  if (!Number.isInteger(value) || value < low || value > high) {
    refuse(reason, `${name} is ${value}; allowed are integers from ${low} to ${high}`);
  }
}

function requireCodes(
  reason: CoreRefusalReason,
  name: string,
  codes: Int16Array,
  length: number,
  low = -CODE_MAX,
): void {
  if (codes.length !== length) refuse(reason, `${name} has ${codes.length} codes; expected ${length}`);
  const at = codes.findIndex((code) => code < low || code > CODE_MAX);
  if (at >= 0) refuse(reason, `${name} code ${at} is ${codes[at]}; allowed are ${low} to ${CODE_MAX}`);
}

function requireScale(reason: CoreRefusalReason, name: string, scale: number, positive: boolean): void {
  if (Number.isFinite(scale) && (positive ? scale > 0 : scale >= 0)) return;
  refuse(reason, `the ${name} scale is ${scale}; it must be finite and ${positive ? 'above' : 'at least'} 0`);
}

/** Shapes, codes and scales of a program. Throws CoreRefusal 'bad-program'. */
export function checkProgram(program: CoreProgram, unitsMax: number): void {
  const reason = 'bad-program';
  const { units, scale } = program;
  requireInteger(reason, 'the number of units', units, 1, unitsMax);
  requireCodes(reason, 'coupling', program.couplingCode, (units * (units - 1)) / 2);
  requireCodes(reason, 'bias', program.biasCode, units);
  requireCodes(reason, 'J2', program.j2Code, units);
  requireCodes(reason, 'J4', program.j4Code, units, 1);
  requireInteger(reason, 'the noise temperature code', program.noiseTemperatureCode, 1, NOISE_CODE_MAX);
  requireScale(reason, 'coupling', scale.coupling_E0, false);
  requireScale(reason, 'bias', scale.bias_E0, false);
  requireScale(reason, 'field', scale.field_E0, false);
  requireScale(reason, 'J2', scale.j2_E0, false);
  requireScale(reason, 'J4', scale.j4_E0, true);
  requireScale(reason, 'noise temperature', scale.noiseTemperature_E0, true);
  if (scale.state !== STATE_SCALE) {
    refuse(reason, `the state scale is ${scale.state}; this converter has ${STATE_SCALE}`);
  }
}

function checkField(field: CorePhase['field'], units: number): void {
  if (!field) return;
  const reason = 'bad-schedule';
  requireCodes(reason, 'field', field.code, units);
  requireScale(reason, 'field', field.scale_E0, false);
  requireInteger(reason, 'the start of the field ramp', field.from_q15, -RAMP_MAX_Q15, RAMP_MAX_Q15);
  requireInteger(reason, 'the end of the field ramp', field.to_q15, -RAMP_MAX_Q15, RAMP_MAX_Q15);
}

function checkPhase(phase: CorePhase, units: number): void {
  const reason = 'bad-schedule';
  requireInteger(reason, 'the number of steps of a phase', phase.steps, 1, COUNTER_MAX - 1);
  requireInteger(reason, 'the noise temperature code', phase.noiseTemperatureCode, 1, NOISE_CODE_MAX);
  let last = -1;
  for (const step of phase.readAtStep) {
    requireInteger(reason, 'a read (ascending, each step once)', step, last + 1, phase.steps);
    last = step;
  }
  checkField(phase.field, units);
}

/** Shapes and ranges of a run. Throws CoreRefusal 'bad-schedule'. */
export function checkSchedule(run: CoreRun, units: number): void {
  const reason = 'bad-schedule';
  if (run.seed < 0n || run.seed >= 1n << 64n) refuse(reason, `the seed ${run.seed} does not fit 64 bits`);
  requireInteger(reason, 'the step in ns', run.step_ns, 1, 1e6);
  requireInteger(reason, 'the number of samples', run.samples, 1, COUNTER_MAX);
  requireInteger(reason, 'the first sample', run.firstSample, 0, COUNTER_MAX - run.samples);
  if (run.phases.length === 0) refuse(reason, 'the schedule has no phase');
  for (const phase of run.phases) checkPhase(phase, units);
  const steps = run.phases.reduce((sum, phase) => sum + phase.steps, 0);
  requireInteger(reason, 'the number of steps of all phases', steps, 1, COUNTER_MAX - 1);
  const reads = run.phases.reduce((sum, phase) => sum + phase.readAtStep.length, 0);
  requireInteger(reason, 'the number of reads of all phases', reads, 1, RESULT_CODES_MAX);
  const codes = run.samples * reads * units;
  requireInteger(reason, 'samples x reads x units', codes, 1, RESULT_CODES_MAX);
}

/** Shapes and ranges of a run that reads the converter reference. Throws CoreRefusal 'bad-schedule'. */
export function checkReference(run: CoreRun, reference: CoreReference, unitsMax: number): void {
  const reason = 'bad-schedule';
  const { units, level_x } = reference;
  if (run.seed < 0n || run.seed >= 1n << 64n) refuse(reason, `the seed ${run.seed} does not fit 64 bits`);
  if (run.phases.length > 0) refuse(reason, 'a run that reads the reference has no phases');
  requireInteger(reason, 'the number of units', units, 1, unitsMax);
  requireInteger(reason, 'the number of samples', run.samples, 1, COUNTER_MAX);
  requireInteger(reason, 'the first sample', run.firstSample, 0, COUNTER_MAX - run.samples);
  const wrong = level_x.find((level) => !(Math.abs(level) <= RAIL));
  if (wrong !== undefined) refuse(reason, `a level of ${wrong}; the rails are at ${RAIL}`);
  requireInteger(
    reason,
    'samples x levels x units',
    run.samples * level_x.length * units,
    1,
    RESULT_CODES_MAX,
  );
}

function requireFactors(name: string, factors: Float64Array, units: number, least: number): void {
  const reason = 'bad-program';
  if (factors.length !== units) refuse(reason, `${name}: ${factors.length} values; expected ${units}`);
  const at = factors.findIndex((factor) => !(Number.isFinite(factor) && factor >= least));
  if (at >= 0)
    refuse(reason, `${name} of unit ${at} is ${factors[at]}; it must be finite, at least ${least}`);
}

/** What the proof in kernel/coefficients.ts asks of an effective program. Throws CoreRefusal 'bad-program'. */
export function checkEffective(effective: EffectiveProgram): void {
  const reason = 'bad-program';
  const { units } = effective.program;
  const { couplingCode, noiseMemory_q15, frozen } = effective;
  if (couplingCode.length !== units * units) {
    refuse(reason, `the effective couplings have ${couplingCode.length} codes; expected ${units * units}`);
  }
  for (let i = 0; i < units; i++) {
    if (couplingCode[i * units + i] !== 0) refuse(reason, `unit ${i} is coupled to itself`);
  }
  if (couplingCode.includes(-32768))
    refuse(reason, 'an effective coupling code is -32768; the least is -32767');
  const bits = effective.couplingFractionBits;
  requireInteger(reason, 'coupling fraction bits', bits, 0, COUPLING_FRACTION_BITS_MAX);
  requireCodes(reason, 'effective J2', effective.j2Code, units);
  requireCodes(reason, 'effective J4', effective.j4Code, units, 0);
  requireFactors('the J2 factor', effective.j2Factor, units, -Infinity);
  requireFactors('the J4 factor', effective.j4Factor, units, 0);
  requireFactors('the coupling factor', effective.couplingFactor, units, -Infinity);
  requireFactors('the noise factor', effective.noiseAmplitudeFactor, units, 0);
  requireFactors('the offset', effective.offset_E0, units, -Infinity);
  requireFactors('the effective bias', effective.biasCode, units, -CODE_MAX);
  requireFactors('the frozen state', effective.frozenState, units, -RAIL);
  for (let i = 0; i < units; i++) {
    requireInteger(reason, `the noise memory of unit ${i}`, noiseMemory_q15[i], 0, 32767);
    if (effective.biasCode[i] > CODE_MAX)
      refuse(reason, `the effective bias of unit ${i} is above ${CODE_MAX}`);
    if (effective.frozenState[i] > RAIL) refuse(reason, `unit ${i} is frozen beyond the rail`);
  }
  if (frozen.length !== units) refuse(reason, `frozen has ${frozen.length} values; expected ${units}`);
}

/**
 * Largest curvature of V at any state within the rails, in E0: max_i(2 J2 + 12 J4 rail^2) for the uncoupled units, and
 * for a coupled phase also a bound of the largest eigenvalue of J, the smaller of its largest row sum of |J|
 * (Gershgorin) and its Frobenius norm.
 */
export function largestCurvature_E0(
  effective: EffectiveProgram,
  norms: CouplingNorms,
  coupled: boolean,
): number {
  const { scale, units } = effective.program;
  let onSite = 0;
  let gain = 0;
  for (let i = 0; i < units; i++) {
    const j2 = effective.j2Code[i] * scale.j2_E0 * effective.j2Factor[i];
    const j4 = effective.j4Code[i] * scale.j4_E0 * effective.j4Factor[i];
    onSite = Math.max(onSite, 2 * j2 + 12 * j4 * RAIL * RAIL);
    gain = Math.max(gain, Math.abs(effective.couplingFactor[i]));
  }
  const perCode_E0 = scale.coupling_E0 * 2 ** -effective.couplingFractionBits;
  const eigenvalue = Math.min(norms.rowL1_codes, norms.frobenius_codes) * perCode_E0 * gain;
  return onSite + (coupled ? eigenvalue : 0);
}

/**
 * Explicit Euler contracts everywhere when dt * curvature < 2. Taken at the rails this is a sufficient condition, on the
 * strict side by about four for thermal states: no state that the chip can hold is amplified by the integration. The
 * oscillator's leapfrog is stable where omega h < 2, that is tau * curvature < 2 (kernel/oscillator.ts): the same limit for tau.
 * Throws CoreRefusal 'unstable-step'.
 */
export function checkStability(
  effective: EffectiveProgram,
  norms: CouplingNorms,
  coupled: boolean,
  step_ns: number,
  cell: OscillatorCell | null = null,
): void {
  const curvature_E0 = largestCurvature_E0(effective, norms, coupled);
  if (curvature_E0 <= 0) return;
  const limit = 2 / curvature_E0;
  const limit_ns = (cell ? stepOfEffective(cell, limit) : limit) / TIME_PER_NS;
  if (step_ns < limit_ns) return;
  refuse(
    'unstable-step',
    `a step of ${step_ns} ns is not below ${limit_ns.toPrecision(4)} ns, the stability limit at a curvature of ` +
      `${curvature_E0.toPrecision(4)} E0 (${coupled ? 'coupled' : 'uncoupled'}, at the rails${cell ? `, Q ${cell.qualityFactor}` : ''})`,
  );
}
