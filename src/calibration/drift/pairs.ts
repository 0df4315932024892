// Places of pairs i < j, row by row: (0,1), (0,2) ... (1,2) ... Pure.

/** Units of the pair at place k. */
export function pairOf(k: number, units: number): [number, number] {
  let i = 0;
  let row = units - 1;
  for (let left = k; ; i++, row--) {
    if (left < row) return [i, i + 1 + left];
    left -= row;
  }
}

/** Place of the pair i < j. */
export function placeOf(i: number, j: number, units: number): number {
  return i * units - (i * (i + 1)) / 2 + (j - i - 1);
}
