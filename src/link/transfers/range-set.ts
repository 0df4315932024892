// A set of byte offsets kept as sorted, disjoint, non-touching half-open ranges: what has arrived, what is missing.

/** [from, to) */
export interface ByteRange {
  from: number;
  to: number;
}

export class RangeSet {
  #ranges: ByteRange[] = [];

  /** The ranges in ascending order; a copy. */
  get ranges(): ByteRange[] {
    return this.#ranges.map(({ from, to }) => ({ from, to }));
  }

  get isEmpty(): boolean {
    return this.#ranges.length === 0;
  }

  /** Number of ranges. */
  get count(): number {
    return this.#ranges.length;
  }

  /** Number of bytes in the set. */
  get size(): number {
    return this.#ranges.reduce((sum, r) => sum + (r.to - r.from), 0);
  }

  /** The lowest range, or undefined when the set is empty. */
  get first(): ByteRange | undefined {
    const first = this.#ranges.at(0);
    return first && { ...first };
  }

  /** One past the highest byte; 0 when the set is empty. */
  get end(): number {
    return this.#ranges.at(-1)?.to ?? 0;
  }

  /** Index of the first range that ends at or after `offset`. */
  #lowerBound(offset: number): number {
    let low = 0;
    let high = this.#ranges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#ranges[middle].to < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Adds [from, to); returns how many bytes of it were new. An empty range adds nothing. */
  add(from: number, to: number): number {
    if (to <= from) return 0;
    const start = this.#lowerBound(from);
    let stop = start;
    let known = 0;
    let low = from;
    let high = to;
    for (; stop < this.#ranges.length && this.#ranges[stop].from <= to; stop += 1) {
      const range = this.#ranges[stop];
      known += Math.max(0, Math.min(range.to, to) - Math.max(range.from, from));
      low = Math.min(low, range.from);
      high = Math.max(high, range.to);
    }
    this.#ranges.splice(start, stop - start, { from: low, to: high });
    return to - from - known;
  }

  /** Removes [from, to). */
  remove(from: number, to: number): void {
    if (to <= from) return;
    const start = this.#lowerBound(from);
    const kept: ByteRange[] = [];
    let stop = start;
    for (; stop < this.#ranges.length && this.#ranges[stop].from < to; stop += 1) {
      const range = this.#ranges[stop];
      if (range.from < from) kept.push({ from: range.from, to: Math.min(range.to, from) });
      if (range.to > to) kept.push({ from: Math.max(range.from, to), to: range.to });
    }
    this.#ranges.splice(start, stop - start, ...kept);
  }

  /** Whether all of [from, to) is in the set; true for an empty range. */
  includes(from: number, to: number): boolean {
    if (to <= from) return true;
    // A range that merely ends at `from` does not hold it, so look from the byte after.
    const range = this.#ranges.at(this.#lowerBound(from + 1));
    return range !== undefined && range.from <= from && range.to >= to;
  }

  /** Whether any byte of [from, to) is in the set. */
  intersects(from: number, to: number): boolean {
    if (to <= from) return false;
    const range = this.#ranges[this.#lowerBound(from + 1)] as ByteRange | undefined;
    return range !== undefined && range.from < to;
  }

  /** How far the set reaches without a hole from `start`; `start` itself when that byte is missing. */
  contiguousFrom(start: number): number {
    const range = this.#ranges[this.#lowerBound(start + 1)] as ByteRange | undefined;
    return range !== undefined && range.from <= start ? range.to : start;
  }

  /** The parts of [from, to) that are not in the set, ascending, at most `limit` of them. */
  missingIn(from: number, to: number, limit = Infinity): ByteRange[] {
    const missing: ByteRange[] = [];
    let at = from;
    for (let i = this.#lowerBound(from + 1); at < to && missing.length < limit; i += 1) {
      const range = this.#ranges[i] as ByteRange | undefined;
      const stop = Math.min(range?.from ?? to, to);
      if (stop > at) missing.push({ from: at, to: stop });
      if (range === undefined) break;
      at = Math.max(at, range.to);
    }
    return missing;
  }

  clear(): void {
    this.#ranges = [];
  }
}
