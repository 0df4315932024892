// What holds each unit, from driven states: in a settled state the mean forces on a unit add up to nothing,
//     f = 2 J2 <x> + 4 J4 <x^3> + g sum_j J_ij <x_j> + offset,
// exactly, whatever the noise. Four unknowns a unit, in units of the forces that the field converters make: neither the noise
// temperature nor the pace of the chip enters, and J2 and J4 need not be known.
import { product, type Breath } from './matrix.ts';
import { liveCouplings, type PatternMeans } from './pattern-means.ts';

export interface RowFit {
  /** Per live unit. NaN where the patterns do not tell the unknowns apart. */
  j2_E0: Float64Array;
  j4_E0: Float64Array;
  /** Couplings of the row that act over those programmed. */
  gain_ratio: Float64Array;
  gainStderr_ratio: Float64Array;
  offset_E0: Float64Array;
  /** Variance of the balance of forces in one state, E0^2. */
  balance_E02: Float64Array;
}

const UNKNOWNS = 4;

export async function fitRows(
  means: PatternMeans,
  couplings_E0: Float64Array,
  units: number,
  breath: Breath,
): Promise<RowFit> {
  const n = means.live.length;
  const J = liveCouplings(couplings_E0, units, means.live);
  // J is symmetric: x J has row i of J times the state.
  const coupled = await product(means.x, J, n, breath);
  const expected = await product(restingPlaces(means), J, n, breath);
  const column = (): Float64Array => new Float64Array(n).fill(NaN);
  const fit: RowFit = {
    j2_E0: column(),
    j4_E0: column(),
    gain_ratio: column(),
    gainStderr_ratio: column(),
    offset_E0: column(),
    balance_E02: column(),
  };
  for (let i = 0; i < n; i++) {
    const solved = solveRow(means, coupled, expected, i);
    if (solved === null) continue;
    const [j2, j4, gain, offset] = solved.value;
    const balance = balanceVariance(means, J, i, { j2: j2 / 2, j4: j4 / 4, gain });
    fit.j2_E0[i] = j2 / 2;
    fit.j4_E0[i] = j4 / 4;
    fit.gain_ratio[i] = gain;
    fit.offset_E0[i] = offset;
    fit.balance_E02[i] = balance;
    // Couplings that are not in step with the rest of their row push beyond the noise: what is left over knows of both.
    fit.gainStderr_ratio[i] = Math.sqrt(
      solved.gainVariance * Math.max(balance / means.samples, solved.left_E02),
    );
    await breath.after(means.patterns * 40);
  }
  return fit;
}

/** Where units would rest under their forces alone (J2 = J4 = 1): a function of the design, and so free of noise. */
function restingPlaces({ force_E0 }: PatternMeans): Float64Array {
  const known = new Map<number, number>();
  return force_E0.map((force) => {
    let x = known.get(force);
    if (x === undefined) {
      x = Math.cbrt(force / 4);
      for (let k = 0; k < 40; k++) x -= (2 * x + 4 * x ** 3 - force) / (2 + 12 * x * x);
      known.set(force, x);
    }
    return x;
  });
}

/** By instruments: f, f^3, the force that the couplings should make, and 1, none of which knows the noise of the states. */
function solveRow(
  means: PatternMeans,
  coupled: Float64Array,
  expected: Float64Array,
  i: number,
): { value: number[]; gainVariance: number; left_E02: number } | null {
  const n = means.live.length;
  const A = new Float64Array(UNKNOWNS * UNKNOWNS);
  const G = new Float64Array(UNKNOWNS * UNKNOWNS);
  const b = new Float64Array(UNKNOWNS);
  for (let p = 0; p < means.patterns; p++) {
    const at = p * n + i;
    const f = means.force_E0[at];
    const instrument = [f, f * f * f, expected[at], 1];
    const regressor = [means.x[at], means.cube[at], coupled[at], 1];
    for (let r = 0; r < UNKNOWNS; r++) {
      b[r] += instrument[r] * f;
      for (let c = 0; c < UNKNOWNS; c++) {
        A[r * UNKNOWNS + c] += instrument[r] * regressor[c];
        G[r * UNKNOWNS + c] += instrument[r] * instrument[c];
      }
    }
  }
  const inverted = invertSmall(A, UNKNOWNS);
  if (inverted === null) return null;
  const value = Array.from({ length: UNKNOWNS }, (_, r) => dot(inverted, r * UNKNOWNS, b));
  let left = 0;
  for (let p = 0; p < means.patterns; p++) {
    const at = p * n + i;
    const sum = value[0] * means.x[at] + value[1] * means.cube[at] + value[2] * coupled[at] + value[3];
    left += (means.force_E0[at] - sum) ** 2;
  }
  const left_E02 = left / Math.max(1, means.patterns - UNKNOWNS);
  return { value, gainVariance: quadratic(inverted, G, 2), left_E02 };
}

/**
 * Variance of the sum of all forces on a unit in one state. <dV/dx_i x_j> = kT delta_ij in equilibrium, so the force of the others is
 * uncorrelated with the whole, and Var(whole) = Var(own) - Var(others).
 */
export function balanceVariance(
  { within, live }: PatternMeans,
  J: Float64Array,
  i: number,
  { j2, j4, gain }: { j2: number; j4: number; gain: number },
): number {
  const n = live.length;
  const own = 4 * j2 * j2 * within.xx[i] + 16 * j2 * j4 * within.xc[i] + 16 * j4 * j4 * within.cc[i];
  let others = 0;
  for (let j = 0; j < n; j++) others += (gain * J[i * n + j]) ** 2 * within.xx[j];
  return Math.max(own - others, own / 4);
}

function dot(matrix: Float64Array, from: number, vector: Float64Array): number {
  let sum = 0;
  for (let k = 0; k < vector.length; k++) sum += matrix[from + k] * vector[k];
  return sum;
}

/** (M G M^T)_rr. */
function quadratic(M: Float64Array, G: Float64Array, r: number): number {
  let sum = 0;
  for (let a = 0; a < UNKNOWNS; a++)
    for (let b = 0; b < UNKNOWNS; b++) sum += M[r * UNKNOWNS + a] * G[a * UNKNOWNS + b] * M[r * UNKNOWNS + b];
  return sum;
}

/** Inverse by Gauss and Jordan; null when it has none. */
export function invertSmall(of: Float64Array, n: number): Float64Array | null {
  const rows = Array.from({ length: n }, (_, r) => [
    ...of.subarray(r * n, r * n + n),
    ...Array.from({ length: n }, (_, c) => (c === r ? 1 : 0)),
  ]);
  for (let c = 0; c < n; c++) {
    const best = rows.slice(c).reduce((most, row) => (Math.abs(row[c]) > Math.abs(most[c]) ? row : most));
    rows.splice(rows.indexOf(best), 1);
    rows.splice(c, 0, best);
    if (!(Math.abs(best[c]) > 1e-9)) return null;
    const pivot = best[c];
    for (let k = 0; k < 2 * n; k++) best[k] /= pivot;
    rows.forEach((row) => {
      if (row === best) return;
      const factor = row[c];
      for (let k = 0; k < 2 * n; k++) row[k] -= factor * best[k];
    });
  }
  return Float64Array.from(rows.flatMap((row) => row.slice(n)));
}
