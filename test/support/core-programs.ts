// Programs and schedules for tests of the analog core: the reference unit (J2 = J4 = 1 E0, kT = 0.1), couplings to taste.
import type { CorePhase, CoreProgram, CoreRun } from '../../firmware-sim/chip/analog-core.ts';

/** Code that stands for the reference value of J2, J4 and kT. */
export const REFERENCE_CODE = 1638;

/** A small seeded generator (mulberry32): uniform in [0, 1). */
export function seededRandom(seed: number): () => number {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), a | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** `length` codes, uniform within +-`size`. */
export function randomCodes(length: number, size: number, random: () => number): Int16Array {
  return Int16Array.from({ length }, () => Math.round((random() * 2 - 1) * size));
}

/** The reference program: no couplings, no bias; J_ij = code * 1e-4 E0, biases and fields code * 1e-3 E0. */
export function referenceProgram(units: number, change: Partial<CoreProgram> = {}): CoreProgram {
  return {
    units,
    couplingCode: new Int16Array((units * (units - 1)) / 2),
    biasCode: new Int16Array(units),
    j2Code: new Int16Array(units).fill(REFERENCE_CODE),
    j4Code: new Int16Array(units).fill(REFERENCE_CODE),
    noiseTemperatureCode: REFERENCE_CODE,
    scale: {
      coupling_E0: 1e-4,
      bias_E0: 1e-3,
      field_E0: 1e-3,
      j2_E0: 1 / REFERENCE_CODE,
      j4_E0: 1 / REFERENCE_CODE,
      noiseTemperature_E0: 0.1 / REFERENCE_CODE,
      state: 2 ** -10,
    },
    ...change,
  };
}

/** The harmonic limit: J2 = 1 E0, the smallest J4 at a scale where it moves nothing. */
export function harmonicProgram(units: number, change: Partial<CoreProgram> = {}): CoreProgram {
  const program = referenceProgram(units, { j4Code: new Int16Array(units).fill(1), ...change });
  return { ...program, scale: { ...program.scale, j4_E0: 1e-9 } };
}

export function phase(steps: number, change: Partial<CorePhase> = {}): CorePhase {
  return {
    steps,
    coupled: false,
    field: null,
    noiseTemperatureCode: REFERENCE_CODE,
    readAtStep: [steps],
    ...change,
  };
}

export function schedule(phases: CorePhase[], change: Partial<CoreRun> = {}): CoreRun {
  return { seed: 1n, firstSample: 0, samples: 1, step_ns: 1, phases, ...change };
}
