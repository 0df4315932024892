// Potential energy, forces and the heat of a relaxation (docs/physics.md, "Energy and heat").
import { PhysicsError } from './errors.ts';
import type { Model } from './model.ts';
import { stateOf, type SampleShape } from './samples.ts';
import { summarise, type Summary } from './statistics.ts';

/** V(x) in E0; each pair counts once. */
export function potentialEnergy(model: Model, x: ArrayLike<number>): number {
  checkState(model, x);
  const { units, couplings, biases, j2, j4 } = model;
  let energy = 0;
  for (let i = 0; i < units; i++) {
    const xi = x[i];
    let coupled = 0;
    for (let j = i + 1, k = i * units + i + 1; j < units; j++, k++) coupled += couplings[k] * x[j];
    energy += xi * (xi * (j2[i] + j4[i] * xi * xi) + biases[i] + coupled);
  }
  return energy;
}

/** -dV/dx, N values in E0 per unit of x: -(2 J2 x + 4 J4 x^3 + b + J x). */
export function forces(model: Model, x: ArrayLike<number>): Float64Array {
  checkState(model, x);
  const { units, couplings, biases, j2, j4 } = model;
  const force = new Float64Array(units);
  for (let i = 0; i < units; i++) {
    const xi = x[i];
    let sum = xi * (2 * j2[i] + 4 * j4[i] * xi * xi) + biases[i];
    for (let j = 0, k = i * units; j < units; j++, k++) sum += couplings[k] * x[j];
    force[i] = -sum;
  }
  return force;
}

/**
 * Heat given to the bath by one relaxation at fixed parameters, in units of the model's own kT:
 * Q = V(switch-on) - V(end), positive when given away. The work of switching on is not in it.
 */
export function heat_kT(model: Model, xOn: ArrayLike<number>, xEnd: ArrayLike<number>): number {
  return (potentialEnergy(model, xOn) - potentialEnergy(model, xEnd)) / model.noiseTemperature_E0;
}

/** Heat of every sample of a run, from two of its reads; kT is the model's. */
export function heatOfSamples_kT(
  model: Model,
  codes: Int16Array,
  shape: SampleShape,
  reads: { stateScale: number; switchOnRead: number; endRead: number },
): Float64Array {
  const heat = new Float64Array(shape.samples);
  for (let k = 0; k < shape.samples; k++)
    heat[k] = heat_kT(
      model,
      stateOf(codes, shape, reads.stateScale, k, reads.switchOnRead),
      stateOf(codes, shape, reads.stateScale, k, reads.endRead),
    );
  return heat;
}

/** Mean, standard deviation and standard error of the heat of independent restarts (kT). */
export function heatSummary_kT(heat: ArrayLike<number>): Summary {
  return summarise(heat);
}

function checkState(model: Model, x: ArrayLike<number>): void {
  if (x.length !== model.units)
    throw new PhysicsError('wrong-shape', `a state of ${x.length} units for a model of ${model.units}`, {
      pointer: '/x',
      allowed: `${model.units} numbers`,
    });
}
