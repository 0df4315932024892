// A linear system A x = b as a model: the chip's states are Gaussian with the mean A^-1 b and the covariance kT A^-1
// (arXiv 2308.05660). V(x) = x^T A x/2 - b^T x, so J2 = A_ii/2, J_ij = A_ij and the biases are -b.
import { PhysicsError } from './errors.ts';
import { metadataFrom, scalarFrom, toFloat64, type ModelFile } from './model-file.ts';
import { SYMMETRY_TOLERANCE_RATIO } from './model.ts';
import { decodeNpz, type NpyArray } from './npy.ts';

/** J4 that moves nothing: the core's multiplier rounds to 0 (docs/adr/0005). A program needs J4 > 0 all the same. */
export const J4_LINEAR_LIMIT_E0 = 1e-9;
const NOISE_TEMPERATURE_E0 = 0.1;
const MEMBERS = ['A', 'b', 'kT', 'metadata'];

/**
 * Reads a linear system from .npz: A (N x N, symmetric, positive definite, E0), b (N, E0; default 0), kT (E0; default
 * 0.1), metadata (JSON text as uint8). The metadata gains `linearSystem.meanMax_x`, the largest |A^-1 b| (null: beyond all numbers): a chip with
 * rails holds the system only where it and a few standard deviations stay below them.
 * @throws {PhysicsError} bad-npz, wrong-shape, not-finite, not-symmetric, not-positive-definite,
 *   noise-temperature-out-of-range
 */
export function decodeLinearSystemNpz(
  bytes: Uint8Array,
  limits: { unpackedBytesMax: number; unitsMax: number },
): ModelFile {
  const arrays = decodeNpz(bytes, limits.unpackedBytesMax);
  const unknown = [...arrays.keys()].find((name) => !MEMBERS.includes(name));
  const A = arrays.get('A');
  if (unknown !== undefined || A === undefined)
    throw new PhysicsError('bad-npz', unknown === undefined ? 'no member A' : `unknown member ${unknown}`, {
      pointer: `/${unknown ?? 'A'}`,
      allowed: 'members A (N x N), b (N), kT (scalar), metadata',
    });
  const units = readSize(A, limits.unitsMax);
  const matrix = toFloat64(A);
  const b = readRight(arrays.get('b'), units);
  checkSymmetric(matrix, units);
  const mean = solve(choleskyFactor(matrix, units), b);
  const meanMax_x = mean.reduce((largest, x) => Math.max(largest, Math.abs(x)), 0);
  const couplings = Float64Array.from(matrix);
  for (let i = 0; i < units; i++) {
    couplings[i * units + i] = 0;
    // Within the tolerance the two halves may differ by rounding: the upper one counts, as in every model.
    for (let j = 0; j < i; j++) couplings[i * units + j] = matrix[j * units + i];
  }
  return {
    model: {
      units,
      couplings,
      biases: b.map((value) => 0 - value),
      j2: Float64Array.from({ length: units }, (_, i) => matrix[i * units + i] / 2),
      j4: new Float64Array(units).fill(J4_LINEAR_LIMIT_E0),
      noiseTemperature_E0: scalarFrom(arrays.get('kT'), NOISE_TEMPERATURE_E0),
    },
    metadata: {
      ...metadataFrom(arrays.get('metadata')),
      linearSystem: { meanMax_x: Number.isFinite(meanMax_x) ? meanMax_x : null },
    },
  };
}

function readSize({ shape }: NpyArray, unitsMax: number): number {
  const [units, columns] = shape;
  if (shape.length === 2 && units === columns && units >= 1 && units <= unitsMax) return units;
  throw new PhysicsError('wrong-shape', `A has shape (${shape.join(', ')})`, {
    pointer: '/A',
    allowed: `a square matrix N x N, N from 1 to ${unitsMax}`,
  });
}

function readRight(member: NpyArray | undefined, units: number): Float64Array {
  if (member === undefined) return new Float64Array(units);
  if (member.shape.length !== 1 || member.shape[0] !== units)
    throw new PhysicsError('wrong-shape', `b has shape (${member.shape.join(', ')})`, {
      pointer: '/b',
      allowed: `${units} numbers`,
    });
  const b = toFloat64(member);
  const i = b.findIndex((value) => !Number.isFinite(value));
  if (i >= 0) throw notFinite(`/b/${i}`, b[i]);
  return b;
}

function notFinite(pointer: string, value: number): PhysicsError {
  return new PhysicsError('not-finite', `${pointer} is ${value}`, { pointer, allowed: 'finite numbers' });
}

function checkSymmetric(A: Float64Array, n: number): void {
  let largest = 0;
  for (let k = 0; k < A.length; k++) {
    if (!Number.isFinite(A[k])) throw notFinite(`/A/${Math.floor(k / n)}/${k % n}`, A[k]);
    largest = Math.max(largest, Math.abs(A[k]));
  }
  for (let i = 0; i < n; i++)
    for (let j = i + 1; j < n; j++) {
      const [upper, lower] = [A[i * n + j], A[j * n + i]];
      if (Math.abs(upper - lower) > SYMMETRY_TOLERANCE_RATIO * largest)
        throw new PhysicsError('not-symmetric', `A[${i}][${j}] is ${upper}, but A[${j}][${i}] is ${lower}`, {
          pointer: `/A/${j}/${i}`,
          allowed: { min: upper, max: upper },
        });
    }
}

/** L with A = L L^T, row by row, from the upper half of A. @throws {PhysicsError} not-positive-definite */
function choleskyFactor(A: Float64Array, n: number): Float64Array {
  const L = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    const row = i * n;
    for (let j = 0; j <= i; j++) {
      const other = j * n;
      let sum = A[other + i];
      for (let k = 0; k < j; k++) sum -= L[row + k] * L[other + k];
      if (j < i) L[row + j] = sum / L[other + j];
      else L[row + i] = Math.sqrt(checkPivot(sum, i, A[row + i], n));
    }
  }
  return L;
}

// A pivot is the stiffness left to x_i once x_0 ... x_(i-1) have followed it: at or below 0 nothing holds that mode.
function checkPivot(pivot: number, i: number, diagonal: number, n: number): number {
  if (pivot > n * Number.EPSILON * Math.abs(diagonal) && Number.isFinite(pivot)) return pivot;
  throw new PhysicsError(
    'not-positive-definite',
    `A is not positive definite: pivot ${i} of its Cholesky factor is ${pivot} (A[${i}][${i}] is ${diagonal})`,
    { pointer: `/A/${i}/${i}`, allowed: 'a matrix whose eigenvalues are all above 0' },
  );
}

function solve(L: Float64Array, b: Float64Array): Float64Array {
  const n = b.length;
  const x = Float64Array.from(b);
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < i; k++) x[i] -= L[i * n + k] * x[k];
    x[i] /= L[i * n + i];
  }
  for (let i = n - 1; i >= 0; i--) {
    for (let k = i + 1; k < n; k++) x[i] -= L[k * n + i] * x[k];
    x[i] /= L[i * n + i];
  }
  return x;
}
