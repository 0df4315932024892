// Rows of one uncoupled unit: moments, virial, two wells, relaxation after a field step.
import { emptyModel, quantise, type Model } from '../../src/physics/index.ts';
import type { Figure } from '../figure.ts';
import { boltzmann, oneUnitSpectrum } from './fokker-planck.ts';
import { Average, exactRow, type Estimate } from './judge.ts';
import { overUnits, readTimes, relax, type RelaxOptions, type Restarts, type Settings } from './relax.ts';

/** The reference working point: V = x^2 + x^4 at this temperature. */
export const KT = 0.1;
export const reference = (x: number): number => x * x + x ** 4;

/**
 * <x^2>, <x^4> and 2 J2 <x^2> + 4 J4 <x^4> = kT at the reference point, dt 0.001. Euler-Maruyama raises <x^2> by 0.10 %
 * there (decisions of the twin's step); the rows are held to the continuous answer all the same.
 */
export async function uncoupledRows(settings: Settings): Promise<Figure[]> {
  settings.say('one unit: moments');
  const count = settings.quick ? 6 : 10;
  // x^2 forgets with tau 0.18: 2.5 from x = 0, then 0.5 between reads.
  const readAt = readTimes(2.5, 0.5, count);
  const run = await relax(
    quantise(emptyModel(512)),
    [{ duration: readAt[count - 1], readAt }],
    { samples: settings.quick ? 288 : 512, seed: 101n },
    settings,
  );
  const moment = (power: number): number => boltzmann(reference, KT, (x) => x ** power).mean;
  return [
    exactRow(
      'uncoupled.x2',
      overUnits(run, (x) => x * x),
      moment(2),
    ),
    exactRow(
      'uncoupled.x4',
      overUnits(run, (x) => x ** 4),
      moment(4),
    ),
    exactRow(
      'uncoupled.virial',
      overUnits(run, (x) => 2 * x * x + 4 * x ** 4),
      KT,
      'E0',
    ),
  ];
}

/** Two wells (J2 < 0) under a tilt b: occupancy of the lower one, and <x^2>. The slowest mode hops across the barrier. */
export async function doubleWellRows(settings: Settings): Promise<Figure[]> {
  settings.say('one unit: two wells');
  const [j2, b] = [-0.5, 0.06];
  const U = (x: number): number => j2 * x * x + x ** 4 + b * x;
  const hopping = oneUnitSpectrum(U, KT).times[0];
  const model: Model = { ...emptyModel(64), j2: new Float64Array(64).fill(j2) };
  model.biases.fill(b);
  // Only exp(-8) of the slowest mode, in which x = 0 hardly takes part, is left at the first read.
  const dt = settings.quick ? 0.004 : 0.002;
  const first = Math.ceil(8 * hopping);
  const readAt = readTimes(first, Math.ceil(2 * hopping), settings.quick ? 1 : 4);
  const run = await relax(
    quantise(model),
    [{ duration: readAt[readAt.length - 1], coupled: true, readAt }],
    { samples: settings.quick ? 1024 : 1536, seed: 102n, dt },
    settings,
  );
  const below = (x: number): number => (x < 0 ? 1 : x === 0 ? 0.5 : 0);
  return [
    exactRow('double_well.occupancy', overUnits(run, below), boltzmann(U, KT, below).mean),
    exactRow(
      'double_well.x2',
      overUnits(run, (x) => x * x),
      boltzmann(U, KT, (x) => x * x).mean,
    ),
  ];
}

/**
 * <x>(t) after a field of 1 E0 is switched off, against the exact decay. Runs with +B and -B and the same noise are
 * paired: by symmetry (x+ - x-)/2 has the mean <x>(t), and the common noise cancels nearly all of its scatter.
 */
export function relaxationRows(settings: Settings): Promise<Figure[]> {
  settings.say('one unit: relaxation after a field step');
  return relaxationOf('relaxation', { seed: 103n }, settings);
}

/** The rows of a relaxation whose names begin with `name`. */
export async function relaxationOf(
  name: string,
  options: Omit<RelaxOptions, 'samples'>,
  settings: Settings,
): Promise<Figure[]> {
  const B = 1;
  const times = [0.2, 0.4, 0.8, 1.2];
  const program = quantise(emptyModel(512));
  const samples = settings.quick ? 80 : 256;
  const [up, down] = [B, -B].map((field_E0) =>
    relax(
      program,
      [
        { duration: 2.5, field_E0 },
        { duration: 1.2, readAt: times },
      ],
      { ...options, samples },
      settings,
    ),
  );
  const runs: [Restarts, Restarts] = [await up, await down];
  const spectrum = oneUnitSpectrum(reference, KT);
  const exact = times.map((t) => spectrum.meanAfterField(B, t));
  const rows = [0, 1, 2].map((read) =>
    exactRow(
      `${name}.mean_${times[read]}`,
      paired(runs, (d) => d(read)),
      exact[read],
    ),
  );
  // From 0.4 on the slowest odd mode is alone to 0.3 %; its time between two reads follows from their ratio.
  const [early, late] = [1, 3];
  const span = times[late] - times[early];
  const m = [early, late].map((read) => paired(runs, (d) => d(read)).mean);
  const tau = span / Math.log(m[0] / m[1]);
  const influence = paired(runs, (d) => tau + ((tau * tau) / span) * (d(late) / m[1] - d(early) / m[0]));
  const exactTau = span / Math.log(exact[early] / exact[late]);
  settings.say(
    `  slowest odd mode: tau ${spectrum.times[0].toFixed(4)}, between these reads ${exactTau.toFixed(4)}`,
  );
  return [...rows, exactRow(`${name}.tau`, { ...influence, mean: tau }, exactTau, '1/(mu E0)')];
}

/** Mean over pairs of units with the same noise of f(half the difference at a read). */
function paired([up, down]: [Restarts, Restarts], f: (d: (read: number) => number) => number): Estimate {
  const average = new Average();
  for (let sample = 0; sample < up.samples; sample++)
    for (let unit = 0; unit < up.units; unit++)
      average.add(f((read) => (up.x(sample, read, unit) - down.x(sample, read, unit)) / 2));
  return average.estimate;
}
