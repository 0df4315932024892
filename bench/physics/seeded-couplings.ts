// Random symmetric couplings of a given strength, the same for the same seed.
import { lowestEigenvalues } from '../../src/training/index.ts';

/** Uniform in [0, 1) (mulberry32). */
export function uniformFrom(seed: number): () => number {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), a | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A standard normal number from two uniform ones (Box-Muller). */
export function normalFrom(uniform: () => number): () => number {
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}

/** N x N, zero diagonal, lowest eigenvalue -radius (E0). */
export function seededCouplings(units: number, radius: number, seed: number): Float64Array {
  const uniform = uniformFrom(seed);
  const J = new Float64Array(units * units);
  for (let i = 0; i < units; i++)
    for (let j = i + 1; j < units; j++) J[i * units + j] = J[j * units + i] = 2 * uniform() - 1;
  const scale = radius / -lowestEigenvalues(J, units, 1)[0];
  return J.map((v) => v * scale);
}
