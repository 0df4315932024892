// Many elements looked at together: how far the worst of them may stand out by chance, and what all of them do in common. Pure.
import { normalQuantile } from '../tails.ts';

/** Probability that any of the elements is named in a round in which none has moved. */
export const FAMILY_FALSE_ALARM_PROBABILITY = 1e-3;

/**
 * The |z| that none of `size` elements in control passes in a round, but for this probability (Bonferroni; 5.0 for the 2,016
 * couplings of 64 units, decision 4).
 */
export function familyBound_z(size: number, probability = FAMILY_FALSE_ALARM_PROBABILITY): number {
  return normalQuantile(probability / (2 * Math.max(1, size)));
}

/** Changes of many elements since the baseline. */
export interface Changes {
  size: number;
  change(k: number): number;
  stderr(k: number): number;
}

export interface CommonChange {
  /** Share by which all elements moved in proportion to their own value. */
  ratio: number;
  stderr_ratio: number;
  /** Elements left out because they moved by themselves. */
  leftOut: ReadonlySet<number>;
}

const PASSES = 5;
/** A single element beyond it may have moved by itself: without it the common value loses nothing. */
const OUT_Z = 3.5;

/**
 * The common gain: the change as a multiple of what was programmed, least squares with the errors as weights. Elements that
 * moved by themselves are left out, or a single large one would look like a little of everything.
 * @param programmed one value per element
 */
export function commonGain(changes: Changes, programmed: ArrayLike<number>): CommonChange {
  let found = gainWithout(changes, programmed, new Set());
  for (let pass = 0; pass < PASSES; pass++) {
    const before = found.leftOut;
    const out = new Set<number>();
    for (let k = 0; k < changes.size; k++)
      if (Math.abs((changes.change(k) - found.ratio * programmed[k]) / changes.stderr(k)) > OUT_Z) out.add(k);
    found = gainWithout(changes, programmed, out);
    if (out.size === before.size && [...out].every((k) => before.has(k))) break;
  }
  return found;
}

/** The same where it is known who moved by himself. */
export function gainWithout(
  changes: Changes,
  programmed: ArrayLike<number>,
  leftOut: ReadonlySet<number>,
): CommonChange {
  let [top, information] = [0, 0];
  for (let k = 0; k < changes.size; k++) {
    if (leftOut.has(k)) continue;
    const weight = 1 / changes.stderr(k) ** 2;
    top += weight * programmed[k] * changes.change(k);
    information += weight * programmed[k] ** 2;
  }
  return information > 0
    ? { ratio: top / information, stderr_ratio: 1 / Math.sqrt(information), leftOut }
    : { ratio: 0, stderr_ratio: Infinity, leftOut };
}

export interface Element {
  index: number;
  change: number;
  stderr: number;
  z: number;
}

/** The elements with the largest |z| beside `common` times what was programmed, worst first. */
export function worstElements(
  changes: Changes,
  { programmed, ratio }: { programmed: ArrayLike<number>; ratio: number },
  top: number,
): Element[] {
  const elements = Array.from({ length: changes.size }, (_, index): Element => {
    const change = changes.change(index) - ratio * programmed[index];
    const stderr = changes.stderr(index);
    return { index, change, stderr, z: change / stderr };
  });
  return elements.sort((a, b) => Math.abs(b.z) - Math.abs(a.z)).slice(0, top);
}

/**
 * Root mean square of the changes without what their errors alone would show, and its standard error. May be 0, never below.
 */
export function excessRms(changes: Changes): { rms: number; stderr: number } {
  let [square, noise, noise2] = [0, 0, 0];
  for (let k = 0; k < changes.size; k++) {
    const variance = changes.stderr(k) ** 2;
    square += changes.change(k) ** 2;
    noise += variance;
    noise2 += variance ** 2;
  }
  const n = Math.max(1, changes.size);
  const excess = (square - noise) / n;
  const stderr2 = Math.sqrt(2 * noise2) / n;
  const rms = Math.sqrt(Math.max(0, excess));
  // Of the root: exact for a clear excess, and for none the size at which it would be one.
  return { rms, stderr: stderr2 / (2 * Math.max(rms, Math.sqrt(stderr2) / 2)) };
}
