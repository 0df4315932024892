// From physical values to device codes and back. Every block of a program (J, b, field, J2, J4, kT) has one scale,
// the physical value per code; it is chosen from the block's own largest value with headroom, inside what the device offers.
import { PhysicsError, type PhysicsErrorCode } from './errors.ts';
import { pairPointer, validateModel, type Model } from './model.ts';
import { CODE_MAX } from './packing.ts';

/** Largest noise temperature code (unsigned 12 bit). */
export const NOISE_TEMPERATURE_CODE_MAX = 4095;
/** Programs keep this much room above their largest value, so that a gain correction fits (decisions.md 3). */
export const HEADROOM_RATIO = 0.25;
/** Full scale of the field DAC when nothing else asks for one: image fields 2 s reach 5.6 E0. */
const FIELD_FULL_SCALE_E0 = 8;
/** Full scale of a block whose values are all zero, on a device that states no smallest one. */
const EMPTY_FULL_SCALE_E0 = 1;

/** Smallest and largest full scale (scale times largest code, E0) that a device accepts for a block. */
export interface BlockRange {
  fullScaleMin_E0: number;
  fullScaleMax_E0: number;
}

/** What a device can be programmed to; a block left out is unlimited. */
export interface ProgramRanges {
  coupling?: BlockRange;
  bias?: BlockRange;
  field?: BlockRange;
  j2?: BlockRange;
  j4?: BlockRange;
  noiseTemperature?: BlockRange;
  /** x per readout code; the twin's is 2^-10 (rails at |x| = 2, 12 bits). */
  stateScale: number;
}

/** Physical value per code of each block; energies in E0, state in x. */
export interface ProgramScales {
  coupling_E0: number;
  bias_E0: number;
  field_E0: number;
  j2_E0: number;
  j4_E0: number;
  noiseTemperature_E0: number;
  state: number;
}

/** A program in device codes, -2047..2047, the noise temperature 1..4095. */
export interface QuantisedProgram {
  units: number;
  /** N(N-1)/2 codes, pairs i < j row by row: (0,1), (0,2) ... (1,2) ... */
  couplingCode: Int16Array;
  biasCode: Int16Array;
  j2Code: Int16Array;
  /** Above zero. */
  j4Code: Int16Array;
  noiseTemperatureCode: number;
  scale: ProgramScales;
}

/** The twin's ranges without limits: for use without a device. */
export const UNLIMITED_RANGES: ProgramRanges = { stateScale: 2 ** -10 };

/** Number of pairs i < j. */
export function pairCount(units: number): number {
  return (units * (units - 1)) / 2;
}

/**
 * Rounds a model to device codes. The largest value of each block becomes code floor(2047/(1 + headroom)) exactly, so that
 * uniform blocks (J2, J4, kT) carry no rounding error at all.
 * @param ranges the device's full scales
 * @throws {PhysicsError} all of validateModel's, and coupling-, bias-, potential-, noise-temperature-out-of-range
 */
export function quantise(
  model: Model,
  ranges: ProgramRanges = UNLIMITED_RANGES,
  options: { headroom_ratio?: number; fieldMaximum_E0?: number } = {},
): QuantisedProgram {
  validateModel(model);
  const headroom = options.headroom_ratio ?? HEADROOM_RATIO;
  const { units } = model;
  const pairs = upperTriangle(model.couplings, units);
  const block = (name: BlockName, values: Float64Array): Block =>
    quantiseBlock(name, values, units, ranges[name], headroom);
  const coupling = block('coupling', pairs);
  const bias = block('bias', model.biases);
  const j2 = block('j2', model.j2);
  const j4 = block('j4', model.j4);
  checkNoZeroCode(j4, model.j4);
  const noise = noiseTemperatureCode(model.noiseTemperature_E0, ranges.noiseTemperature, headroom);
  const fieldMaximum_E0 = options.fieldMaximum_E0 ?? FIELD_FULL_SCALE_E0 / (1 + headroom);
  return {
    units,
    couplingCode: coupling.code,
    biasCode: bias.code,
    j2Code: j2.code,
    j4Code: j4.code,
    noiseTemperatureCode: noise.code,
    scale: {
      coupling_E0: coupling.scale_E0,
      bias_E0: bias.scale_E0,
      field_E0: chooseScale(fieldMaximum_E0, ranges.field, headroom, CODE_MAX),
      j2_E0: j2.scale_E0,
      j4_E0: j4.scale_E0,
      noiseTemperature_E0: noise.scale_E0,
      state: ranges.stateScale,
    },
  };
}

/**
 * Rounds a field (N values, E0) to codes for a field image.
 * @throws {PhysicsError} not-finite, field-out-of-range
 */
export function quantiseField(
  field_E0: Float64Array,
  range?: BlockRange,
  options: { headroom_ratio?: number } = {},
): { code: Int16Array; scale_E0: number } {
  const i = field_E0.findIndex((v) => !Number.isFinite(v));
  if (i >= 0)
    throw new PhysicsError('not-finite', `field[${i}] is ${field_E0[i]}`, {
      pointer: `/field/${i}`,
      allowed: 'finite numbers',
    });
  return quantiseBlock('field', field_E0, field_E0.length, range, options.headroom_ratio ?? HEADROOM_RATIO);
}

/** The model that the device really runs; heat is computed from it (decisions.md 43). */
export function dequantise(program: QuantisedProgram): Model {
  const { units, scale } = program;
  const couplings = new Float64Array(units * units);
  for (let i = 0, k = 0; i < units; i++)
    for (let j = i + 1; j < units; j++, k++)
      couplings[i * units + j] = couplings[j * units + i] = program.couplingCode[k] * scale.coupling_E0;
  return {
    units,
    couplings,
    biases: Float64Array.from(program.biasCode, (c) => c * scale.bias_E0),
    j2: Float64Array.from(program.j2Code, (c) => c * scale.j2_E0),
    j4: Float64Array.from(program.j4Code, (c) => c * scale.j4_E0),
    noiseTemperature_E0: program.noiseTemperatureCode * scale.noiseTemperature_E0,
  };
}

/**
 * The noise temperature code for `ratio` times the program's own kT, on the program's scale.
 * @throws {PhysicsError} noise-temperature-out-of-range
 */
export function noiseTemperatureCodeForRatio(program: QuantisedProgram, ratio: number): number {
  const code = Math.round(program.noiseTemperatureCode * ratio);
  if (Number.isFinite(ratio) && code >= 1 && code <= NOISE_TEMPERATURE_CODE_MAX) return code;
  throw new PhysicsError(
    'noise-temperature-out-of-range',
    `noise temperature ratio ${ratio} does not fit the program`,
    {
      pointer: '/noiseTemperature_ratio',
      allowed: {
        min: 1 / program.noiseTemperatureCode,
        max: NOISE_TEMPERATURE_CODE_MAX / program.noiseTemperatureCode,
      },
    },
  );
}

type BlockName = 'coupling' | 'bias' | 'field' | 'j2' | 'j4';
interface Block {
  code: Int16Array;
  scale_E0: number;
}

const outOfRange: Record<BlockName, PhysicsErrorCode> = {
  coupling: 'coupling-out-of-range',
  bias: 'bias-out-of-range',
  field: 'field-out-of-range',
  j2: 'potential-out-of-range',
  j4: 'potential-out-of-range',
};

function upperTriangle(couplings: Float64Array, units: number): Float64Array {
  const pairs = new Float64Array(pairCount(units));
  for (let i = 0, k = 0; i < units; i++)
    for (let j = i + 1; j < units; j++, k++) pairs[k] = couplings[i * units + j];
  return pairs;
}

function quantiseBlock(
  name: BlockName,
  values: Float64Array,
  units: number,
  range: BlockRange | undefined,
  headroom_ratio: number,
): Block {
  let worst = 0;
  let largest = 0;
  for (let k = 0; k < values.length; k++)
    if (Math.abs(values[k]) > largest) {
      worst = k;
      largest = Math.abs(values[k]);
    }
  const limit_E0 = (range?.fullScaleMax_E0 ?? Infinity) / (1 + headroom_ratio);
  if (largest > limit_E0)
    throw new PhysicsError(
      outOfRange[name],
      `${name} ${values[worst]} E0 is beyond ${limit_E0} E0, what the device offers with ${headroom_ratio * 100} % headroom`,
      { pointer: pointerOf(name, worst, units), allowed: { min: -limit_E0, max: limit_E0 } },
    );
  const scale_E0 = chooseScale(largest, range, headroom_ratio, CODE_MAX);
  return { code: Int16Array.from(values, (v) => Math.round(v / scale_E0)), scale_E0 };
}

// The scale puts the largest value exactly on a code. The full scale may come out up to 0.1 % above (1 + headroom) times
// that value, which the device's own limit then cuts.
function chooseScale(
  largest_E0: number,
  range: BlockRange | undefined,
  headroom_ratio: number,
  codeMax: number,
): number {
  const smallest = range?.fullScaleMin_E0 ?? 0;
  const greatest = range?.fullScaleMax_E0 ?? Infinity;
  const top = Math.floor(codeMax / (1 + headroom_ratio));
  const wanted = largest_E0 > 0 ? largest_E0 / top : 0;
  let scale = Math.min(Math.max(wanted, smallest / codeMax), greatest / codeMax);
  if (!(scale > 0)) scale = Math.min(EMPTY_FULL_SCALE_E0, greatest) / codeMax;
  // A device compares scale times the largest code with its range: division must not have left it one rounding outside.
  if (scale * codeMax < smallest) scale *= 1 + Number.EPSILON;
  if (scale * codeMax > greatest) scale *= 1 - Number.EPSILON;
  return scale;
}

function noiseTemperatureCode(
  kT_E0: number,
  range: BlockRange | undefined,
  headroom_ratio: number,
): { code: number; scale_E0: number } {
  const scale_E0 = chooseScale(kT_E0, range, headroom_ratio, NOISE_TEMPERATURE_CODE_MAX);
  const code = Math.round(kT_E0 / scale_E0);
  if (code >= 1 && code <= NOISE_TEMPERATURE_CODE_MAX) return { code, scale_E0 };
  throw new PhysicsError('noise-temperature-out-of-range', `kT ${kT_E0} E0 does not fit the device`, {
    pointer: '/noiseTemperature_E0',
    allowed: { min: scale_E0, max: scale_E0 * NOISE_TEMPERATURE_CODE_MAX },
  });
}

function checkNoZeroCode(block: Block, values: Float64Array): void {
  const i = block.code.findIndex((c) => c <= 0);
  if (i < 0) return;
  throw new PhysicsError(
    'potential-out-of-range',
    `j4[${i}] = ${values[i]} E0 rounds to code 0 on the scale of the block: the unit would have no floor`,
    { pointer: `/j4/${i}`, allowed: { min: block.scale_E0 / 2, max: block.scale_E0 * CODE_MAX } },
  );
}

function pointerOf(name: BlockName, index: number, units: number): string {
  if (name === 'coupling') {
    let i = 0;
    let rest = index;
    while (rest >= units - 1 - i) rest -= units - 1 - i++;
    return pairPointer(i, i + 1 + rest);
  }
  return `/${name === 'bias' ? 'biases' : name}/${index}`;
}
