// Lowest eigenvalues of a coupling matrix, by Lanczos with full reorthogonalisation: the modes that grow into pictures.
import { EigenvalueDecomposition, Matrix } from 'ml-matrix';

const LANCZOS_STEPS = 90;

/** The `count` lowest eigenvalues of a symmetric N x N matrix, ascending (extreme ones to about 1e-8; a repeated one counts once). */
export function lowestEigenvalues(matrix: Float64Array, units: number, count: number): number[] {
  const steps = Math.min(units, LANCZOS_STEPS);
  const basis: Float64Array[] = [];
  const projected = Matrix.zeros(steps, steps);
  let vector = normalised(startVector(units)) ?? new Float64Array(units);
  let size = 0;
  for (let k = 0; k < steps; k++) {
    basis.push(vector);
    size = k + 1;
    const image = multiply(matrix, vector, units);
    projected.set(k, k, dot(vector, image));
    for (let pass = 0; pass < 2; pass++)
      for (const q of basis) {
        const share = dot(q, image);
        for (let i = 0; i < units; i++) image[i] -= share * q[i];
      }
    const length = Math.sqrt(dot(image, image));
    const next = normalised(image);
    if (next === null || k + 1 === steps) break;
    projected.set(k, k + 1, length);
    projected.set(k + 1, k, length);
    vector = next;
  }
  const small = projected.subMatrix(0, size - 1, 0, size - 1);
  const values = new EigenvalueDecomposition(small, { assumeSymmetric: true }).realEigenvalues;
  return values.sort((a, b) => a - b).slice(0, count);
}

function multiply(matrix: Float64Array, x: Float64Array, units: number): Float64Array {
  const out = new Float64Array(units);
  for (let i = 0, k = 0; i < units; i++) {
    let sum = 0;
    for (let j = 0; j < units; j++, k++) sum += matrix[k] * x[j];
    out[i] = sum;
  }
  return out;
}

// Fixed and without symmetry, so that no mode is orthogonal to it by accident.
function startVector(units: number): Float64Array {
  let state = 1;
  return Float64Array.from({ length: units }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

function normalised(vector: Float64Array): Float64Array | null {
  const length = Math.sqrt(dot(vector, vector));
  return length > 1e-10 ? vector.map((v) => v / length) : null;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let k = 0; k < a.length; k++) sum += a[k] * b[k];
  return sum;
}
