// Which units a driven-field probe pushes, and where to: rows of a Hadamard matrix, masked by another row so that half of the
// units stand free and answer (decision 4). Pure.

/** Per unit: +1 and -1 are pushed up and down, 0 stands free. */
export type DrivePattern = Int8Array;

/** Unit i of row a of the Hadamard matrix in Sylvester's order: the parity of the bits that a and i share. */
function hadamard(a: number, i: number): 1 | -1 {
  let shared = a & i;
  let odd = 0;
  for (; shared !== 0; shared &= shared - 1) odd ^= 1;
  return odd === 0 ? 1 : -1;
}

/** Order of the matrix: the smallest power of two that has a column for each unit, 4 at least. */
export function hadamardOrder(units: number): number {
  let order = 4;
  while (order < units) order *= 2;
  return order;
}

/**
 * Twice as many patterns as the matrix has rows. Each row is masked by another one and by its complement, so that every unit
 * is free in half of the patterns. Over all patterns the columns of two units are orthogonal.
 * @param units at least 2
 */
export function drivePatterns(units: number): DrivePattern[] {
  const order = hadamardOrder(units);
  const patterns: DrivePattern[] = [];
  for (let a = 0; a < order; a++) {
    // Masked by row a ^ c the pattern is half of row a plus or minus row c. Every c comes once, and never is c = a.
    const mask = a ^ ((5 * a + 3) % order);
    for (const free of [1, -1])
      patterns.push(
        Int8Array.from({ length: units }, (_, i) => (hadamard(mask, i) === free ? 0 : hadamard(a, i))),
      );
  }
  return patterns;
}

/** The forces of a pattern, E0. */
export function forceOf(pattern: DrivePattern, drive_E0: number): Float64Array {
  return Float64Array.from(pattern, (sign) => sign * drive_E0);
}
