// What the temperature of the die does to the analog parameters: linear in the distance from the reference, as a data
// sheet states it. Pure; the core applies it to the effective program of a batch, beside the drift.
import type { DriftValues } from '../imperfections/drift.ts';
import { isSensitive } from './schema.ts';
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

/** Drift (null: none) and die temperature together: factors multiply, offsets add. Null when neither does anything. */
export function atTemperature(
  drift: DriftValues | null,
  sensitivity: Sensitivity,
  die_C: number,
  units: number,
): DriftValues | null {
  if (!isSensitive(sensitivity)) return drift;
  const still = drift ?? standing(units);
  const offset = offset_E0(sensitivity, die_C);
  return {
    ...still,
    couplingGain_ratio: (1 + still.couplingGain_ratio) * couplingGain_ratio(sensitivity, die_C) - 1,
    noiseTemperature_ratio:
      (1 + still.noiseTemperature_ratio) * noiseTemperature_ratio(sensitivity, die_C) - 1,
    offset_E0: still.offset_E0.map((own) => own + offset),
  };
}

function standing(units: number): DriftValues {
  const none = new Float64Array(units);
  return {
    couplingGain_ratio: 0,
    noiseTemperature_ratio: 0,
    readoutGain_ratio: none,
    readoutOffset_x: none,
    offset_E0: none,
  };
}
