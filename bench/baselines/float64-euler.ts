// The generation schedule in plain double precision: Euler-Maruyama with nothing of the chip's arithmetic, as an answer for
// rows that no formula gives.
import type { Model } from '../../src/physics/index.ts';
import { normalFrom, uniformFrom } from '../physics/seeded-couplings.ts';
import type { Restarts } from '../physics/relax.ts';

/** Restarts from x = 0: t_f uncoupled, t_f coupled; read 0 is at switch-on, read 1 at t_f. */
export function float64Restarts(
  model: Model,
  { samples, seed, dt, duration }: { samples: number; seed: number; dt: number; duration: number },
): Restarts {
  const { units, couplings, biases, j2, j4 } = model;
  const normal = normalFrom(uniformFrom(seed));
  const steps = Math.round(duration / dt);
  const kick = Math.sqrt(2 * model.noiseTemperature_E0 * dt);
  const states: Float64Array[] = [];
  const force = new Float64Array(units);
  for (let sample = 0; sample < samples; sample++) {
    const x = new Float64Array(units);
    for (let k = 0; k < 2 * steps; k++) {
      if (k === steps) states.push(x.slice());
      for (let i = 0; i < units; i++) {
        let sum = x[i] * (2 * j2[i] + 4 * j4[i] * x[i] * x[i]);
        if (k >= steps) {
          sum += biases[i];
          for (let j = 0, at = i * units; j < units; j++, at++) sum += couplings[at] * x[j];
        }
        force[i] = -sum;
      }
      for (let i = 0; i < units; i++) x[i] += dt * force[i] + kick * normal();
    }
    states.push(x);
  }
  return {
    samples,
    reads: 2,
    units,
    x: (sample, read, unit) => states[2 * sample + read][unit],
    state: (sample, read) => states[2 * sample + read],
  };
}
