// Seeded random numbers for tests.

/** Uniform 32-bit numbers (mulberry32); the same seed gives the same sequence. */
export function seededRandom32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 15), z | 1);
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61);
    return (z ^ (z >>> 14)) >>> 0;
  };
}

/** Uniform within [0, 1). */
export function seededUniform(seed: number): () => number {
  const next = seededRandom32(seed);
  return () => next() / 2 ** 32;
}
