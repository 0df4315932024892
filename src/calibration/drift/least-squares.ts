// Small normal equations: values and their variances. Pure.
import { CalibrationError } from '../errors.ts';

/** A column whose pivot is below this share of its own diagonal is no column of its own. */
const PIVOT_MIN_RATIO = 1e-10;

/**
 * Solves A x = b for a symmetric positive definite A; the diagonal of A^-1 comes with it, which is the variance of x where A is
 * the information of the data.
 * @param A n x n, the lower triangle counts; overwritten
 * @param b n numbers
 * @throws {CalibrationError} no-usable-units: the data leave a direction open
 */
export function solveSpd(A: Float64Array, b: Float64Array): { value: Float64Array; variance: Float64Array } {
  const n = b.length;
  factor(A, n);
  const value = Float64Array.from(b);
  forward(A, n, value);
  backward(A, n, value);
  const variance = new Float64Array(n);
  const column = new Float64Array(n);
  for (let k = 0; k < n; k++) {
    // Row k of A^-1 at k is |L^-1 e_k|^2.
    column.fill(0);
    column[k] = 1;
    forward(A, n, column, k);
    for (let i = k; i < n; i++) variance[k] += column[i] * column[i];
  }
  return { value, variance };
}

function factor(A: Float64Array, n: number): void {
  for (let i = 0; i < n; i++)
    for (let j = 0; j <= i; j++) {
      const own = A[i * n + i];
      let sum = A[i * n + j];
      for (let k = 0; k < j; k++) sum -= A[i * n + k] * A[j * n + k];
      if (j < i) A[i * n + j] = sum / A[j * n + j];
      else if (sum > PIVOT_MIN_RATIO * own) A[i * n + i] = Math.sqrt(sum);
      else
        throw new CalibrationError('no-usable-units', `column ${i} of a fit is not told apart by the data`, {
          remedy: 'Measure more patterns, or more samples of each.',
        });
    }
}

function forward(L: Float64Array, n: number, x: Float64Array, from = 0): void {
  for (let i = from; i < n; i++) {
    let sum = x[i];
    for (let k = from; k < i; k++) sum -= L[i * n + k] * x[k];
    x[i] = sum / L[i * n + i];
  }
}

function backward(L: Float64Array, n: number, x: Float64Array): void {
  for (let i = n - 1; i >= 0; i--) {
    let sum = x[i];
    for (let k = i + 1; k < n; k++) sum -= L[k * n + i] * x[k];
    x[i] = sum / L[i * n + i];
  }
}
