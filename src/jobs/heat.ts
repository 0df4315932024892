// The heat of every sample of a run, computed from the couplings the device really has (decisions 43).
import type { RelaxResult } from '../device/index.ts';

/** Which reads the heat is between; null when one of them is missing. */
export function heatReads(reads: RelaxResult['reads']): { switchOnRead: number; endRead: number } | null {
  const switchOnRead = reads.findIndex((read) => read.label === 'switch-on');
  const endRead = reads.findLastIndex((read) => read.label === 'read');
  return switchOnRead < 0 || endRead < 0 ? null : { switchOnRead, endRead };
}

/**
 * Q = V(switch-on) - V(last read) per sample, in units of kT (docs/physics.md, heat).
 * @param energies_E0 at the two reads, [samples][2]
 */
export function heatOf_kT(energies_E0: Float64Array, kT_E0: number): Float64Array {
  return Float64Array.from(
    { length: energies_E0.length / 2 },
    (_, k) => (energies_E0[2 * k] - energies_E0[2 * k + 1]) / kT_E0,
  );
}
