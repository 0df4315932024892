// Exact samples of uncoupled units: states drawn from exp(-(J2 x^2 + J4 x^4)/kT) by its inverse distribution function,
// as readout codes of holds whose reads remember the one before with a known correlation.
import type { HoldData } from '../../src/calibration/index.ts';
import { gaussianFrom } from './gaussian.ts';
import { seededUniform } from './seeded-random.ts';

export interface SyntheticHolds {
  seed: number;
  holds: number;
  reads: number;
  units: number;
  /** kT of each unit, E0. */
  kT(unit: number): number;
  j2?(unit: number): number;
  j4?(unit: number): number;
  /** Constant force, E0. */
  force?(unit: number): number;
  /** What the readout makes of x; the noise is Gaussian and new at each read. */
  readout?(unit: number): { gain: number; offset_x: number; noise_x: number };
  stateScale?: number;
  /** Correlation of neighbouring reads: with this probability a read repeats the state before it. */
  memory?: number;
}

export function quarticHolds(options: SyntheticHolds): HoldData {
  const { seed, holds, reads, units, stateScale = 2 ** -10, memory = 0 } = options;
  const uniform = seededUniform(seed);
  const j2 = Float64Array.from({ length: units }, (_, i) => options.j2?.(i) ?? 1);
  const j4 = Float64Array.from({ length: units }, (_, i) => options.j4?.(i) ?? 1);
  const samplers = new Map<string, (u: number) => number>();
  const draw = Array.from({ length: units }, (_, i) => {
    const force = options.force?.(i) ?? 0;
    const key = `${options.kT(i)} ${j2[i]} ${j4[i]} ${force}`;
    const sampler = samplers.get(key) ?? quarticQuantile(options.kT(i), j2[i], j4[i], force);
    samplers.set(key, sampler);
    return sampler;
  });
  const gaussian = gaussianFrom(seed);
  const delivered = (x: number, unit: number): number => {
    if (options.readout === undefined) return x;
    const { gain, offset_x, noise_x } = options.readout(unit);
    return gain * x + offset_x + noise_x * gaussian();
  };
  const codes = new Int16Array(holds * reads * units);
  const states = new Float64Array(units);
  for (let k = 0; k < holds; k++)
    for (let r = 0; r < reads; r++)
      for (let i = 0; i < units; i++) {
        if (r === 0 || uniform() >= memory) states[i] = draw[i](uniform());
        const code = Math.round(delivered(states[i], i) / stateScale);
        codes[(k * reads + r) * units + i] = Math.max(-2047, Math.min(2047, code));
      }
  return { codes, holds, reads, units, stateScale, j2, j4 };
}

/** Inverse of the distribution function, tabulated finely and interpolated. */
function quarticQuantile(kT: number, j2: number, j4: number, force: number): (u: number) => number {
  const edge =
    force === 0
      ? Math.min(Math.sqrt((40 * kT) / j2), ((40 * kT) / j4) ** 0.25)
      : Math.cbrt(Math.abs(force) / j4) + ((40 * kT) / j4) ** 0.25;
  const points = 8000;
  const cumulative = new Float64Array(points + 1);
  const at = (k: number): number => -edge + (2 * edge * k) / points;
  const energy = (x: number): number => j2 * x * x + j4 * x ** 4 - force * x;
  const floor = force === 0 ? 0 : Math.min(...Array.from({ length: points + 1 }, (_, k) => energy(at(k))));
  const density = (x: number): number => Math.exp((floor - energy(x)) / kT);
  for (let k = 1; k <= points; k++)
    cumulative[k] = cumulative[k - 1] + (density(at(k - 1)) + density(at(k))) / 2;
  const total = cumulative[points];
  return (u) => {
    const target = u * total;
    let [low, high] = [0, points];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (cumulative[middle] <= target) low = middle;
      else high = middle;
    }
    const share = (target - cumulative[low]) / (cumulative[high] - cumulative[low]);
    return at(low) + share * (at(high) - at(low));
  };
}
