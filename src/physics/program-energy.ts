// Potential energies straight from the codes of a program. A dequantised model has N x N numbers of eight bytes, 13 MB at
// 1,296 units; the codes have two, and lie in order.
import { PhysicsError } from './errors.ts';
import type { QuantisedProgram } from './quantise.ts';

/** What the energy takes of a program. */
export type EnergyProgram = Pick<
  QuantisedProgram,
  'units' | 'couplingCode' | 'biasCode' | 'j2Code' | 'j4Code' | 'scale'
>;

/**
 * V(x) in E0 of every state, each pair once: what `potentialEnergy` gives for `dequantise(program)`, to the last bit.
 * @param states readout codes, [states][units]; times `stateScale` they are x
 * @throws {PhysicsError} wrong-shape
 */
export function energiesOfStates_E0(
  program: EnergyProgram,
  states: Int16Array,
  stateScale: number,
): Float64Array {
  const { units, couplingCode, scale } = program;
  if (states.length % units !== 0)
    throw new PhysicsError('wrong-shape', `${states.length} codes are no whole states of ${units} units`, {
      pointer: '/states',
      allowed: `a multiple of ${units}`,
    });
  const coupling_E0 = scale.coupling_E0;
  const biases = Float64Array.from(program.biasCode, (code) => code * scale.bias_E0);
  const j2 = Float64Array.from(program.j2Code, (code) => code * scale.j2_E0);
  const j4 = Float64Array.from(program.j4Code, (code) => code * scale.j4_E0);
  const energies_E0 = new Float64Array(states.length / units);
  const x = new Float64Array(units);
  for (let state = 0; state < energies_E0.length; state++) {
    for (let i = 0; i < units; i++) x[i] = states[state * units + i] * stateScale;
    let energy = 0;
    for (let i = 0, k = 0; i < units; i++) {
      const xi = x[i];
      let coupled = 0;
      for (let j = i + 1; j < units; j++, k++) coupled += couplingCode[k] * coupling_E0 * x[j];
      energy += xi * (xi * (j2[i] + j4[i] * xi * xi) + biases[i] + coupled);
    }
    energies_E0[state] = energy;
  }
  return energies_E0;
}
