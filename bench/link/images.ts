// Program images for loads: random codes, so that nothing on the way can be skipped or patched, and scattered changes.
import { encodeProgramImage, type QuantisedProgram } from '../../src/physics/index.ts';
import { seededRandom32 } from '../../test/support/seeded-random.ts';

const CODES = 4095;
const CODE_MAX = 2047;

/** A dense program of random codes. */
export function randomProgram(units: number, seed: number): QuantisedProgram {
  const next = seededRandom32(seed);
  const codes = (count: number): Int16Array =>
    Int16Array.from({ length: count }, () => (next() % CODES) - CODE_MAX);
  return {
    units,
    couplingCode: codes((units * (units - 1)) / 2),
    biasCode: codes(units),
    j2Code: codes(units),
    j4Code: codes(units).map((code) => Math.abs(code) || 1),
    noiseTemperatureCode: 2000,
    scale: {
      coupling_E0: 1e-4,
      bias_E0: 1e-3,
      field_E0: 1e-3,
      j2_E0: 1e-3,
      j4_E0: 1e-3,
      noiseTemperature_E0: 5e-5,
      state: 2 ** -10,
    },
  };
}

export const randomImage = (units: number, seed: number): Uint8Array =>
  encodeProgramImage(randomProgram(units, seed));

/** The same program with a share of its couplings drawn anew at scattered places. */
export function withScatteredChanges(
  program: QuantisedProgram,
  share: number,
  seed: number,
): QuantisedProgram {
  const next = seededRandom32(seed);
  const couplingCode = program.couplingCode.slice();
  const wanted = Math.round(share * couplingCode.length);
  for (const changed = new Set<number>(); changed.size < wanted;) {
    const at = next() % couplingCode.length;
    if (changed.has(at)) continue;
    changed.add(at);
    couplingCode[at] = couplingCode[at] > 0 ? couplingCode[at] - 1 : couplingCode[at] + 1;
  }
  return { ...program, couplingCode };
}
