// How couplings are measured: one program whose couplings are all of one size and random sign, and forces that push every
// unit up or down in patterns which tell the units apart. One upload, however many couplings there are.
import type { QuantisedProgram } from '../../physics/index.ts';
import { seededWords } from './seeded-words.ts';

/**
 * The code of a test coupling. With the bits 10 and 9 set, no bit that is stuck can bring its size below 512, a third of it:
 * a coupling that answers with less is missing.
 */
export const TEST_CODE = 1536;

export interface DriveForces {
  /** [patterns][units], E0. */
  force_E0: Float64Array;
  patterns: number;
  units: number;
}

/** The two sizes of the forces: they tell J2 and J4 apart, and both hold a unit well away from 0. */
export const FORCE_SIZES_E0 = [4.5, 7.5] as const;

/**
 * Fewest patterns that tell `units` units and a constant apart: a prime of the form 4 k + 3, for which the signs below are
 * nearly orthogonal.
 */
export function patternsFor(units: number, least = 0): number {
  let candidate = Math.max(units + 2, least, 11);
  while (candidate % 4 !== 3 || !isPrime(candidate)) candidate += 1;
  return candidate;
}

function isPrime(n: number): boolean {
  for (let k = 2; k * k <= n; k++) if (n % k === 0) return false;
  return true;
}

/**
 * Forces on `units` units in `patterns` patterns. With enough patterns (patternsFor) the signs are those of quadratic residues:
 * shifts of one sequence, nearly orthogonal to each other and to a constant; with fewer they are drawn. The sizes are drawn.
 */
export function driveForces(units: number, patterns: number, seed: number): DriveForces {
  const residue = new Int8Array(patterns).fill(-1);
  for (let k = 0; k < patterns; k++) residue[(k * k) % patterns] = 1;
  const word = seededWords(seed);
  const isDrawn = patterns < units + 2;
  const [small, large] = FORCE_SIZES_E0;
  const force_E0 = new Float64Array(patterns * units);
  for (let p = 0; p < patterns; p++)
    for (let i = 0; i < units; i++) {
      const bits = word();
      const sign = isDrawn ? 1 - (bits & 2) : residue[(p + i) % patterns];
      force_E0[p * units + i] = sign * ((bits & 1) === 0 ? small : large);
    }
  return { force_E0, patterns, units };
}

/**
 * Size of the couplings of a dense test program, E0: together they push a unit with about `rowForce_E0` (rms), well below the
 * forces, so that every unit follows its force and settles at once.
 */
export function denseCoupling_E0(units: number, rowForce_E0: number): number {
  return rowForce_E0 / Math.sqrt(units);
}

/**
 * A program with every coupling at +- `coupling_E0`, code TEST_CODE, signs drawn.
 * @param base what the couplings are put into: its J2, J4, biases and noise temperature stay
 */
export function denseProgram(base: QuantisedProgram, coupling_E0: number, seed: number): QuantisedProgram {
  const word = seededWords(seed);
  const couplingCode = base.couplingCode.map(() => ((word() & 1) === 0 ? TEST_CODE : -TEST_CODE));
  return { ...base, couplingCode, scale: { ...base.scale, coupling_E0: coupling_E0 / TEST_CODE } };
}

/** A program with these pairs alone at +- `coupling_E0`. */
export function pairProgram(
  base: QuantisedProgram,
  pairs: readonly (readonly [number, number])[],
  coupling_E0: number,
  seed: number,
): QuantisedProgram {
  const word = seededWords(seed);
  const couplingCode = new Int16Array(base.couplingCode.length);
  for (const [i, j] of pairs)
    couplingCode[pairIndex(base.units, i, j)] = (word() & 1) === 0 ? TEST_CODE : -TEST_CODE;
  return { ...base, couplingCode, scale: { ...base.scale, coupling_E0: coupling_E0 / TEST_CODE } };
}

/** Where the pair i < j stands among the codes of a program. */
export function pairIndex(units: number, i: number, j: number): number {
  return i * units - (i * (i + 1)) / 2 + (j - i - 1);
}

/** N x N row-major, E0. */
export function couplingsOf({ units, couplingCode, scale }: QuantisedProgram): Float64Array {
  const couplings = new Float64Array(units * units);
  for (let i = 0, at = 0; i < units; i++)
    for (let j = i + 1; j < units; j++, at++)
      couplings[i * units + j] = couplings[j * units + i] = couplingCode[at] * scale.coupling_E0;
  return couplings;
}
