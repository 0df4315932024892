// Every coupling of a chip at once, from driven states: the balance of forces on each unit is linear in its couplings, and one
// matrix serves all units, because they all see the same states.
import { inverse, product, transposedProduct, type Breath } from './matrix.ts';
import { liveCouplings, type PatternMeans } from './pattern-means.ts';
import { balanceVariance, type RowFit } from './row-fit.ts';

export interface MapFit {
  /** [live][live]: row = the unit that is pushed, as it acts, E0; the diagonal is what is left of J2, and says nothing. */
  coupling_E0: Float64Array;
  stderr_E0: Float64Array;
}

/**
 * Solves sum_j J_ij <x_j>_p + c_i = f_ip - 2 J2_i <x_i>_p - 4 J4_i <x_i^3>_p for all patterns p, with the signs of the forces as
 * instruments: they know nothing of the noise in the states.
 * @param rows J2 and J4 of each unit, from the same states; its own coefficient takes up what is still wrong with J2
 * @returns null when the patterns do not tell the units apart
 */
export async function fitMap(
  means: PatternMeans,
  rows: RowFit,
  couplings_E0: Float64Array,
  units: number,
  breath: Breath,
): Promise<MapFit | null> {
  const { patterns, live } = means;
  const n = live.length;
  const m = n + 1;
  const instruments = withConstant(means.sign, patterns);
  const A = await transposedProduct(instruments, withConstant(means.x, patterns), patterns, breath);
  const inverted = await inverse(A, m, breath);
  if (inverted === null) return null;
  const right = await transposedProduct(instruments, residual(means, rows), patterns, breath);
  const solved = await product(inverted, right, m, breath);
  const gram = await transposedProduct(instruments, instruments, patterns, breath);
  const variance = await varianceFactors(inverted, gram, m, breath);
  const J = liveCouplings(couplings_E0, units, live);
  const fit: MapFit = { coupling_E0: new Float64Array(n * n), stderr_E0: new Float64Array(n * n) };
  for (let i = 0; i < n; i++) {
    const balance = balanceVariance(means, J, i, {
      j2: rows.j2_E0[i],
      j4: rows.j4_E0[i],
      gain: rows.gain_ratio[i],
    });
    for (let j = 0; j < n; j++) {
      fit.coupling_E0[i * n + j] = solved[j * n + i];
      fit.stderr_E0[i * n + j] = Math.sqrt((variance[j] * balance) / means.samples);
    }
  }
  return fit;
}

/** [patterns][n] with a column of ones. */
function withConstant(values: Float64Array, patterns: number): Float64Array {
  const n = values.length / patterns;
  const out = new Float64Array(patterns * (n + 1)).fill(1);
  for (let p = 0; p < patterns; p++) out.set(values.subarray(p * n, p * n + n), p * (n + 1));
  return out;
}

/** What the others must push each unit with, [patterns][live]. */
function residual({ force_E0, x, cube, live }: PatternMeans, { j2_E0, j4_E0 }: RowFit): Float64Array {
  const n = live.length;
  return force_E0.map((force, at) => force - 2 * j2_E0[at % n] * x[at] - 4 * j4_E0[at % n] * cube[at]);
}

/** Diagonal of M G M^T. */
async function varianceFactors(
  M: Float64Array,
  G: Float64Array,
  n: number,
  breath: Breath,
): Promise<Float64Array> {
  const MG = await product(M, G, n, breath);
  return Float64Array.from({ length: n }, (_, r) => {
    let sum = 0;
    for (let k = 0; k < n; k++) sum += MG[r * n + k] * M[r * n + k];
    return sum;
  });
}
