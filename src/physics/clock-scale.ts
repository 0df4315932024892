// The same program, faster: with all energies and kT raised by lambda, Langevin dynamics of mobility mu run lambda times as
// fast and give the same states, because only V/kT and mu kT t enter (Whitelam, arXiv 2410.12211; docs/physics.md, clock).
import {
  NOISE_TEMPERATURE_CODE_MAX,
  type BlockRange,
  type ProgramRanges,
  type QuantisedProgram,
} from './quantise.ts';
import { CODE_MAX } from './packing.ts';

/** The blocks that are raised together, with the largest code of each. A field has its own image, and scales with its job. */
const BLOCKS = [
  { block: 'coupling', scale: 'coupling_E0', codeMax: CODE_MAX },
  { block: 'bias', scale: 'bias_E0', codeMax: CODE_MAX },
  { block: 'j2', scale: 'j2_E0', codeMax: CODE_MAX },
  { block: 'j4', scale: 'j4_E0', codeMax: CODE_MAX },
  { block: 'noiseTemperature', scale: 'noiseTemperature_E0', codeMax: NOISE_TEMPERATURE_CODE_MAX },
] as const;
type BlockScale = (typeof BLOCKS)[number];

export interface ClockScaleRange {
  min: number;
  max: number;
  /** Which block allows no more, and which no less; null where nothing limits it. */
  minBy: BlockScale['block'] | null;
  maxBy: BlockScale['block'] | null;
}

/** By how much the energies of a program can be raised on a device with these full scales, its codes left as they are. */
export function clockScaleRange(program: QuantisedProgram, ranges: ProgramRanges): ClockScaleRange {
  const range: ClockScaleRange = { min: 0, max: Infinity, minBy: null, maxBy: null };
  for (const { block, scale, codeMax } of BLOCKS) {
    const limits = ranges[block];
    if (limits === undefined || isEmpty(program, block)) continue;
    const fullScale_E0 = program.scale[scale] * codeMax;
    const min = limits.fullScaleMin_E0 / fullScale_E0;
    const max = limits.fullScaleMax_E0 / fullScale_E0;
    if (min > range.min) Object.assign(range, { min, minBy: block });
    if (max < range.max) Object.assign(range, { max, maxBy: block });
  }
  return range;
}

/** The program with all energies and kT times `lambda`, in the same codes. Within `clockScaleRange`. */
export function scaleClock(
  program: QuantisedProgram,
  lambda: number,
  ranges: ProgramRanges,
): QuantisedProgram {
  const scale = { ...program.scale };
  for (const { block, scale: name, codeMax } of BLOCKS)
    scale[name] = within(scale[name] * lambda, ranges[block], codeMax);
  return { ...program, scale };
}

/** Nothing but zeros: its scale means nothing. */
function isEmpty(program: QuantisedProgram, block: BlockScale['block']): boolean {
  if (block === 'noiseTemperature') return false;
  const code = {
    coupling: program.couplingCode,
    bias: program.biasCode,
    j2: program.j2Code,
    j4: program.j4Code,
  };
  return code[block].every((each) => each === 0);
}

/** As quantise does: the device compares the product with its range, and division must not have left it outside. */
function within(scale_E0: number, range: BlockRange | undefined, codeMax: number): number {
  if (range === undefined) return scale_E0;
  let scale = Math.min(Math.max(scale_E0, range.fullScaleMin_E0 / codeMax), range.fullScaleMax_E0 / codeMax);
  if (scale * codeMax < range.fullScaleMin_E0) scale *= 1 + Number.EPSILON;
  if (scale * codeMax > range.fullScaleMax_E0) scale *= 1 - Number.EPSILON;
  return scale;
}
