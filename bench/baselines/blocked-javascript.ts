// The twin's step as fast plain JavaScript would do it: double precision, 4 rows x 2 replicas in registers, packed so that
// every load is sequential, noise from the same Gaussian table. The baseline of the kernel; never used by the product.
import { buildGaussianTable, GAUSSIAN_RMS } from '../../firmware-sim/chip/kernel/gaussian.ts';

const ROWS = 4;

export interface BlockedStepper {
  /** Euler-Maruyama steps of all replicas. */
  advance: (steps: number) => void;
  stateOf: (unit: number, replica: number) => number;
  couplingOf: (row: number, column: number) => number;
}

/**
 * R replicas (even) of N units (a multiple of 4), dense couplings, steps of length dt; the replicas start apart from each
 * other. Layouts: couplings [tile of 4 rows][column][row], state [pair of replicas][unit][replica].
 */
export function blockedStepper(units: number, replicas: number, dt: number, kT = 0.1): BlockedStepper {
  const couplings = Float64Array.from({ length: units * units }, (_, k) => 0.05 * Math.sin(k));
  let state = Float64Array.from({ length: units * replicas }, (_, k) => 0.3 * Math.cos(k));
  let next = new Float64Array(units * replicas);
  const table = Float64Array.from(buildGaussianTable(), (code) => code / GAUSSIAN_RMS);
  const amplitude = Math.sqrt(2 * kT * dt);
  let word = 0x9e3779b9;

  /** New states of row `at` (an index into the state) in two replicas; one random word gives both numbers. */
  const update = (old: Float64Array, out: Float64Array, at: number, force0: number, force1: number): void => {
    word ^= word << 13;
    word ^= word >>> 17;
    word ^= word << 5;
    const x0 = old[at];
    const x1 = old[at + 1];
    out[at] = x0 - dt * (2 * x0 + 4 * x0 * x0 * x0 + force0) + amplitude * table[word & 0xffff];
    out[at + 1] = x1 - dt * (2 * x1 + 4 * x1 * x1 * x1 + force1) + amplitude * table[word >>> 16];
  };

  const tile = (old: Float64Array, out: Float64Array, row: number, from: number): void => {
    let a0 = 0;
    let a1 = 0;
    let b0 = 0;
    let b1 = 0;
    let c0 = 0;
    let c1 = 0;
    let d0 = 0;
    let d1 = 0;
    const end = from + 2 * units;
    for (let k = row * units, s = from; s < end; s += 2, k += ROWS) {
      const x0 = old[s];
      const x1 = old[s + 1];
      let w = couplings[k];
      a0 += w * x0;
      a1 += w * x1;
      w = couplings[k + 1];
      b0 += w * x0;
      b1 += w * x1;
      w = couplings[k + 2];
      c0 += w * x0;
      c1 += w * x1;
      w = couplings[k + 3];
      d0 += w * x0;
      d1 += w * x1;
    }
    const at = from + 2 * row;
    update(old, out, at, a0, a1);
    update(old, out, at + 2, b0, b1);
    update(old, out, at + 4, c0, c1);
    update(old, out, at + 6, d0, d1);
  };

  const step = (): void => {
    for (let row = 0; row < units; row += ROWS) {
      for (let pair = 0; pair < replicas; pair += 2) tile(state, next, row, pair * units);
    }
    [state, next] = [next, state];
  };
  return {
    advance: (steps) => {
      for (let s = 0; s < steps; s++) step();
    },
    stateOf: (unit, replica) => state[(replica >> 1) * 2 * units + 2 * unit + (replica & 1)],
    couplingOf: (row, column) => couplings[(row - (row % ROWS)) * units + column * ROWS + (row % ROWS)],
  };
}
