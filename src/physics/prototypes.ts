// How much a state looks like one of the trained pictures: the Pearson correlation with the nearest prototype.
import { PhysicsError } from './errors.ts';

export interface PrototypeScore {
  /** Index of the best prototype. */
  index: number;
  /** |Pearson correlation| with it, 0..1. */
  correlation: number;
  /** The correlation is negative: the picture came out inverted. */
  inverted: boolean;
}

/** Pearson correlation of two vectors; 0 if one of them is constant. */
export function pearson(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length || a.length === 0)
    throw new PhysicsError('wrong-shape', `vectors of ${a.length} and ${b.length} numbers`, {
      allowed: 'two vectors of one length',
    });
  const n = a.length;
  let [sumA, sumB] = [0, 0];
  for (let k = 0; k < n; k++) {
    sumA += a[k];
    sumB += b[k];
  }
  const [meanA, meanB] = [sumA / n, sumB / n];
  let [aa, bb, ab] = [0, 0, 0];
  for (let k = 0; k < n; k++) {
    const da = a[k] - meanA;
    const db = b[k] - meanB;
    aa += da * da;
    bb += db * db;
    ab += da * db;
  }
  return aa > 0 && bb > 0 ? ab / Math.sqrt(aa * bb) : 0;
}

/** The prototype with the largest |Pearson correlation|. Hidden units are left out by the caller. */
export function bestPrototype(
  x: ArrayLike<number>,
  prototypes: readonly ArrayLike<number>[],
): PrototypeScore {
  if (prototypes.length === 0)
    throw new PhysicsError('bad-argument', 'no prototypes', {
      pointer: '/prototypes',
      allowed: 'one or more',
    });
  let best: PrototypeScore = { index: 0, correlation: -1, inverted: false };
  prototypes.forEach((prototype, index) => {
    const r = pearson(x, prototype);
    if (Math.abs(r) > best.correlation) best = { index, correlation: Math.abs(r), inverted: r < 0 };
  });
  return best;
}
