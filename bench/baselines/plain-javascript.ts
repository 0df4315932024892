// The twin's step as one would first write it in JavaScript for speed: doubles, replicas in blocks that stay in the cache,
// one row at a time, noise from Philox (the counter-based generator that the step asks for) and the Gaussian table. What
// the trial of the design called blocked JavaScript; blocked-javascript.ts is as fast as we can make it.
import { buildGaussianTable, GAUSSIAN_RMS } from '../../firmware-sim/chip/kernel/gaussian.ts';
import { philox4x32, type Words4 } from '../../firmware-sim/chip/kernel/philox.ts';
import type { BlockedStepper } from './blocked-javascript.ts';

/** Replicas that go through all rows together. */
const BLOCK = 32;

/**
 * R replicas of N units, dense couplings, steps of length dt; the same couplings and initial states as blockedStepper.
 * Layouts: couplings [row][column], state [unit][replica].
 */
export function plainStepper(units: number, replicas: number, dt: number, kT = 0.1): BlockedStepper {
  const couplings = Float64Array.from({ length: units * units }, (_, k) => 0.05 * Math.sin(k));
  let state = Float64Array.from({ length: units * replicas }, (_, k) => 0.3 * Math.cos(k));
  let next = new Float64Array(units * replicas);
  const table = Float64Array.from(buildGaussianTable(), (code) => code / GAUSSIAN_RMS);
  const amplitude = Math.sqrt(2 * kT * dt);
  const force = new Float64Array(BLOCK);
  const noise = new Float64Array(8 * BLOCK);
  let stepIndex = 0;

  /** Noise of 8 units from `octet` x 8 on, [unit][replica]. */
  const draw = (octet: number, first: number, count: number): void => {
    for (let r = 0; r < count; r++) {
      const counter: Words4 = [first + r, octet, stepIndex, 0];
      const words = philox4x32(counter, [1, 0]);
      for (let q = 0; q < 4; q++) {
        noise[2 * q * BLOCK + r] = table[words[q] & 0xffff];
        noise[(2 * q + 1) * BLOCK + r] = table[words[q] >>> 16];
      }
    }
  };

  const row = (unit: number, first: number, count: number): void => {
    force.fill(0);
    for (let column = 0; column < units; column++) {
      const w = couplings[unit * units + column];
      const from = column * replicas + first;
      for (let r = 0; r < count; r++) force[r] += w * state[from + r];
    }
    const at = unit * replicas + first;
    const g = (unit & 7) * BLOCK;
    for (let r = 0; r < count; r++) {
      const x = state[at + r];
      next[at + r] = x - dt * (2 * x + 4 * x * x * x + force[r]) + amplitude * noise[g + r];
    }
  };

  const step = (): void => {
    for (let first = 0; first < replicas; first += BLOCK) {
      const count = Math.min(BLOCK, replicas - first);
      for (let unit = 0; unit < units; unit++) {
        if ((unit & 7) === 0) draw(unit >> 3, first, count);
        row(unit, first, count);
      }
    }
    [state, next] = [next, state];
    stepIndex += 1;
  };
  return {
    advance: (steps) => {
      for (let s = 0; s < steps; s++) step();
    },
    stateOf: (unit, replica) => state[unit * replicas + replica],
    couplingOf: (at, column) => couplings[at * units + column],
  };
}
