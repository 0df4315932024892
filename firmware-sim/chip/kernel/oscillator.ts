// The integers of the oscillator cell (../dynamics.ts): one step of kick, drift, friction with noise, drift ("B A O A", the
// leapfrog of Leimkuhler and Matthews' BAOAB), the friction being the exact Ornstein-Uhlenbeck process. With u = gamma dt / m:
//     w'  = w - tau (grad V)(x)                                     tau = (dt / gamma) tanh(u/2)
//     w'' = e^-u w' + sqrt(tau kT (1 - e^-2u) / 2) g                w = h v / 2, the way of half a step
//     x''= x + w' + w''                                             h = sqrt(2 m tau)
// h is dt sqrt((2/u) tanh(u/2)), the step rescaled after Sivak, Chodera and Crooks, J. Phys. Chem. B 118, 6466 (2014): drift
// under a constant force and free diffusion are exact at every u, and m -> 0 gives tau = dt, e^-u = 0: overdamped
// Brownian motion with the mean of two successive noises. A harmonic unit has <x^2> = kT/k and <m v^2> = kT exactly, at any
// step that is stable. Forces enter like those of an overdamped step of tau, so all terms and widths are those of
// coefficients.ts; only their sum goes to w instead of x, in finer units. The kick at time n dt stands for the force from
// (n - 1/2) dt to (n + 1/2) dt, so a switched force acts half a step early; w is the voltage between two kicks, v - F dt / 2m.
//
// Widths. x is Q27 as ever; w is Q(27 + s) in i32 with rails of +-2^28 (a voltage rail), s >= 0. Multipliers of forces and noise
// are larger by 2^s, and `multiplier` admits terms below 2^60 as before: the sum of six and 2^31 stays below 2^63, the kick
// below 6 * 2^28 and w + kick below 2^31; then w' is clamped to 2^28. Friction: (w' << 2) (1 - e^-u) 2^30 is at most
// 2^30 * 2^30, the noise below 2^60, so the sum is below 2^62 and |w''| < 3 * 2^28 before its clamp. Way: |w' + w''| <= 2^29, with
// its rounding below 2^30, after the shift by s at most 2^29, and |x| <= 2^28: below 2^31. At a rail of x the voltage is 0.
//
// Precision: w is finer than x by s bits, chosen so that a unit which falls from rail to rail under the largest force of the
// program (plus 32 kT) stays below half of the voltage rail. The friction multiplier is rounded at 2^-31 and the noise is made
// for the rounded one, so kT does not see it. exp is summed here: Math.exp may differ between engines.
import type { CoreProgram, CoreRun } from '../analog-core.ts';
import { CoreRefusal } from '../analog-core.ts';
import type { OscillatorCell } from '../dynamics.ts';

const RAIL = 2;
const FINENESS_MAX = 20;
/** A smaller friction multiplier would be off by more than 1e-3 through rounding. */
const DECAY_MULTIPLIER_MIN = 500;
/** x per readout code. */
const STATE_SCALE = 2 ** -10;

/** What a step multiplies forces and noise with, for either dynamics. */
export interface StepWeights {
  readonly step_ns: number;
  /** Change of the moved quantity per unit of force, in its own units. */
  readonly force: number;
  /** Standard deviation of the noise of one step at kT, in the same units. */
  noise(kT_E0: number): number;
  /** Those units per x: 2^s. */
  readonly fineness: number;
}

/** The oscillator's part of a run plan. */
export interface OscillatorPlan {
  /** s: w is Q(27 + s). */
  readonly finenessBits: number;
  /** (1 - e^-u) 2^30. */
  readonly decayMultiplier: number;
  /** Voltage code = w * multiplier / 2^shift, rounded: v / omega_0 at the scale of x. */
  readonly voltageMultiplier: number;
  readonly voltageShift: number;
  readonly readout: 'flux' | 'voltage';
}

/** 1 - exp(-u) for u >= 0 from + - * / alone: the series of a small part, then 1 - e^-2r = p (2 - p). */
export function oneMinusExp(u: number): number {
  if (u > 64) return 1;
  let r = u;
  let doublings = 0;
  while (r > 2 ** -6) {
    r /= 2;
    doublings += 1;
  }
  let term = r;
  let p = 0;
  for (let n = 2; n < 12; n++) {
    p += term;
    term = (-term * r) / n;
  }
  for (let k = 0; k < doublings; k++) p *= 2 - p;
  return p;
}

/** tau: the step of the overdamped law that moves as far. dt (mu = 1) as m -> 0, dt^2 / 2m for weak friction. */
export function effectiveStep(cell: OscillatorCell, dt: number): number {
  const p = oneMinusExp(dt / cell.mass);
  return (dt * p) / (2 - p);
}

/** The largest dt whose tau stays below `limit`, by bisection (tau grows with dt). */
export function stepOfEffective(cell: OscillatorCell, limit: number): number {
  let low = 0;
  let high = limit + 2 * Math.sqrt(2 * cell.mass * limit) + 2 * limit;
  for (let k = 0; k < 60; k++) {
    const middle = (low + high) / 2;
    if (effectiveStep(cell, middle) < limit) low = middle;
    else high = middle;
  }
  return low;
}

/** Largest force on any unit within the rails, E0: on-site, bias, row of couplings, field. */
function largestForce_E0(program: CoreProgram, rowL1_codes: number, fields: readonly number[]): number {
  const { scale } = program;
  let force = 0;
  for (let i = 0; i < program.units; i++) {
    const j2 = 2 * Math.abs(program.j2Code[i]) * scale.j2_E0 * RAIL;
    const j4 = 4 * program.j4Code[i] * scale.j4_E0 * RAIL ** 3;
    force = Math.max(force, j2 + j4 + Math.abs(program.biasCode[i]) * scale.bias_E0);
  }
  return force + rowL1_codes * scale.coupling_E0 * RAIL + Math.max(0, ...fields);
}

/** s, from the energy that a fall from rail to rail can give. */
function finenessBits(tau: number, program: CoreProgram, rowL1_codes: number, run: CoreRun | null): number {
  const phases = run?.phases ?? [];
  const fields = phases.map(({ field }) =>
    field ? field.code.reduce((most, code) => Math.max(most, Math.abs(code)), 0) * field.scale_E0 : 0,
  );
  const hottest = Math.max(program.noiseTemperatureCode, ...phases.map((p) => p.noiseTemperatureCode));
  const energy_E0 =
    2 * RAIL * largestForce_E0(program, rowL1_codes, fields) +
    32 * hottest * program.scale.noiseTemperature_E0;
  const largest = Math.sqrt(tau * energy_E0); // of w, in x
  let bits = 0;
  while (bits < FINENESS_MAX && largest * 2 ** (bits + 1) <= 1) bits += 1;
  return bits;
}

/** Multiplier and shift of the voltage converter; a multiplier of 24 bits keeps its product exact in a double. */
function voltageConverter(cell: OscillatorCell, tau: number, bits: number) {
  const h = Math.sqrt(2 * cell.mass * tau);
  let factor = 2 / (h * cell.angularResonance) / STATE_SCALE / 2 ** (27 + bits);
  let voltageShift = 0;
  while (factor < 2 ** 23) {
    factor *= 2;
    voltageShift += 1;
  }
  return { voltageMultiplier: Math.floor(factor + 0.5), voltageShift };
}

export interface OscillatorStep {
  readonly weights: StepWeights;
  readonly plan: OscillatorPlan;
}

/** Weights and plan of a step; `run` is null while a program is loaded (no field yet, and no friction to refuse). */
export function oscillatorStep(
  cell: OscillatorCell,
  program: CoreProgram,
  rowL1_codes: number,
  step_ns: number,
  dt: number,
  run: CoreRun | null,
): OscillatorStep {
  const p = oneMinusExp(dt / cell.mass);
  const decayMultiplier = Math.floor(p * 2 ** 30 + 0.5);
  if (run && decayMultiplier < DECAY_MULTIPLIER_MIN) {
    throw new CoreRefusal(
      'noise-underflow',
      `friction of ${p.toPrecision(4)} per step of ${step_ns} ns (Q ${cell.qualityFactor}) is below ` +
        `${(DECAY_MULTIPLIER_MIN / 2 ** 30).toPrecision(4)}, where its rounding error passes 0.1 %; take a longer step`,
    );
  }
  const tau = effectiveStep(cell, dt);
  const bits = finenessBits(tau, program, rowL1_codes, run);
  const rounded = decayMultiplier / 2 ** 30;
  const fineness = 2 ** bits;
  return {
    weights: {
      step_ns,
      force: tau * fineness,
      noise: (kT_E0) => Math.sqrt((tau * kT_E0 * rounded * (2 - rounded)) / 2) * fineness,
      fineness,
    },
    plan: {
      finenessBits: bits,
      decayMultiplier,
      ...voltageConverter(cell, tau, bits),
      readout: run?.readout ?? 'flux',
    },
  };
}

/** Converter code of a voltage: 12 bits, rounded, clamped. */
export function voltageCode(plan: OscillatorPlan, w: number): number {
  const scale = 2 ** plan.voltageShift;
  const code = Math.floor((w * plan.voltageMultiplier + scale / 2) / scale);
  return Math.max(-2047, Math.min(2047, code));
}

/** The same voltage in Q27 within the rails, for converters with faults of their own. */
export function voltageState(plan: OscillatorPlan, w: number): number {
  const scale = 2 ** (plan.voltageShift - 17);
  const state = Math.floor((w * plan.voltageMultiplier + scale / 2) / scale);
  return Math.max(-(2 ** 28), Math.min(2 ** 28, state));
}
