// The oracle's oscillator cell: kick, drift, friction with noise, drift of one unit, in integers without a width.
import type { OscillatorPlan } from './oscillator.ts';

const RAIL = 2n ** 28n;

/** floor(a / 2^n): the shift of a BigInt rounds down. */
const clamp = (a: bigint): bigint => (a > RAIL ? RAIL : a < -RAIL ? -RAIL : a);

/**
 * One step of one unit. `push` is the high word of its forces, `noise` its code in Q15; writes the new w to `velocity[unit]`
 * and returns the new x.
 */
export function oscillateUnit(
  plan: OscillatorPlan,
  velocity: number[],
  unit: number,
  x: number,
  push: number,
  noise: number,
  noiseMultiplier: number,
): number {
  const bits = BigInt(plan.finenessBits);
  const kicked = clamp(BigInt(velocity[unit]) + BigInt(push));
  const change =
    4n * kicked * -BigInt(plan.decayMultiplier) + BigInt(noise) * BigInt(noiseMultiplier) + 2n ** 31n;
  const after = clamp(kicked + (change >> 32n));
  const way = (kicked + after + ((1n << bits) >> 1n)) >> bits;
  const moved = BigInt(x) + way;
  const kept = clamp(moved);
  velocity[unit] = kept === moved ? Number(after) : 0;
  return Number(kept);
}

/** Converter code of a voltage, as the kernel's side computes it. */
export function voltageReadout(plan: OscillatorPlan, w: number): number {
  const shift = BigInt(plan.voltageShift);
  const code = (BigInt(w) * BigInt(plan.voltageMultiplier) + ((1n << shift) >> 1n)) >> shift;
  return Number(code > 2047n ? 2047n : code < -2047n ? -2047n : code);
}
