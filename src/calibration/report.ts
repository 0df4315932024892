// How results are written: short numbers, null where there is none.

/** Six digits: far below the error bar, and a fraction of the text. */
export function short(value: number): number {
  return Number(value.toPrecision(6));
}

/** The same of each; null for what is no number. */
export function shortAll(values: Iterable<number | null>): (number | null)[] {
  return Array.from(values, (value) => (value === null || !Number.isFinite(value) ? null : short(value)));
}
