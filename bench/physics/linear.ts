// Rows of the linear chip (J4 = 0): its states are Gaussian with the covariance kT A^-1, A = 2 J2 + J.
import { EigenvalueDecomposition, Matrix } from 'ml-matrix';
import { dequantise, emptyModel, J4_LINEAR_LIMIT_E0, quantise, type Model } from '../../src/physics/index.ts';
import type { Figure } from '../figure.ts';
import { Average, chiSquaredRow, exactRow } from './judge.ts';
import { overRestarts, readTimes, relax, type Restarts, type Settings } from './relax.ts';
import { seededCouplings } from './seeded-couplings.ts';

const KT = 0.1;

interface Case {
  units: number;
  dt: number;
  samples: number;
  reads: number;
  /** Largest size of an eigenvalue of J, E0. */
  radius: number;
}

const FULL: Case[] = [
  { units: 2, dt: 0.002, samples: 48_000, reads: 16, radius: 0.9 },
  { units: 16, dt: 0.005, samples: 16_000, reads: 16, radius: 1 },
  { units: 64, dt: 0.01, samples: 16_000, reads: 16, radius: 1 },
];
const QUICK: Case[] = [
  { units: 2, dt: 0.01, samples: 48_000, reads: 16, radius: 0.9 },
  { units: 16, dt: 0.01, samples: 14_000, reads: 16, radius: 1 },
];

export async function covarianceRows(settings: Settings): Promise<Figure[]> {
  const rows: Figure[] = [];
  for (const c of settings.quick ? QUICK : FULL) {
    settings.say(`linear chip: covariance, N = ${c.units}`);
    rows.push(...(await covariance(c, settings)));
  }
  return rows;
}

/**
 * Euler-Maruyama keeps the modes of A apart and holds mode `a` at kT/(lambda - dt lambda^2/2): the exact answer at a
 * finite step, which the rows are held to. It tends to kT/lambda; the difference is lambda dt/2 (1.5 % at 3 and 0.01).
 */
async function covariance(c: Case, settings: Settings): Promise<Figure[]> {
  const { units, dt } = c;
  const model: Model = {
    ...emptyModel(units),
    couplings: seededCouplings(units, c.radius, 64 + units),
    j4: new Float64Array(units).fill(J4_LINEAR_LIMIT_E0),
  };
  const program = quantise(model);
  const { couplings } = dequantise(program);
  const A = new Matrix(units, units);
  for (let i = 0; i < units; i++)
    for (let j = 0; j < units; j++) A.set(i, j, couplings[i * units + j] + (i === j ? 2 : 0));
  const { realEigenvalues: lambda, eigenvectorMatrix: V } = new EigenvalueDecomposition(A, {
    assumeSymmetric: true,
  });
  const variance = lambda.map((l) => KT / (l - (dt * l * l) / 2));
  const softest = Math.min(...lambda);
  // <x_i x_j> forgets at twice the rate of the softest mode: exp(-12) is left at the first read, exp(-3) between reads.
  const readAt = readTimes(roundTo(6 / softest, dt), roundTo(1.5 / softest, dt), c.reads);
  const run = await relax(
    program,
    [{ duration: readAt[c.reads - 1], coupled: true, readAt }],
    { samples: c.samples, seed: BigInt(200 + units), dt },
    settings,
  );
  const total = variance.reduce((sum, v) => sum + v, 0);
  const coupling = lambda.reduce((sum, l, a) => sum + ((l - 2) * variance[a]) / 2, 0);
  const mode = (a: number) => overRestarts(run, (x) => square(x, V, a));
  const soft = lambda.indexOf(softest);
  const stiff = lambda.indexOf(Math.max(...lambda));
  const name = (row: string): string => `covariance_n${units}.${row}`;
  return [
    exactRow(
      name('mean_variance'),
      overRestarts(run, (x) => x.reduce((sum, v) => sum + v * v, 0) / units),
      total / units,
    ),
    exactRow(name('softest_mode'), mode(soft), variance[soft]),
    exactRow(name('stiffest_mode'), mode(stiff), variance[stiff]),
    exactRow(
      name('coupling_energy'),
      overRestarts(run, (x) => pairEnergy(couplings, x)),
      coupling,
      'E0',
    ),
    ...(units > 2 ? [chiSquaredRow(name('all_entries_z2'), whitened(run, V, variance))] : []),
  ];
}

const roundTo = (time: number, dt: number): number => Math.round(time / dt) * dt;

function amplitude(x: Float64Array, V: Matrix, a: number): number {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += V.get(i, a) * x[i];
  return sum;
}
const square = (x: Float64Array, V: Matrix, a: number): number => amplitude(x, V, a) ** 2;

function pairEnergy(couplings: Float64Array, x: Float64Array): number {
  let sum = 0;
  for (let i = 0, k = 0; i < x.length; i++)
    for (let j = 0; j < x.length; j++, k++) sum += couplings[k] * x[i] * x[j];
  return sum / 2;
}

/** (<q_a q_b> - delta_ab)/s.e. of all pairs of modes scaled to unit variance: independent, whatever A is. */
function whitened(run: Restarts, V: Matrix, variance: readonly number[]): number[] {
  const { units } = run;
  const entries = Array.from({ length: (units * (units + 1)) / 2 }, () => new Average());
  const q = new Float64Array(units);
  const product = new Float64Array(entries.length);
  const rows = variance.map((v, a) =>
    Float64Array.from({ length: units }, (_, i) => V.get(i, a) / Math.sqrt(v)),
  );
  for (let sample = 0; sample < run.samples; sample++) {
    product.fill(0);
    for (let read = 0; read < run.reads; read++) {
      const x = run.state(sample, read);
      for (let a = 0; a < units; a++) {
        let sum = 0;
        for (let i = 0; i < units; i++) sum += rows[a][i] * x[i];
        q[a] = sum;
      }
      for (let a = 0, k = 0; a < units; a++) for (let b = a; b < units; b++, k++) product[k] += q[a] * q[b];
    }
    for (let k = 0; k < product.length; k++) entries[k].add(product[k] / run.reads);
  }
  const z: number[] = [];
  for (let a = 0, k = 0; a < units; a++)
    for (let b = a; b < units; b++, k++) {
      const { mean, stderr } = entries[k].estimate;
      z.push((mean - (a === b ? 1 : 0)) / stderr);
    }
  return z;
}
