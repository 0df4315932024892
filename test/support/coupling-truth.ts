// What a profile makes of couplings: every one of them as it acts, at power on, from the same draws as the chip makes.
import { driftValues, startDrift } from '../../firmware-sim/chip/imperfections/drift.ts';
import { effectiveCouplings } from '../../firmware-sim/chip/imperfections/couplings.ts';
import type { ChipProfile } from '../../firmware-sim/chip/index.ts';
import type { QuantisedProgram } from '../../src/physics/index.ts';

export interface CouplingTruth {
  /** All couplings over their codes, the same for all. */
  common_ratio: number;
  /** N x N row-major, row = the unit that is pushed; over what was programmed. NaN without a coupling. */
  ratio: Float64Array;
  missing: [number, number][];
}

/** Of a program on a chip of this many units. */
export function couplingTruth(profile: ChipProfile, program: QuantisedProgram): CouplingTruth {
  const { units, couplingCode } = program;
  const drift = driftValues(startDrift(profile.drift, profile.seed, units), profile.drift, units);
  const common_ratio = (1 + profile.couplings.gain.common_ratio) * (1 + drift.couplingGain_ratio);
  const made = effectiveCouplings(units, couplingCode, profile);
  const ratio = new Float64Array(units * units).fill(NaN);
  const missing: [number, number][] = [];
  for (let i = 0, at = 0; i < units; i++)
    for (let j = i + 1; j < units; j++, at++) {
      const acts = (a: number, b: number): number =>
        (made.couplingCode[a * units + b] * 2 ** -made.couplingFractionBits * common_ratio) /
        couplingCode[at];
      ratio[i * units + j] = acts(i, j);
      ratio[j * units + i] = acts(j, i);
      if (couplingCode[at] !== 0 && ratio[i * units + j] === 0) missing.push([i, j]);
    }
  return { common_ratio, ratio, missing };
}
