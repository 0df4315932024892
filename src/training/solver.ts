// The couplings and biases that make the reverse of the noising paths most likely: linear least squares with a symmetric,
// masked matrix, A o (R + R^T) = 0 with R = J C + b m^T - Y, by preconditioned conjugate gradients. C and Y are never formed.
import { pairCount, PhysicsError } from '../physics/index.ts';
import type { Moments } from './moments.ts';
import { SymmetricProduct } from './symmetric-product.ts';
import type { Wiring } from './wiring.ts';

export interface SolveOptions {
  /** rho of the penalty rho |J|^2. */
  ridge?: number;
  /** Relative residual in the preconditioned norm at which the solve stops. */
  tolerance?: number;
  maxIterations?: number;
  onIteration?: (iteration: number, residual: number) => void;
}

export interface Solution {
  /** N x N, symmetric, zero diagonal. */
  couplings: Float64Array;
  biases: Float64Array;
  iterations: number;
  /** |A theta - right|/|right| in the preconditioned norm. */
  residual: number;
  /** <|J x + b - y|^2> - <|y|^2>, without the ridge; times mu dt/(4 kT) it is the loss per step against J = b = 0. */
  excessSquare: number;
}

export const SOLVER_TOLERANCE = 1e-6;

/**
 * Solves for all couplings of the wiring (the diagonal is never one) and all its biases.
 * @throws {PhysicsError} not-converged, wrong-shape
 */
export function solveCouplings(moments: Moments, wiring: Wiring, options: SolveOptions = {}): Solution {
  const { units } = moments;
  if (wiring.units !== units)
    throw new PhysicsError('wrong-shape', `a wiring of ${wiring.units} units for moments of ${units}`, {
      pointer: '/units',
      allowed: { min: units, max: units },
    });
  // With every bias free b = <y> - J m can be put in beforehand: what remains are centred moments and J alone.
  const centred = wiring.biases.every((b) => b === 1);
  const problem = new LeastSquares(moments, wiring, options.ridge ?? 0, centred);
  const tolerance = options.tolerance ?? SOLVER_TOLERANCE;
  const found = conjugateGradients(problem, tolerance, options.maxIterations ?? 2000, options.onIteration);
  if (found.residual > tolerance)
    throw new PhysicsError(
      'not-converged',
      `residual ${found.residual} after ${found.iterations} iterations`,
      {
        allowed: `${tolerance} or less`,
        remedy: 'Use a ridge (0.02 to 0.1), a looser tolerance or more iterations.',
      },
    );
  const couplings = problem.product.expand(found.theta);
  const biases = found.theta.slice(pairCount(units));
  if (centred)
    for (let i = 0; i < units; i++) {
      biases[i] = moments.meanResponse[i];
      for (let j = 0; j < units; j++) biases[i] -= couplings[i * units + j] * moments.mean[j];
    }
  const excessSquare = problem.excessSquare(found.theta);
  const residual = problem.relativeResidual(found.theta);
  return { couplings, biases, iterations: found.iterations, residual, excessSquare };
}

// The quadratic form over theta = (pairs i < j row by row, biases).
class LeastSquares {
  readonly size: number;
  readonly right: Float64Array;
  /** Inverse of the diagonal of the operator, 0 where the wiring has nothing. */
  readonly preconditioner: Float64Array;
  readonly product: SymmetricProduct;
  private readonly moments: Moments;
  private readonly wiring: Wiring;
  private readonly ridge: number;
  private readonly centred: boolean;
  private readonly factor: Float64Array;
  private readonly mean: Float64Array;

  constructor(moments: Moments, wiring: Wiring, ridge: number, centred: boolean) {
    const { units, rank } = moments;
    const pairs = pairCount(units);
    this.moments = moments;
    this.wiring = wiring;
    this.ridge = ridge;
    this.centred = centred;
    this.factor = centred ? moments.centredFactor : moments.factor;
    this.mean = centred ? new Float64Array(units) : moments.mean;
    this.size = pairs + units;
    this.product = new SymmetricProduct(units, rank, wiring.bonds);
    this.right = new Float64Array(this.size);
    this.product.addOuter(moments.response, this.factor, this.right);
    if (!centred)
      for (let i = 0; i < units; i++) this.right[pairs + i] = moments.meanResponse[i] * wiring.biases[i];
    this.preconditioner = this.inverseDiagonal();
  }

  /** A theta. */
  apply(theta: Float64Array, out: Float64Array): void {
    const { units, diagonal } = this.moments;
    const { bonds, biases } = this.wiring;
    const pairs = pairCount(units);
    out.fill(0);
    const b = theta.subarray(pairs);
    const { projected, onMean } = this.product.multiply(theta, this.factor, this.mean);
    this.product.addOuter(
      projected,
      this.factor,
      out,
      this.centred ? undefined : { left: b, right: this.mean },
    );
    for (let i = 0, k = 0; i < units; i++)
      for (let j = i + 1; j < units; j++, k++)
        if (bonds[k] !== 0) out[k] += theta[k] * (diagonal[i] + diagonal[j] + 2 * this.ridge);
    if (!this.centred) for (let i = 0; i < units; i++) out[pairs + i] = biases[i] * (onMean[i] + b[i]);
  }

  /** Computed anew: the recursion of the solver drifts below it once rounding is reached. */
  relativeResidual(theta: Float64Array): number {
    const image = new Float64Array(this.size);
    this.apply(theta, image);
    let [rest, whole] = [0, 0];
    for (let k = 0; k < this.size; k++) {
      rest += (this.right[k] - image[k]) ** 2 * this.preconditioner[k];
      whole += this.right[k] ** 2 * this.preconditioner[k];
    }
    return whole > 0 ? Math.sqrt(rest / whole) : 0;
  }

  /** At the optimum the square gained is theta.right, less what the ridge holds back. */
  excessSquare(theta: Float64Array): number {
    const pairs = pairCount(this.moments.units);
    let gained = dot(theta, this.right);
    for (let k = 0; k < pairs; k++) gained += 2 * this.ridge * theta[k] * theta[k];
    if (this.centred) gained += dot(this.moments.meanResponse, this.moments.meanResponse);
    return -gained;
  }

  private inverseDiagonal(): Float64Array {
    const { units, rank, diagonal } = this.moments;
    const { bonds, biases } = this.wiring;
    const square = diagonal.slice();
    for (let i = 0; i < units; i++)
      for (let k = 0; k < rank; k++) square[i] += this.factor[i * rank + k] ** 2;
    const inverse = new Float64Array(this.size);
    let k = 0;
    for (let i = 0; i < units; i++)
      for (let j = i + 1; j < units; j++, k++)
        inverse[k] = bonds[k] === 0 ? 0 : 1 / (square[i] + square[j] + 2 * this.ridge);
    if (!this.centred) for (let i = 0; i < units; i++) inverse[k + i] = biases[i];
    return inverse;
  }
}

function conjugateGradients(
  problem: LeastSquares,
  tolerance: number,
  maxIterations: number,
  onIteration: SolveOptions['onIteration'],
): { theta: Float64Array; iterations: number; residual: number } {
  const { size, preconditioner } = problem;
  const theta = new Float64Array(size);
  const rest = problem.right.slice();
  const direction = Float64Array.from(rest, (v, k) => v * preconditioner[k]);
  const image = new Float64Array(size);
  let power = dot(rest, direction);
  const start = power;
  let residual = start > 0 ? 1 : 0;
  let iterations = 0;
  while (residual > tolerance && iterations < maxIterations) {
    iterations += 1;
    problem.apply(direction, image);
    const alpha = power / dot(direction, image);
    let next = 0;
    for (let k = 0; k < size; k++) {
      theta[k] += alpha * direction[k];
      rest[k] -= alpha * image[k];
      next += rest[k] * rest[k] * preconditioner[k];
    }
    const beta = next / power;
    for (let k = 0; k < size; k++) direction[k] = rest[k] * preconditioner[k] + beta * direction[k];
    power = next;
    residual = Math.sqrt(power / start);
    onIteration?.(iterations, residual);
  }
  return { theta, iterations, residual };
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let k = 0; k < a.length; k++) sum += a[k] * b[k];
  return sum;
}
