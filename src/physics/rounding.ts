// What a model loses on its way into the codes of a device: block by block the values that the device cannot hold, and the
// rounding error of the others. Pure.
import { PhysicsError } from './errors.ts';
import type { Model } from './model.ts';
import {
  HEADROOM_RATIO,
  pairCount,
  quantise,
  type BlockRange,
  type ProgramRanges,
  type QuantisedProgram,
} from './quantise.ts';

/** Rounding error of the values of a block: value minus code times scale. */
export interface RoundingError {
  /** Over all values; of the couplings over all pairs i < j. */
  rms_E0: number;
  /** Over the rms of the values; 0 for a block of zeros. */
  rms_ratio: number;
  max_E0: number;
  /** Over the largest magnitude of the block; 0 for a block of zeros. */
  max_ratio: number;
  /** Where it is largest: the pair [i, j] of a coupling, the unit [i], [] of kT. */
  worst: number[];
}

export interface BlockRounding {
  /** The largest magnitude that fits (kT: the largest value), E0; null: the device states no limit. */
  limit_E0: number | null;
  /** Values beyond the limit. None is clipped: a model with one of them is refused. */
  beyond: number;
  /** How far the worst of them is beyond, E0; clipping would change it by that much. */
  beyondMax_E0: number;
  /** Values other than zero that become code 0. */
  lost: number;
  /** Null where values are beyond: there are no codes then. */
  error: RoundingError | null;
}

export type RoundedBlock = 'coupling' | 'bias' | 'j2' | 'j4' | 'noiseTemperature';

export interface RoundingReport {
  /** Every reason why there is no program, in the order of `quantise`; empty: there is one. */
  flaws: PhysicsError[];
  program: QuantisedProgram | null;
  blocks: Record<RoundedBlock, BlockRounding>;
}

const BLOCK_AT: Readonly<Record<string, RoundedBlock>> = {
  couplings: 'coupling',
  biases: 'bias',
  j2: 'j2',
  j4: 'j4',
  noiseTemperature_E0: 'noiseTemperature',
};

/**
 * Rounds the model as `quantise` does with its own headroom, and measures what that costs.
 * @throws {PhysicsError} validateModel's: the model itself is none
 */
export function measureRounding(model: Model, ranges: ProgramRanges): RoundingReport {
  const { flaws, program } = everyFlaw(model, ranges);
  const { units, couplings } = model;
  const flawed = new Set(flaws.map(blockOf));
  const block = (name: RoundedBlock, values: Float64Array, code: ArrayLike<number> | undefined) =>
    roundingOf(
      values,
      limitOf(name, ranges[name]),
      flawed.has(name) ? undefined : code,
      scaleOf(program, name),
    );
  const at = (k: number): number[] => [k];
  const pairs = new Float64Array(pairCount(units));
  for (let i = 0, k = 0; i < units; i++)
    for (let j = i + 1; j < units; j++, k++) pairs[k] = couplings[i * units + j];
  const kT = Float64Array.of(model.noiseTemperature_E0);
  const kTCode = program === null ? undefined : [program.noiseTemperatureCode];
  return {
    flaws,
    program: flaws.length > 0 ? null : program,
    blocks: {
      coupling: placed(block('coupling', pairs, program?.couplingCode), (k) => pairAt(k, units)),
      bias: placed(block('bias', model.biases, program?.biasCode), at),
      j2: placed(block('j2', model.j2, program?.j2Code), at),
      j4: placed(block('j4', model.j4, program?.j4Code), at),
      noiseTemperature: placed(block('noiseTemperature', kT, kTCode), () => []),
    },
  };
}

/** Asks `quantise`, takes the limits of the block away that it refuses, and asks again. */
function everyFlaw(
  model: Model,
  ranges: ProgramRanges,
): { flaws: PhysicsError[]; program: QuantisedProgram | null } {
  const flaws: PhysicsError[] = [];
  const left = { ...ranges };
  for (;;) {
    try {
      return { flaws, program: quantise(model, left) };
    } catch (error) {
      const block = error instanceof PhysicsError ? blockOf(error) : undefined;
      if (block === undefined) throw error;
      flaws.push(error as PhysicsError);
      // A J4 that rounds to no floor does so on any scale.
      if (left[block] === undefined) return { flaws, program: null };
      delete left[block];
    }
  }
}

function blockOf(flaw: PhysicsError): RoundedBlock | undefined {
  if (!flaw.code.endsWith('-out-of-range')) return undefined;
  return BLOCK_AT[flaw.pointer.split('/')[1]];
}

/** The headroom is kept free in every block but the noise temperature, of which there is one value. */
function limitOf(name: RoundedBlock, range: BlockRange | undefined): number {
  const greatest_E0 = range?.fullScaleMax_E0 ?? Infinity;
  return name === 'noiseTemperature' ? greatest_E0 : greatest_E0 / (1 + HEADROOM_RATIO);
}

function scaleOf(program: QuantisedProgram | null, name: RoundedBlock): number {
  return program?.scale[`${name}_E0`] ?? NaN;
}

type Placeless = Omit<BlockRounding, 'error'> & {
  error: (Omit<RoundingError, 'worst'> & { worst: number }) | null;
};

function placed(block: Placeless, at: (k: number) => number[]): BlockRounding {
  return { ...block, error: block.error && { ...block.error, worst: at(block.error.worst) } };
}

function roundingOf(
  values: Float64Array,
  limit_E0: number,
  code: ArrayLike<number> | undefined,
  scale_E0: number,
): Placeless {
  let [beyond, beyondMax_E0, lost, largest_E0, squares, errorSquares, worst, max_E0] =
    Array<number>(8).fill(0);
  for (let k = 0; k < values.length; k++) {
    const magnitude_E0 = Math.abs(values[k]);
    if (magnitude_E0 > limit_E0) beyond += 1;
    if (magnitude_E0 > largest_E0) largest_E0 = magnitude_E0;
    if (code === undefined) continue;
    if (code[k] === 0 && magnitude_E0 > 0) lost += 1;
    const error_E0 = Math.abs(values[k] - code[k] * scale_E0);
    squares += values[k] ** 2;
    errorSquares += error_E0 ** 2;
    if (error_E0 > max_E0) {
      max_E0 = error_E0;
      worst = k;
    }
  }
  if (beyond > 0) beyondMax_E0 = largest_E0 - limit_E0;
  const share = (part: number, whole: number): number => (whole > 0 ? part / whole : 0);
  return {
    limit_E0: Number.isFinite(limit_E0) ? limit_E0 : null,
    beyond,
    beyondMax_E0,
    lost,
    error:
      code === undefined
        ? null
        : {
            rms_E0: values.length === 0 ? 0 : Math.sqrt(errorSquares / values.length),
            rms_ratio: Math.sqrt(share(errorSquares, squares)),
            max_E0,
            max_ratio: share(max_E0, largest_E0),
            worst,
          },
  };
}

/** The pair i < j of a place in the upper triangle, row by row; [] where there is no pair. */
function pairAt(index: number, units: number): number[] {
  if (units < 2) return [];
  let i = 0;
  let rest = index;
  while (rest >= units - 1 - i) rest -= units - 1 - i++;
  return [i, i + 1 + rest];
}
