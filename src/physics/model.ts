// A model: the parameters of V(x) = sum J2 x^2 + J4 x^4 + b x + sum_{i<j} J_ij x_i x_j in E0, and what makes one valid.
import { PhysicsError } from './errors.ts';

/** Energies in E0; the reference working point is J2 = J4 = 1 E0, kT = 0.1 E0. */
export interface Model {
  /** Number of units N. */
  units: number;
  /** N x N, row by row, symmetric, zero diagonal. The upper triangle (i < j) is what counts. */
  couplings: Float64Array;
  /** N linear terms b. */
  biases: Float64Array;
  /** N coefficients of x^2; may be negative (two wells). */
  j2: Float64Array;
  /** N coefficients of x^4; above zero, or the potential would have no floor. */
  j4: Float64Array;
  /** kT, the thermal energy for which the model was made. */
  noiseTemperature_E0: number;
}

/** |J_ij - J_ji| may be this share of the largest |J|: rounding of a linear-algebra package, not a different matrix. */
export const SYMMETRY_TOLERANCE_RATIO = 1e-9;

/** A model without couplings and biases at the reference working point (J2 = J4 = 1 E0, kT = 0.1 E0). */
export function emptyModel(units: number): Model {
  return {
    units,
    couplings: new Float64Array(units * units),
    biases: new Float64Array(units),
    j2: new Float64Array(units).fill(1),
    j4: new Float64Array(units).fill(1),
    noiseTemperature_E0: 0.1,
  };
}

/**
 * Throws the first thing that is wrong with a model. Pointers are those of the JSON form: /couplings/i/j, /biases/i,
 * /j2/i, /j4/i, /noiseTemperature_E0.
 * @throws {PhysicsError} wrong-shape, not-finite, nonzero-diagonal, not-symmetric, potential-out-of-range,
 *   noise-temperature-out-of-range
 */
export function validateModel(model: Model): void {
  const { units } = model;
  if (!Number.isInteger(units) || units < 1)
    throw new PhysicsError('wrong-shape', `a model has at least one unit, not ${units}`, {
      pointer: '/units',
      allowed: { min: 1, max: 65_535 },
    });
  checkLength('couplings', model.couplings, units * units, `${units} x ${units}`);
  checkLength('biases', model.biases, units);
  checkLength('j2', model.j2, units);
  checkLength('j4', model.j4, units);
  checkFinite('biases', model.biases);
  checkFinite('j2', model.j2);
  checkFinite('j4', model.j4);
  checkPositive('j4', model.j4);
  const kT = model.noiseTemperature_E0;
  if (!Number.isFinite(kT) || kT <= 0)
    throw new PhysicsError('noise-temperature-out-of-range', `kT must be above zero, not ${kT}`, {
      pointer: '/noiseTemperature_E0',
      allowed: 'a finite number above 0 (E0)',
    });
  checkCouplings(model.couplings, units);
}

function checkLength(name: string, values: Float64Array, expected: number, shape = `${expected}`): void {
  if (values.length === expected) return;
  throw new PhysicsError('wrong-shape', `${name} has ${values.length} numbers, expected ${shape}`, {
    pointer: `/${name}`,
    allowed: shape,
  });
}

function checkFinite(name: string, values: Float64Array): void {
  const i = values.findIndex((v) => !Number.isFinite(v));
  if (i >= 0) throw notFinite(`/${name}/${i}`, values[i]);
}

function notFinite(pointer: string, value: number): PhysicsError {
  return new PhysicsError('not-finite', `${pointer} is ${value}`, { pointer, allowed: 'finite numbers' });
}

function checkPositive(name: string, values: Float64Array): void {
  const i = values.findIndex((v) => v <= 0);
  if (i < 0) return;
  throw new PhysicsError('potential-out-of-range', `${name}[${i}] is ${values[i]}: it must be above 0`, {
    pointer: `/${name}/${i}`,
    allowed: 'numbers above 0 (E0)',
  });
}

function checkCouplings(couplings: Float64Array, units: number): void {
  let largest = 0;
  for (let k = 0; k < couplings.length; k++) {
    const value = couplings[k];
    if (!Number.isFinite(value)) throw notFinite(pairPointer(Math.floor(k / units), k % units), value);
    largest = Math.max(largest, Math.abs(value));
  }
  const tolerance = SYMMETRY_TOLERANCE_RATIO * largest;
  for (let i = 0; i < units; i++) {
    const own = couplings[i * units + i];
    if (own !== 0)
      throw new PhysicsError(
        'nonzero-diagonal',
        `J[${i}][${i}] is ${own}: a unit has no coupling to itself`,
        {
          pointer: pairPointer(i, i),
          allowed: { min: 0, max: 0 },
        },
      );
    for (let j = i + 1; j < units; j++) {
      const upper = couplings[i * units + j];
      const lower = couplings[j * units + i];
      if (Math.abs(upper - lower) > tolerance)
        throw new PhysicsError(
          'not-symmetric',
          `J[${i}][${j}] is ${upper}, but J[${j}][${i}] is ${lower}: a bond has one strength`,
          { pointer: pairPointer(j, i), allowed: { min: upper, max: upper } },
        );
    }
  }
}

/** JSON pointer of a coupling. */
export function pairPointer(i: number, j: number): string {
  return `/couplings/${i}/${j}`;
}
