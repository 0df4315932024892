// What the temperature of the die does to the analog parameters: linear in the distance from the reference, as a data
// sheet states it. Pure; whoever builds the effective program applies it.
import type { ThermalParameters } from './schema.ts';

type Sensitivity = ThermalParameters['sensitivity'];

/** Multiplies every coupling; 1 at the reference temperature. */
export function couplingGain_ratio(sensitivity: Sensitivity, die_C: number): number {
  return 1 + sensitivity.couplingGain_ratio_per_C * (die_C - sensitivity.reference_C);
}

/** Adds to the offset of every unit, E0; 0 at the reference temperature. */
export function offset_E0(sensitivity: Sensitivity, die_C: number): number {
  return sensitivity.offset_E0_per_C * (die_C - sensitivity.reference_C);
}

/** Multiplies kT (the amplitude of the noise goes with its root); 1 at the reference, never below 0. */
export function noiseTemperature_ratio(sensitivity: Sensitivity, die_C: number): number {
  return Math.max(0, 1 + sensitivity.noiseTemperature_ratio_per_C * (die_C - sensitivity.reference_C));
}
