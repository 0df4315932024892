// Samples of a twin core with a chip profile, and the linear response that makes its errors visible.
import { createTwinCore } from '../../firmware-sim/chip/index.ts';
import type { CorePhase, CoreProgram, CoreRun } from '../../firmware-sim/chip/index.ts';
import { chipProfileSchema } from '../../firmware-sim/chip/profile/index.ts';
import type { ChipProfile, ChipProfileInput } from '../../firmware-sim/chip/profile/index.ts';
import { harmonicProgram, phase, schedule } from './core-programs.ts';

export type Faults = Omit<ChipProfileInput, 'version' | 'name'>;

export function profileWith(faults: Faults): ChipProfile {
  return chipProfileSchema.parse({ version: 1, name: 'test', seed: 7, ...faults });
}

/** Readout codes of one run on a chip with these faults. */
export async function codesOf(faults: Faults, program: CoreProgram, run: CoreRun): Promise<Int16Array> {
  const core = await createTwinCore({ units: program.units, threads: 1, profile: profileWith(faults) });
  try {
    core.load(program);
    return await core.run(run);
  } finally {
    await core.close();
  }
}

/** Mean of each unit, in x. */
export function means_x(codes: Int16Array, units: number): Float64Array {
  const out = new Float64Array(units);
  const scale = 2 ** -10 / (codes.length / units);
  codes.forEach((code, at) => (out[at % units] += code * scale));
  return out;
}

export const rms = (values: ArrayLike<number>): number =>
  Math.sqrt(Array.from(values).reduce((sum, v) => sum + v * v, 0) / values.length);

/** Almost silent harmonic units (kT = 1e-4 E0): after 10 time units their means are the solution of A x = f - b. */
export function quiet(units: number, change: Partial<CoreProgram> = {}): CoreProgram {
  const program = harmonicProgram(units, change);
  return { ...program, scale: { ...program.scale, noiseTemperature_E0: 1e-4 / 1638 } };
}

export function settled(change: Partial<CorePhase> = {}): CoreRun {
  return schedule([phase(1500, { ...change })], { samples: 64, step_ns: 5, seed: 21n });
}

export function field(code: Int16Array): NonNullable<CorePhase['field']> {
  return { code, scale_E0: 1e-3, from_q15: 32768, to_q15: 32768 };
}

/** Pairs (2k, 2k + 1) with one coupling code each, J = code * 1e-3 E0. */
export function paired(units: number, code: (pair: number) => number): CoreProgram {
  const program = quiet(units);
  let at = 0;
  for (let i = 0; i < units; i++) {
    for (let j = i + 1; j < units; j++, at++) {
      if (i % 2 === 0 && j === i + 1) program.couplingCode[at] = code(i / 2);
    }
  }
  return { ...program, scale: { ...program.scale, coupling_E0: 1e-3 } };
}
