// Stochastic rounding of couplings: over many roundings their mean is what was asked for, so the error of rounding goes with
// the number of roundings instead of staying (Aifer et al., arXiv 2401.16231; docs/physics.md, dithering).
import type { Model } from './model.ts';
import type { QuantisedProgram } from './quantise.ts';

/** Names one rounding: with the same, anybody makes the same codes. */
export interface Rounding {
  /** Unsigned 64-bit integer. */
  seed: bigint;
  /** The other of a pair: rounds up where the one with the same seed is least likely to. */
  mirrored: boolean;
}

/** Numbers that are thrown away first, so that the seed is spread over the whole state. */
const WARM_UP = 12;
const WORD = 2 ** 32;

/**
 * The program with couplings floor(v) + (u < v - floor(v)) for v = J/scale and u uniform within [0, 1): codes whose mean is v.
 * In a mirrored rounding u' = 1 - 2^-32 - u takes the place of u, so that the two of a pair err in opposite directions.
 * Every pair i < j takes one number, row by row; all other blocks stay as they are, rounded to the nearest.
 * @param program `quantise(model, ranges)`, which leaves room for one code more
 */
export function ditherProgram(
  program: QuantisedProgram,
  model: Pick<Model, 'units' | 'couplings'>,
  rounding: Rounding,
): QuantisedProgram {
  const { units, couplings } = model;
  const scale_E0 = program.scale.coupling_E0;
  const next = randomWords(rounding.seed);
  const couplingCode = new Int16Array(program.couplingCode.length);
  for (let i = 0, k = 0; i < units; i++)
    for (let j = i + 1; j < units; j++, k++) {
      const word = next();
      const u = (rounding.mirrored ? WORD - 1 - word : word) / WORD;
      const v = couplings[i * units + j] / scale_E0;
      const below = Math.floor(v);
      couplingCode[k] = u < v - below ? below + 1 : below;
    }
  return { ...program, couplingCode };
}

/** Uniform 32-bit numbers: sfc32 (Doty-Humphrey, PractRand) from (low half of the seed, high half, 0) and counter 1. */
function randomWords(seed: bigint): () => number {
  let a = Number(BigInt.asUintN(32, seed));
  let b = Number(BigInt.asUintN(32, seed >> 32n));
  let c = 0;
  let counter = 1;
  const next = (): number => {
    const word = (a + b + counter) >>> 0;
    counter = (counter + 1) >>> 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) >>> 0;
    c = (((c << 21) | (c >>> 11)) + word) >>> 0;
    return word;
  };
  for (let k = 0; k < WARM_UP; k++) next();
  return next;
}
