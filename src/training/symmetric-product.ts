// The two inner loops of the solver, J F and (G F^T + F G^T) on the masked pairs, written for speed: four rows at a time,
// contiguous memory, and nothing done where a row has no bonds.
import { pairCount } from '../physics/index.ts';

export class SymmetricProduct {
  private readonly units: number;
  private readonly rank: number;
  private readonly bonds: Uint8Array;
  /** Full matrix of the vector at hand. */
  private readonly full: Float64Array;
  private readonly projected: Float64Array;
  private readonly onMean: Float64Array;
  /** First and one past the last column of each row that has a bond, over the full matrix. */
  private readonly from: Int32Array;
  private readonly to: Int32Array;

  constructor(units: number, rank: number, bonds: Uint8Array) {
    this.units = units;
    this.rank = rank;
    this.bonds = bonds;
    this.full = new Float64Array(units * units);
    this.projected = new Float64Array(units * rank);
    this.onMean = new Float64Array(units);
    this.from = new Int32Array(units).fill(units);
    this.to = new Int32Array(units);
    for (let i = 0, k = 0; i < units; i++)
      for (let j = i + 1; j < units; j++, k++)
        if (bonds[k] !== 0) {
          this.widen(i, j);
          this.widen(j, i);
        }
  }

  /** The full symmetric matrix (a copy) of a vector of pairs. */
  expand(pairs: Float64Array): Float64Array {
    this.fill(pairs);
    return this.full.slice();
  }

  /** J F (N x rank) and J m (N); the arrays are reused by the next call. */
  multiply(
    pairs: Float64Array,
    factor: Float64Array,
    mean: Float64Array,
  ): { projected: Float64Array; onMean: Float64Array } {
    const { units, rank, full, projected, onMean } = this;
    this.fill(pairs);
    projected.fill(0);
    for (let i = 0; i < units; i++) {
      const row = i * units;
      const out = projected.subarray(i * rank, (i + 1) * rank);
      const end = this.to[i];
      let j = this.from[i];
      let sum = 0;
      for (let k = j; k < end; k++) sum += full[row + k] * mean[k];
      onMean[i] = sum;
      for (; j + 4 <= end; j += 4) {
        const [a, b, c, d] = [full[row + j], full[row + j + 1], full[row + j + 2], full[row + j + 3]];
        const at = j * rank;
        for (let k = 0; k < rank; k++)
          out[k] +=
            a * factor[at + k] +
            b * factor[at + rank + k] +
            c * factor[at + 2 * rank + k] +
            d * factor[at + 3 * rank + k];
      }
      for (; j < end; j++) for (let k = 0; k < rank; k++) out[k] += full[row + j] * factor[j * rank + k];
    }
    return { projected, onMean };
  }

  /** Adds G F^T + F G^T (and, given vectors, left right^T + right left^T) to `out` on the pairs that have a bond. */
  addOuter(
    g: Float64Array,
    factor: Float64Array,
    out: Float64Array,
    extra?: { left: Float64Array; right: Float64Array },
  ): void {
    const { units, rank, bonds } = this;
    // One dot product per pair: [G_i F_i l_i r_i] . [F_j G_j r_j l_j].
    const width = 2 * rank + 2;
    const own = new Float64Array(units * width);
    const other = new Float64Array(units * width);
    for (let i = 0; i < units; i++) {
      const [gi, fi] = [g.subarray(i * rank, (i + 1) * rank), factor.subarray(i * rank, (i + 1) * rank)];
      own.set(gi, i * width);
      own.set(fi, i * width + rank);
      other.set(fi, i * width);
      other.set(gi, i * width + rank);
      own[i * width + 2 * rank] = other[i * width + 2 * rank + 1] = extra?.left[i] ?? 0;
      own[i * width + 2 * rank + 1] = other[i * width + 2 * rank] = extra?.right[i] ?? 0;
    }
    for (let i = 0, row = -1; i < units; row += units - i - 1, i++) {
      const a = i * width;
      const end = this.to[i];
      // Pair (i, j) is at row - i + j, because row counts the pairs of the rows before, less one.
      let j = Math.max(i + 1, this.from[i]);
      for (; j + 4 <= end; j += 4) {
        let [s0, s1, s2, s3] = [0, 0, 0, 0];
        const b = j * width;
        for (let k = 0; k < width; k++) {
          const v = own[a + k];
          s0 += v * other[b + k];
          s1 += v * other[b + width + k];
          s2 += v * other[b + 2 * width + k];
          s3 += v * other[b + 3 * width + k];
        }
        const at = row - i + j;
        if (bonds[at] !== 0) out[at] += s0;
        if (bonds[at + 1] !== 0) out[at + 1] += s1;
        if (bonds[at + 2] !== 0) out[at + 2] += s2;
        if (bonds[at + 3] !== 0) out[at + 3] += s3;
      }
      for (; j < end; j++) {
        const at = row - i + j;
        if (bonds[at] === 0) continue;
        let sum = 0;
        for (let k = 0; k < width; k++) sum += own[a + k] * other[j * width + k];
        out[at] += sum;
      }
    }
  }

  private widen(row: number, column: number): void {
    this.from[row] = Math.min(this.from[row], column);
    this.to[row] = Math.max(this.to[row], column + 1);
  }

  private fill(pairs: Float64Array): void {
    const { units, full } = this;
    if (pairs.length < pairCount(units)) throw new RangeError('too few pairs');
    for (let i = 0, k = 0; i < units; i++)
      for (let j = i + 1; j < units; j++, k++) full[i * units + j] = full[j * units + i] = pairs[k];
  }
}
