// One unit exactly: averages by quadrature, and the spectrum of its Fokker-Planck operator, which gives every relaxation.
// Independent of the solver in src/training (another method: full diagonalisation), so that neither vouches for itself.
import { EigenvalueDecomposition, Matrix } from 'ml-matrix';

/** U(x) in E0. */
export type Potential = (x: number) => number;

const EDGE = 1.7;
const QUADRATURE_POINTS = 1600;
const CELLS = 360;

/** <f> under exp(-U/kT), and the partition function Z, by the trapezoid rule (spectrally exact for such integrands). */
export function boltzmann(
  U: Potential,
  kT: number,
  f: (x: number) => number = () => 1,
): { mean: number; Z: number } {
  const h = (2 * EDGE) / QUADRATURE_POINTS;
  let [Z, sum] = [0, 0];
  for (let k = 0; k <= QUADRATURE_POINTS; k++) {
    const x = -EDGE + k * h;
    const weight = Math.exp(-U(x) / kT) * h;
    Z += weight;
    sum += weight * f(x);
  }
  return { mean: sum / Z, Z };
}

/** Z_theta/Z_0 of two equal units when the bond J x1 x2 is switched on. */
export function bondPartitionRatio(U: Potential, kT: number, J: number): number {
  const partner = (x1: number): number => boltzmann((x2) => U(x2) + J * x1 * x2, kT).Z;
  return boltzmann(U, kT, partner).mean / boltzmann(U, kT).Z;
}

export interface OneUnitSpectrum {
  /** Relaxation times in 1/(mu E0), slowest first, equilibrium left out. */
  times: number[];
  /** <x>(t) from the equilibrium of U - B x, the field switched off at t = 0. */
  meanAfterField(B: number, t: number): number;
}

/**
 * Cells hop to their neighbours at rates (kT/h^2) exp(-dU/2kT); symmetrised by sqrt(p_eq), the generator is a symmetric
 * tridiagonal matrix with kT/h^2 beside the diagonal. The error is of order h^2 (1e-4 here).
 */
export function oneUnitSpectrum(U: Potential, kT: number): OneUnitSpectrum {
  const h = (2 * EDGE) / CELLS;
  const x = Array.from({ length: CELLS + 1 }, (_, i) => -EDGE + i * h);
  const rate = kT / (h * h);
  const hop = (from: number, to: number): number =>
    to < 0 || to > CELLS ? 0 : rate * Math.exp((U(x[from]) - U(x[to])) / (2 * kT));
  const generator = Matrix.zeros(CELLS + 1, CELLS + 1);
  for (let i = 0; i <= CELLS; i++) {
    generator.set(i, i, hop(i, i - 1) + hop(i, i + 1));
    if (i === CELLS) continue;
    generator.set(i, i + 1, -rate);
    generator.set(i + 1, i, -rate);
  }
  const decomposition = new EigenvalueDecomposition(generator, { assumeSymmetric: true });
  const rates = decomposition.realEigenvalues;
  const modes = decomposition.eigenvectorMatrix;
  const project = (f: (x: number) => number): number[] =>
    rates.map((_, a) => x.reduce((sum, xi, i) => sum + f(xi) * modes.get(i, a), 0));
  const root = (xi: number): number => Math.exp(-U(xi) / (2 * kT));
  const left = project((xi) => xi * root(xi));
  return {
    // The lowest rate is that of equilibrium: 0, up to rounding of either sign.
    times: [...rates]
      .sort((a, b) => a - b)
      .slice(1)
      .map((r) => 1 / r),
    meanAfterField(B, t) {
      const start = (xi: number): number => Math.exp((B * xi - U(xi) / 2) / kT);
      const right = project(start);
      const total = x.reduce((sum, xi) => sum + start(xi) * root(xi), 0);
      return left.reduce((sum, l, a) => sum + l * right[a] * Math.exp(-rates[a] * t), 0) / total;
    },
  };
}
