// The oracle: the kernel's arithmetic once more in plain TypeScript, one unit at a time, slow and obviously right. No
// 64-bit type is needed: products are split at 16 bits, so that every intermediate is an exact integer in a double.
import type { RunPlan, PhasePlan } from './coefficients.ts';
import { oscillateUnit, voltageReadout } from './oscillator-oracle.ts';
import { freshWeight } from './coefficients.ts';
import { philox4x32 } from './philox.ts';
import type { Words4 } from './philox.ts';

const RAIL = 2 ** 28;

/** floor(a / 2^n) of an exact integer. */
const shiftRight = (a: number, n: number): number => Math.floor(a / 2 ** n);
const clamp = (a: number, limit: number): number => Math.max(-limit, Math.min(limit, a));

/** A sum of 32 x 32 bit products, kept as high * 2^16 + low with both parts far below 2^53. */
class ProductSum {
  #high = 0;
  #low = 0;

  add(a: number, b: number): this {
    const bHigh = shiftRight(b, 16);
    this.#high += a * bHigh;
    this.#low += a * (b - bHigh * 65536);
    return this;
  }

  /** floor((sum + offset) / 2^32). */
  highWord(offset = 0): number {
    return shiftRight(this.#high + shiftRight(this.#low + offset, 16), 16);
  }
}

const highProduct = (a: number, b: number): number => new ProductSum().add(a, b).highWord();

/** State code of the product: Q27 -> Q12, rounded, 14 bits. */
export const stateCode = (x: number): number => clamp(shiftRight(x + 2 ** 14, 15), 8191);
/** Converter code: 12 bits over the rails, rounded. */
export const readoutCode = (x: number): number => clamp(shiftRight(x + 2 ** 16, 17), 2047);

/** The noise code of one unit at one step of one sample: half a Philox word (units 2q, 2q + 1 of an octet share word q). */
function noiseCode(plan: RunPlan, table: Int16Array, sample: number, unit: number, step: number): number {
  const counter: Words4 = [sample, unit >> 3, step, 0];
  const word = philox4x32(counter, [plan.seedLow, plan.seedHigh])[(unit & 7) >> 1];
  return table[(unit & 1) === 0 ? word & 0xffff : word >>> 16];
}

function couplingInput(plan: RunPlan, sum: number): number {
  const e = plan.couplingExponent;
  return e >= 0 ? sum * 2 ** e : shiftRight(sum + 2 ** (-e - 1), -e);
}

interface Step {
  plan: RunPlan;
  phase: PhasePlan;
  couplings: Int16Array;
  table: Int16Array;
  sample: number;
  /** Counted through all phases. */
  step: number;
  ramp_q15: number;
  /** Voltages of oscillator cells, replaced in place. */
  velocity: number[];
}

/** The unit's noise at this step in Q15 of a table code, from that of the step before. */
function noiseInput(s: Step, unit: number, before: number): number {
  const white = noiseCode(s.plan, s.table, s.sample, unit, s.step) * 2 ** 15;
  if (s.step === 0) return white;
  const memory_q15 = s.plan.noiseMemory_q15[unit];
  const sum = new ProductSum().add(before, memory_q15 * 2 ** 15).add(white, freshWeight(memory_q15));
  return clamp(sum.highWord(2 ** 31), 2 ** 28) * 4;
}

function stepUnit(s: Step, unit: number, x: number, noise: number, codes: readonly number[]): number {
  const { plan, phase } = s;
  const xs = x * 4;
  const x2 = highProduct(xs, xs);
  const x3 = highProduct(x2 * 4, xs);
  const sum = new ProductSum()
    .add(xs, plan.j2Multiplier[unit])
    .add(x3 * 4, plan.j4Multiplier[unit])
    .add(2 ** 30, plan.offsetMultiplier[unit]);
  if (phase.fieldCode) sum.add(phase.fieldCode[unit] * s.ramp_q15 * 16, phase.fieldMultiplier[unit]);
  if (phase.coupled) {
    sum.add(plan.biasInput[unit], plan.biasMultiplier);
    let row = 0;
    for (let j = 0; j < plan.units; j++) row += s.couplings[unit * plan.units + j] * codes[j];
    sum.add(couplingInput(plan, row), plan.couplingMultiplier[unit]);
  }
  const amplitude = phase.noiseMultiplier[unit];
  if (plan.oscillator) {
    const push = sum.highWord(2 ** 31);
    return oscillateUnit(plan.oscillator, s.velocity, unit, x, push, noise, amplitude);
  }
  return clamp(x + sum.add(noise, amplitude).highWord(2 ** 31), RAIL);
}

function readout(plan: RunPlan, state: readonly number[], velocity: readonly number[]): number[] {
  const { oscillator } = plan;
  return oscillator?.readout === 'voltage'
    ? velocity.map((w) => voltageReadout(oscillator, w))
    : state.map(readoutCode);
}

/** One restart. Writes its record of readout codes to `out` and returns the final state. */
function relaxSample(
  plan: RunPlan,
  couplings: Int16Array,
  table: Int16Array,
  sample: number,
  out: Int16Array,
): { state: number[]; velocity: number[] } {
  let state = [...plan.initialState];
  let noise = new Array<number>(plan.units).fill(0);
  const velocity = new Array<number>(plan.units).fill(0);
  let written = 0;
  let step = 0;
  for (const phase of plan.phases) {
    for (let k = 0; k <= phase.steps; k++) {
      if (phase.readAtStep.includes(k)) {
        for (const code of readout(plan, state, velocity)) out[written++] = code;
      }
      if (k === phase.steps) break;
      const ramp_q15 = phase.from_q15 + Math.trunc(((phase.to_q15 - phase.from_q15) * k) / phase.steps);
      const now: Step = { plan, phase, couplings, table, sample, step, ramp_q15, velocity };
      const codes = state.map(stateCode);
      noise = noise.map((before, unit) => noiseInput(now, unit, before));
      state = state.map((x, unit) => stepUnit(now, unit, x, noise[unit], codes));
      step += 1;
    }
  }
  return { state, velocity };
}

export interface OracleResult {
  /** Readout codes [samples][reads][units]. */
  codes: Int16Array;
  /** Final states in Q27 [samples][units]. */
  state: Int32Array;
  /** Final voltages of oscillator cells, Q(27 + s); 0 for overdamped units. */
  velocity: Int32Array;
}

/** Runs a plan. `couplings` is the effective matrix, N x N, `table` the Gaussian table. */
export function runOracle(plan: RunPlan, couplings: Int16Array, table: Int16Array): OracleResult {
  const record = plan.reads * plan.units;
  const codes = new Int16Array(plan.samples * record);
  const state = new Int32Array(plan.samples * plan.units);
  const velocity = new Int32Array(plan.samples * plan.units);
  for (let k = 0; k < plan.samples; k++) {
    const out = codes.subarray(k * record, (k + 1) * record);
    const end = relaxSample(plan, couplings, table, plan.firstSample + k, out);
    state.set(end.state, k * plan.units);
    velocity.set(end.velocity, k * plan.units);
  }
  return { codes, state, velocity };
}
