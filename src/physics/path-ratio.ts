// How irreversible a recorded path is: the logarithm of its probability forwards over that of its reversal under other
// couplings, both sums of it (docs/physics.md, "Irreversibility"). A check, and the quantity whose mean training makes least. The
// first sum alone looks like heat and has no least value: nothing may be trained or judged by it.
import { forces } from './energy.ts';
import { PhysicsError } from './errors.ts';
import type { Model } from './model.ts';
import { summarise } from './statistics.ts';

/** One path as it was integrated: every step, in reduced units (E0 = 1, time in 1/(mu E0)). */
export interface RecordedPath {
  units: number;
  /** [steps + 1][units] values of x. */
  states: Float64Array;
  /** Length of a step. */
  step: number;
  /** A force on each unit (E0; +f pushes x up) times a share for each step, as at its beginning. Absent: none. */
  drive?: { force_E0: Float64Array; share: Float64Array };
}

/** In kT. */
export interface PathRatio {
  /** ln P_0[path | its start] - ln P_theta[reversed path | its end]: the sum of the two below. */
  ratio_kT: number;
  /** -(1/2) sum dx . (grad V_theta(x') + grad V_0(x)). */
  heatLike_kT: number;
  /** (mu dt/4) sum (|grad V_theta(x')|^2 - |grad V_0(x)|^2): small in each step, and not in all of them. */
  forceSquared_kT: number;
}

/**
 * @param forward V_0 without the drive, whose kT made the path
 * @param reversed V_theta, of the same kT
 * @throws {PhysicsError} wrong-shape, bad-argument
 */
export function pathRatio(path: RecordedPath, forward: Model, reversed: Model): PathRatio {
  const steps = check(path, forward, reversed);
  const { units, states, step, drive } = path;
  let along = 0;
  let squares = 0;
  for (let k = 0; k < steps; k++) {
    const before = states.subarray(k * units, (k + 1) * units);
    const after = states.subarray((k + 1) * units, (k + 2) * units);
    // Forces are minus gradients.
    const f0 = forces(forward, before);
    const f1 = forces(reversed, after);
    for (let i = 0; i < units; i++) {
      const driven = f0[i] + (drive === undefined ? 0 : drive.share[k] * drive.force_E0[i]);
      along += (after[i] - before[i]) * (f1[i] + driven);
      squares += f1[i] ** 2 - driven ** 2;
    }
  }
  const kT = forward.noiseTemperature_E0;
  const heatLike_kT = along / (2 * kT);
  const forceSquared_kT = (step * squares) / (4 * kT);
  return { ratio_kT: heatLike_kT + forceSquared_kT, heatLike_kT, forceSquared_kT };
}

export interface MeanExponential {
  /** <exp(-A)>. */
  mean: number;
  stderr: number;
  /** (sum w)^2 / sum w^2: how many values the mean really rests on. */
  effective: number;
  /** Enough of them that mean and error are to be believed; where the values spread over many kT they never are. */
  usable: boolean;
}

/** The mean rests on so many values at least, and on so large a share of them. */
const EFFECTIVE_MIN = 100;
const EFFECTIVE_SHARE_MIN = 0.05;

/**
 * The mean of a fluctuation theorem, <exp(-A)> with A in kT: with A = R + V_theta(end) - V_0(start) over paths that start in
 * equilibrium it is Z_theta/Z_0, whatever happened in between. Usable for few units or a weak change alone.
 */
export function meanExponential(values_kT: ArrayLike<number>): MeanExponential {
  const n = values_kT.length;
  if (n < 2)
    throw new PhysicsError('bad-argument', `${n} values have no error`, { allowed: 'two values at least' });
  let least = Infinity;
  for (let k = 0; k < n; k++) least = Math.min(least, values_kT[k]);
  // Relative to the largest weight, so that nothing overflows.
  const weights = Float64Array.from(values_kT, (value) => Math.exp(least - value));
  const { mean, stderr } = summarise(weights);
  const effective = (n * mean) ** 2 / weights.reduce((sum, w) => sum + w * w, 0);
  const scale = Math.exp(-least);
  const usable = effective >= EFFECTIVE_MIN && effective >= EFFECTIVE_SHARE_MIN * n;
  return { mean: mean * scale, stderr: stderr * scale, effective, usable };
}

/** The number of steps. */
function check({ units, states, step, drive }: RecordedPath, forward: Model, reversed: Model): number {
  const steps = states.length / units - 1;
  const shape = (what: string, pointer: string, allowed: string): PhysicsError =>
    new PhysicsError('wrong-shape', what, { pointer, allowed });
  if (!Number.isInteger(steps) || steps < 1)
    throw shape(`${states.length} numbers for ${units} units`, '/states', 'two states at least');
  for (const model of [forward, reversed])
    if (model.units !== units) throw shape(`a model of ${model.units} units`, '/units', `${units} units`);
  if (drive !== undefined && (drive.force_E0.length !== units || drive.share.length !== steps))
    throw shape('a drive of another shape', '/drive', `${units} forces, ${steps} shares`);
  if (!(step > 0 && Number.isFinite(step)))
    throw new PhysicsError('bad-argument', `a step of ${step}`, { pointer: '/step', allowed: 'above 0' });
  if (forward.noiseTemperature_E0 !== reversed.noiseTemperature_E0)
    throw new PhysicsError('bad-argument', 'the two models have another kT each', {
      pointer: '/noiseTemperature_E0',
      allowed: 'the same kT in both',
    });
  return steps;
}
