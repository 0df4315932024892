// Rows of coupled quartic units: detailed balance, and Jarzynski's equality for one switched bond.
import { emptyModel, quantise, type Model } from '../../src/physics/index.ts';
import type { Figure } from '../figure.ts';
import { bondPartitionRatio } from './fokker-planck.ts';
import { Average, chiSquaredRow, exactRow, zeroRow, type Estimate } from './judge.ts';
import { relax, type Restarts, type Settings } from './relax.ts';
import { seededCouplings } from './seeded-couplings.ts';

const KT = 0.1;

/**
 * In equilibrium <x_i(t) x_j(t+s)> = <x_j(t) x_i(t+s)>. Rows: all pairs at once (chi-squared), and the sum weighted with
 * the couplings, which a circulation driven by them would feed, as a share of the symmetric part's size.
 */
export async function detailedBalanceRows(settings: Settings): Promise<Figure[]> {
  settings.say('detailed balance, N = 16');
  const units = 16;
  const couplings = seededCouplings(units, 1.2, 31);
  const model: Model = { ...emptyModel(units), couplings };
  // Soft modes have a curvature of about 1.3: 5 from x = 0 leaves exp(-13) of <x x>. Lag 0.25, a third of their memory.
  const lag = 0.25;
  const starts = [5, 6.5, 8, 9.5];
  const readAt = starts.flatMap((t) => [t, t + lag]);
  const run = await relax(
    quantise(model),
    [{ duration: readAt[readAt.length - 1], coupled: true, readAt }],
    { samples: settings.quick ? 8192 : 24_576, seed: 104n, dt: 0.005 },
    settings,
  );
  const { pairs, weighted, scale } = antisymmetric(run, couplings);
  return [
    chiSquaredRow(
      'detailed_balance.pairs_z2',
      pairs.map(({ mean, stderr }) => mean / stderr),
    ),
    zeroRow('detailed_balance.weighted_asymmetry', weighted, scale),
  ];
}

/** Antisymmetric lagged covariances of a run whose reads are pairs (t, t + s). */
export function antisymmetric(
  run: Restarts,
  weights: Float64Array,
): { pairs: Estimate[]; weighted: Estimate; scale: number } {
  const { units } = run;
  const averages: Average[] = Array.from({ length: (units * (units - 1)) / 2 }, () => new Average());
  const weighted = new Average();
  let scale = 0;
  const couples = run.reads / 2;
  for (let sample = 0; sample < run.samples; sample++) {
    let all = 0;
    for (let i = 0, k = 0; i < units; i++)
      for (let j = i + 1; j < units; j++, k++) {
        let sum = 0;
        for (let c = 0; c < couples; c++)
          sum +=
            run.x(sample, 2 * c, i) * run.x(sample, 2 * c + 1, j) -
            run.x(sample, 2 * c, j) * run.x(sample, 2 * c + 1, i);
        averages[k].add(sum / couples);
        all += (weights[i * units + j] * sum) / couples;
      }
    weighted.add(all);
    const x = run.state(sample, 0);
    for (let i = 0; i < units; i++)
      for (let j = i + 1; j < units; j++)
        scale += (Math.abs(weights[i * units + j]) * (x[i] * x[i] + x[j] * x[j])) / 2 / run.samples;
  }
  return { pairs: averages.map((a) => a.estimate), weighted: weighted.estimate, scale };
}

/**
 * Switching the bond J x1 x2 on in the equilibrium of two uncoupled units takes W = J x1 x2, and <exp(-W/kT)> = Z_J/Z_0
 * (Jarzynski, 1997, for a sudden switch); switching it off in the coupled equilibrium takes -W, with the inverse ratio.
 */
export async function jarzynskiRows(settings: Settings): Promise<Figure[]> {
  settings.say('Jarzynski: one bond switched on and off');
  const [units, J] = [64, 1];
  const model = emptyModel(units);
  for (let i = 0; i < units; i += 2)
    model.couplings[i * units + i + 1] = model.couplings[(i + 1) * units + i] = J;
  const run = await relax(
    quantise(model),
    [
      { duration: 2.5, readAt: [2.5] },
      { duration: 4, coupled: true, readAt: [4] },
    ],
    { samples: settings.quick ? 1024 : 4096, seed: 105n, dt: 0.004 },
    settings,
  );
  const exact = bondPartitionRatio((x) => x * x + x ** 4, KT, J);
  const exponential = (read: number, sign: number): Estimate => {
    const average = new Average();
    for (let sample = 0; sample < run.samples; sample++)
      for (let i = 0; i < units; i += 2)
        average.add(Math.exp((sign * J * run.x(sample, read, i) * run.x(sample, read, i + 1)) / KT));
    return average.estimate;
  };
  return [
    exactRow('jarzynski.on', exponential(0, -1), exact),
    exactRow('jarzynski.off', exponential(1, 1), 1 / exact),
  ];
}
