// J2, J4, constant force and noise temperature of every unit from holds under known forces. Pure.
//
// In a steady state nothing moves on average, so at every force f the mean of 2 J2 x + 4 J4 x^3 + offset equals f: linear in
// what is sought, free of kT, and exact for white and coloured noise and for every integration step. The regressors are
// measured themselves, so plain least squares would be biased by their noise; the equations are weighted with what the
// programmed unit would show instead (instrumental variables), by the covariance of their scatter. kT then follows from
// <x dV/dx> of the holds without a field, where coloured noise matters least.
import { tiltedMoments } from '../../physics/index.ts';
import { isConstant, restartMoments, type CodeBlock, type Readout } from '../moments.ts';
import { errorOfMean, meanOf } from '../readout/offset-estimator.ts';

/** One run of the sweep. */
export interface SweepRun extends CodeBlock {
  /** As applied, per unit; 0 of the hold without a field. */
  force_E0: Float64Array;
}

export interface SweepData {
  runs: readonly SweepRun[];
  readout: Readout;
  /** As programmed. */
  j2_E0: Float64Array;
  j4_E0: Float64Array;
  kT_E0: number;
}

/** `stuck`: reads scatter no more than the readout; `unidentified`: the equations have no solution with J4 > 0. */
export type PotentialQuality = 'ok' | 'stuck' | 'dead' | 'unidentified';

export interface UnitPotential {
  j2_E0: number;
  j4_E0: number;
  /** The constant force on the unit is -offset. */
  offset_E0: number;
  kT_E0: number;
  stderr: { j2_E0: number; j4_E0: number; offset_E0: number; kT_E0: number };
  /** Correlation of the errors of J2 and J4. */
  j2j4Correlation: number;
}

export interface PotentialEstimate {
  /** Null where it failed. */
  units: (UnitPotential | null)[];
  quality: PotentialQuality[];
  reasons: (string | null)[];
  /** Means over the units that are ok. */
  common: Record<'j2_ratio' | 'j4_ratio' | 'offset_E0' | 'kT_ratio', { value: number; stderr: number }>;
  /** Sum of squares of the equations that the solution leaves over, in standard errors, and how many there are too many. */
  chiSquare: { value: number; degrees: number };
}

/** Standard deviation of x below which a unit does not move, over that of the programmed one. */
const STANDS_STILL_ratio = 0.2;

/** Error of J2 or J4, over the larger of the two as programmed, at which the sweep has said nothing of them. */
const UNIDENTIFIED_ratio = 0.5;

export function estimatePotential(data: SweepData): PotentialEstimate {
  const { units } = data.runs[0];
  const equations = data.runs.map((run) => equationsOf(run, data));
  const found = Array.from({ length: units }, (_, unit) => unitPotential(data, equations, unit));
  const ok = found.flatMap(({ quality }, unit) => (quality === 'ok' ? [unit] : []));
  const over = (
    of: (unit: UnitPotential, at: number) => number,
    error: (unit: UnitPotential, at: number) => number,
  ): { value: number; stderr: number } => ({
    value: meanOf(
      ok,
      found.map(({ unit }, at) => (unit === null ? NaN : of(unit, at))),
    ),
    stderr: errorOfMean(
      ok,
      found.map(({ unit }, at) => (unit === null ? NaN : error(unit, at))),
    ),
  });
  return {
    units: found.map(({ unit }) => unit),
    quality: found.map(({ quality }) => quality),
    reasons: found.map(({ reason }) => reason),
    common: {
      j2_ratio: over(
        (u, at) => u.j2_E0 / data.j2_E0[at],
        (u, at) => u.stderr.j2_E0 / data.j2_E0[at],
      ),
      j4_ratio: over(
        (u, at) => u.j4_E0 / data.j4_E0[at],
        (u, at) => u.stderr.j4_E0 / data.j4_E0[at],
      ),
      offset_E0: over(
        (u) => u.offset_E0,
        (u) => u.stderr.offset_E0,
      ),
      kT_ratio: over(
        (u) => u.kT_E0 / data.kT_E0,
        (u) => u.stderr.kT_E0 / data.kT_E0,
      ),
    },
    chiSquare: {
      value: found.reduce((sum, { chiSquare }) => sum + chiSquare, 0),
      degrees: ok.length * Math.max(0, data.runs.length - 3),
    },
  };
}

/** Of one run: per unit the means of the regressors, and the restarts they come from. */
interface RunEquations {
  run: SweepRun;
  /** [samples][units] of 2 x, 4 x^3 and, for the energy balance, 2 x^2 and 4 x^4. */
  restarts: { a: Float64Array; b: Float64Array; c: Float64Array; d: Float64Array; x: Float64Array };
  /** Expected 2 <x> and 4 <x^3> of the programmed unit, per unit. */
  expected: { a: Float64Array; b: Float64Array };
  /** Variance of the mean residual of a unit, pooled over units. */
  variance: number;
}

function equationsOf(run: SweepRun, { readout, j2_E0, j4_E0, kT_E0 }: SweepData): RunEquations {
  const { x1, x2, x3, x4 } = restartMoments(run, readout);
  const restarts = {
    a: x1.map((x) => 2 * x),
    b: x3.map((x) => 4 * x),
    c: x2.map((x) => 2 * x),
    d: x4.map((x) => 4 * x),
    x: x1,
  };
  const cache = new Map<string, readonly [number, number]>();
  const expected = { a: new Float64Array(run.units), b: new Float64Array(run.units) };
  const variances: number[] = [];
  for (let i = 0; i < run.units; i++) {
    const key = `${j2_E0[i]} ${j4_E0[i]} ${run.force_E0[i]}`;
    const moments = cache.get(key) ?? expectation(kT_E0, j2_E0[i], j4_E0[i], run.force_E0[i]);
    cache.set(key, moments);
    [expected.a[i], expected.b[i]] = moments;
    variances.push(residualVariance(restarts, run, i, [j2_E0[i], j4_E0[i]]));
  }
  // The median: a unit that stands still has none.
  variances.sort((one, other) => one - other);
  return { run, restarts, expected, variance: variances[variances.length >> 1] };
}

function expectation(kT: number, j2: number, j4: number, force: number): readonly [number, number] {
  const [x1, , x3] = tiltedMoments(kT, j2, j4, force);
  return [2 * x1, 4 * x3];
}

/** Of the mean over restarts of J2 a + J4 b. */
function residualVariance(
  { a, b }: RunEquations['restarts'],
  { samples, units }: SweepRun,
  unit: number,
  [j2, j4]: readonly [number, number],
): number {
  let [sum, square] = [0, 0];
  for (let k = 0; k < samples; k++) {
    const at = k * units + unit;
    const r = j2 * a[at] + j4 * b[at];
    sum += r;
    square += r * r;
  }
  return (square / samples - (sum / samples) ** 2) / (samples - 1);
}

interface Found {
  unit: UnitPotential | null;
  quality: PotentialQuality;
  reason: string | null;
  chiSquare: number;
}

function unitPotential(data: SweepData, equations: readonly RunEquations[], unit: number): Found {
  const failed = (quality: PotentialQuality, reason: string): Found => ({
    unit: null,
    quality,
    reason,
    chiSquare: 0,
  });
  if (data.runs.every((run) => isConstant(run, unit))) return failed('dead', 'every read gave the same code');
  const spread = Math.sqrt(Math.max(0, scatter(equations, unit)));
  const programmed = Math.sqrt(tiltedMoments(data.kT_E0, data.j2_E0[unit], data.j4_E0[unit], 0)[1]);
  if (spread < STANDS_STILL_ratio * programmed)
    return failed(
      'stuck',
      `it scatters by ${spread.toPrecision(2)}, a free unit by ${programmed.toFixed(2)}`,
    );
  const solved = solveUnit(equations, unit);
  if (solved === null || !isIdentified(solved, [data.j2_E0[unit], data.j4_E0[unit]]))
    return failed('unidentified', 'it does not follow the fields: they leave J2 or J4 open');
  return {
    unit: withTemperature(equations, unit, solved),
    quality: 'ok',
    reason: null,
    chiSquare: solved.chiSquare,
  };
}

/** J4 above 0, and neither error as large as UNIDENTIFIED times what was programmed. */
function isIdentified({ theta, covariance }: Solved, programmed: readonly [number, number]): boolean {
  const limit = UNIDENTIFIED_ratio * Math.max(Math.abs(programmed[0]), programmed[1]);
  return theta[1] > 0 && [0, 1].every((p) => Math.sqrt(covariance[p][p]) < limit);
}

/** Variance of x in the run with the smallest force, without readout noise. */
function scatter(equations: readonly RunEquations[], unit: number): number {
  const { restarts, run } = quietest(equations, unit);
  const mean = (values: Float64Array): number => {
    let sum = 0;
    for (let k = unit; k < values.length; k += run.units) sum += values[k];
    return sum / run.samples;
  };
  return mean(restarts.c) / 2 - mean(restarts.x) ** 2;
}

const quietest = (equations: readonly RunEquations[], unit: number): RunEquations =>
  equations.reduce((one, other) =>
    Math.abs(other.run.force_E0[unit]) < Math.abs(one.run.force_E0[unit]) ? other : one,
  );

interface Solved {
  /** J2, J4, offset. */
  theta: readonly number[];
  covariance: readonly (readonly number[])[];
  chiSquare: number;
}

/** theta = (sum z a^T)^-1 sum z f, with z = E[a]/variance; covariance from the scatter of the unit's own restarts. */
function solveUnit(equations: readonly RunEquations[], unit: number): Solved | null {
  const matrix = [0, 1, 2].map(() => [0, 0, 0]);
  const right = [0, 0, 0];
  const rows = equations.map(({ run, restarts, expected, variance }) => {
    const z = [expected.a[unit], expected.b[unit], 1].map((value) => value / variance);
    const row = [meanAt(restarts.a, run, unit), meanAt(restarts.b, run, unit), 1];
    const force = run.force_E0[unit];
    for (let p = 0; p < 3; p++) {
      right[p] += z[p] * force;
      for (let q = 0; q < 3; q++) matrix[p][q] += z[p] * row[q];
    }
    return { z, row, force };
  });
  const inverse = inverse3(matrix);
  if (inverse === null) return null;
  const theta = inverse.map((row) => row.reduce((sum, value, q) => sum + value * right[q], 0));
  const scatter = [0, 1, 2].map(() => [0, 0, 0]);
  let chiSquare = 0;
  equations.forEach(({ run, restarts }, k) => {
    const { z, row, force } = rows[k];
    const variance = residualVariance(restarts, run, unit, [theta[0], theta[1]]);
    chiSquare += (theta[0] * row[0] + theta[1] * row[1] + theta[2] - force) ** 2 / variance;
    for (let p = 0; p < 3; p++) for (let q = 0; q < 3; q++) scatter[p][q] += z[p] * z[q] * variance;
  });
  const covariance = multiply(multiply(inverse, scatter), transpose(inverse));
  return { theta, covariance, chiSquare };
}

/** kT = <x dV/dx> where the force is smallest; what J2, J4 and offset are uncertain by goes into its error. */
function withTemperature(equations: readonly RunEquations[], unit: number, solved: Solved): UnitPotential {
  const { run, restarts } = quietest(equations, unit);
  const [j2, j4, offset] = solved.theta;
  const force = run.force_E0[unit];
  const gradient = [
    meanAt(restarts.c, run, unit),
    meanAt(restarts.d, run, unit),
    meanAt(restarts.x, run, unit),
  ];
  const own = residualVariance({ ...restarts, a: restarts.c, b: restarts.d }, run, unit, [j2, j4]);
  let variance = own;
  for (let p = 0; p < 3; p++)
    for (let q = 0; q < 3; q++) variance += gradient[p] * gradient[q] * solved.covariance[p][q];
  const error = (p: number): number => Math.sqrt(solved.covariance[p][p]);
  return {
    j2_E0: j2,
    j4_E0: j4,
    offset_E0: offset,
    kT_E0: j2 * gradient[0] + j4 * gradient[1] + (offset - force) * gradient[2],
    stderr: { j2_E0: error(0), j4_E0: error(1), offset_E0: error(2), kT_E0: Math.sqrt(variance) },
    j2j4Correlation: solved.covariance[0][1] / (error(0) * error(1)),
  };
}

function meanAt(values: Float64Array, { samples, units }: SweepRun, unit: number): number {
  let sum = 0;
  for (let k = 0; k < samples; k++) sum += values[k * units + unit];
  return sum / samples;
}

type Matrix = readonly (readonly number[])[];

function multiply(one: Matrix, other: Matrix): number[][] {
  return one.map((row) =>
    other[0].map((_, q) => row.reduce((sum, value, p) => sum + value * other[p][q], 0)),
  );
}

const transpose = (matrix: Matrix): number[][] => matrix[0].map((_, q) => matrix.map((row) => row[q]));

/** Null when singular. */
function inverse3(m: Matrix): number[][] | null {
  const minor = (p: number, q: number): number => {
    const [a, b] = [(p + 1) % 3, (p + 2) % 3];
    const [c, d] = [(q + 1) % 3, (q + 2) % 3];
    return m[a][c] * m[b][d] - m[a][d] * m[b][c];
  };
  const determinant = m[0][0] * minor(0, 0) + m[0][1] * minor(0, 1) + m[0][2] * minor(0, 2);
  if (!(Math.abs(determinant) > 0)) return null;
  return [0, 1, 2].map((p) => [0, 1, 2].map((q) => minor(q, p) / determinant));
}
