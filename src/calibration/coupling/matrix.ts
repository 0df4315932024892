// Square matrices, row-major, as far as the regression of a whole chip needs them. A unit of 784 makes a second of it, so the
// work stops for others every few milliseconds.

/** Row of work between two pauses, in multiplications. */
const WORK_PER_PAUSE = 8e6;

export class Breath {
  #work = 0;
  /** Lets others have the thread when enough has been done. */
  async after(multiplications: number): Promise<void> {
    this.#work += multiplications;
    if (this.#work < WORK_PER_PAUSE) return;
    this.#work = 0;
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}

/** a^T b for a [rows][n], b [rows][m]: [n][m]. */
export async function transposedProduct(
  a: Float64Array,
  b: Float64Array,
  rows: number,
  breath: Breath,
): Promise<Float64Array> {
  const n = a.length / rows;
  const m = b.length / rows;
  const out = new Float64Array(n * m);
  for (let r = 0; r < rows; r++) {
    const row = b.subarray(r * m, r * m + m);
    for (let i = 0; i < n; i++) addScaled(out, i * m, row, a[r * n + i]);
    await breath.after(n * m);
  }
  return out;
}

/** a b for a [rows][n], b [n][m]: [rows][m]. */
export async function product(
  a: Float64Array,
  b: Float64Array,
  n: number,
  breath: Breath,
): Promise<Float64Array> {
  const rows = a.length / n;
  const m = b.length / n;
  const out = new Float64Array(rows * m);
  for (let r = 0; r < rows; r++) {
    for (let k = 0; k < n; k++) addScaled(out, r * m, b.subarray(k * m, k * m + m), a[r * n + k]);
    await breath.after(n * m);
  }
  return out;
}

/** Inverse by Gauss and Jordan with row pivots; null when it has none to working precision. */
export async function inverse(of: Float64Array, n: number, breath: Breath): Promise<Float64Array | null> {
  const a = of.slice();
  const out = new Float64Array(n * n);
  for (let i = 0; i < n; i++) out[i * n + i] = 1;
  const largest = a.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
  for (let c = 0; c < n; c++) {
    let pivot = c;
    for (let r = c + 1; r < n; r++) if (Math.abs(a[r * n + c]) > Math.abs(a[pivot * n + c])) pivot = r;
    const value = a[pivot * n + c];
    if (!(Math.abs(value) > 1e-12 * largest)) return null;
    for (const matrix of [a, out]) {
      swapRows(matrix, n, c, pivot);
      for (let k = 0; k < n; k++) matrix[c * n + k] /= value;
    }
    for (let r = 0; r < n; r++) {
      const factor = a[r * n + c];
      if (r === c || factor === 0) continue;
      addScaled(a, r * n, a.subarray(c * n, c * n + n), -factor);
      addScaled(out, r * n, out.subarray(c * n, c * n + n), -factor);
    }
    await breath.after(2 * n * n);
  }
  return out;
}

function addScaled(into: Float64Array, at: number, row: Float64Array, factor: number): void {
  for (let k = 0; k < row.length; k++) into[at + k] += factor * row[k];
}

function swapRows(matrix: Float64Array, n: number, a: number, b: number): void {
  if (a === b) return;
  const row = matrix.slice(a * n, a * n + n);
  matrix.copyWithin(a * n, b * n, b * n + n);
  matrix.set(row, b * n);
}
