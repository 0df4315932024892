// Means over the states of each pattern, of the units that live: all that the force balance needs, and what it scatters by.
import { statesOf, type DrivenData } from './driven-data.ts';

export interface PatternMeans {
  /** Numbers of the units; what follows is in their order. */
  live: readonly number[];
  patterns: number;
  samples: number;
  /** [patterns][live]: force, sign of the force, <x>, <x^3>. */
  force_E0: Float64Array;
  sign: Float64Array;
  x: Float64Array;
  cube: Float64Array;
  /** Within patterns, pooled over them: variances of x and x^3, and their covariance. */
  within: { xx: Float64Array; cc: Float64Array; xc: Float64Array };
}

export function patternMeans(data: DrivenData, live: readonly number[]): PatternMeans {
  const { patterns, samples, units } = data;
  const n = live.length;
  const states = statesOf(data, live);
  const zeros = (): Float64Array => new Float64Array(patterns * n);
  const means = { force_E0: zeros(), sign: zeros(), x: zeros(), cube: zeros() };
  const within = { xx: new Float64Array(n), cc: new Float64Array(n), xc: new Float64Array(n) };
  const degrees = patterns * Math.max(1, samples - 1);
  for (let p = 0; p < patterns; p++)
    for (let i = 0; i < n; i++) {
      const at = p * n + i;
      means.force_E0[at] = data.force_E0[p * units + live[i]];
      means.sign[at] = Math.sign(means.force_E0[at]);
      let [x, cube] = [0, 0];
      for (let s = 0; s < samples; s++) {
        x += states.x[(p * samples + s) * n + i];
        cube += states.cube[(p * samples + s) * n + i];
      }
      means.x[at] = x /= samples;
      means.cube[at] = cube /= samples;
      for (let s = 0; s < samples; s++) {
        const dx = states.x[(p * samples + s) * n + i] - x;
        const dc = states.cube[(p * samples + s) * n + i] - cube;
        within.xx[i] += (dx * dx) / degrees;
        within.cc[i] += (dc * dc) / degrees;
        within.xc[i] += (dx * dc) / degrees;
      }
    }
  return { live, patterns, samples, ...means, within };
}

/** N x N couplings cut down to the live units, row-major. */
export function liveCouplings(
  couplings_E0: Float64Array,
  units: number,
  live: readonly number[],
): Float64Array {
  const n = live.length;
  const out = new Float64Array(n * n);
  for (let i = 0; i < n; i++)
    for (let j = 0; j < n; j++) out[i * n + j] = couplings_E0[live[i] * units + live[j]];
  return out;
}
