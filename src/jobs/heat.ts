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

/** What samples gave to the bath, and what they took from it: single ones may, and a sum of both would hide it. */
export function signedSums_kT(heat: Float64Array): { released_kT: number; absorbed_kT: number } {
  let [released_kT, absorbed_kT] = [0, 0];
  for (const value of heat)
    if (value > 0) released_kT += value;
    else absorbed_kT -= value;
  return { released_kT, absorbed_kT };
}
