// Which units of a chip are broken, and how the noise of each differs: temperature, colour.
import type { ChipProfile } from '../profile/schema.ts';
import { chosen, decay, DRAW, factors, words } from './draws.ts';

/** Units that do not move. A dead one also delivers nothing but 0; a stuck one is read like any other. */
export interface BrokenUnits {
  readonly dead: Uint8Array;
  readonly frozen: Uint8Array;
  /** Where a frozen unit stands, in x. */
  readonly frozenState: Float64Array;
}

/** A unit that is both dead and stuck is dead. */
export function brokenUnits(profile: ChipProfile, unitsMax: number): BrokenUnits {
  const { dead, stuck } = profile.units;
  const broken = {
    dead: new Uint8Array(unitsMax),
    frozen: new Uint8Array(unitsMax),
    frozenState: new Float64Array(unitsMax),
  };
  const members = (
    entry: typeof dead | typeof stuck,
    draw: typeof DRAW.dead | typeof DRAW.stuck,
  ): number[] => [
    ...chosen([profile.seed, entry.seed], draw, unitsMax, entry.share),
    ...entry.units.filter((unit) => unit < unitsMax),
  ];
  const side = words([profile.seed, stuck.seed], DRAW.stuck, unitsMax, 1);
  for (const unit of members(stuck, DRAW.stuck)) {
    broken.frozen[unit] = 1;
    broken.frozenState[unit] = (side[unit] & 1) === 0 ? stuck.level_x : -stuck.level_x;
  }
  for (const unit of members(dead, DRAW.dead)) {
    broken.dead[unit] = broken.frozen[unit] = 1;
    broken.frozenState[unit] = 0;
  }
  return broken;
}

const Q15 = 32768;

/** Colour of the noise of each unit at one step: memory a of the increments, and the factor of their amplitude. */
export interface NoiseColour {
  readonly memory_q15: Int32Array;
  readonly amplitudeFactor: Float64Array;
}

/**
 * a = exp(-step / correlation time). Increments y_k = a y_(k-1) + sqrt(1 - a^2) w_k have (1 + a)/(1 - a) times the
 * low-frequency power of white ones; the amplitude factor takes it back, so that a slow unit sees the programmed kT and a
 * harmonic one has <x^2> = kT / (2 J2 (1 + 2 mu J2 tau)).
 */
export function noiseColour(profile: ChipProfile, unitsMax: number, step_ns: number): NoiseColour | null {
  const { correlation_ns, spread_ratio, seed } = profile.noise.colour;
  if (correlation_ns === 0) return null;
  const error = { common_ratio: 0, spread_ratio, seed };
  const factor = factors(profile.seed, error, DRAW.noiseCorrelation, unitsMax);
  const memory_q15 = Int32Array.from(factor, (f) =>
    Math.min(Q15 - 1, Math.floor(decay(step_ns / (correlation_ns * f)) * Q15 + 0.5)),
  );
  const amplitudeFactor = Float64Array.from(memory_q15, (a) => Math.sqrt((Q15 - a) / (Q15 + a)));
  return { memory_q15, amplitudeFactor };
}
