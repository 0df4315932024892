// What a chip makes of the coupling codes: stuck bits, converters, missing couplings, individual gains, asymmetry. Draws
// are numbered by the pair of units, so coupling 3-7 has the same faults in a program of any size.
import { COUPLING_FRACTION_BITS_MAX, fullCouplings } from '../effective-program.ts';
import type { ChipProfile } from '../profile/schema.ts';
import { dacsOf } from './converters.ts';
import { DRAW, gaussians, words } from './draws.ts';

const CODE_MAX = 2047;
const EFFECTIVE_MAX = 32767;
const CODE_BITS = 12;

export interface EffectiveCouplings {
  /** N x N row-major, in codes with `fractionBits`. */
  couplingCode: Int16Array;
  couplingFractionBits: number;
}

/** Number of the pair i < j among all pairs of any chip. */
export const pairNumber = (i: number, j: number): number => (j * (j - 1)) / 2 + i;

type PairDraw = (pair: number) => number;

/** The individual couplings; the common gain is not in them. */
export function effectiveCouplings(
  units: number,
  programmed: Int16Array,
  profile: ChipProfile,
): EffectiveCouplings {
  const stored = withStuckBits(units, programmed, profile);
  if (isExact(profile)) return { couplingCode: fullCouplings(units, stored), couplingFractionBits: 0 };
  return analogCouplings(units, stored, profile);
}

function isExact({ couplings, dac }: ChipProfile): boolean {
  return (
    couplings.gain.spread_ratio === 0 &&
    couplings.asymmetry.spread_ratio === 0 &&
    couplings.missing.share === 0 &&
    couplings.missing.pairs.length === 0 &&
    dac.coupling.inl_codes === 0 &&
    dac.coupling.dnl_codes === 0
  );
}

/** Codes as the memory holds them: with probability `share`, one of the 12 bits of a word is stuck at 0 or 1. */
export function withStuckBits(units: number, codes: Int16Array, profile: ChipProfile): Int16Array {
  const { share, seed } = profile.couplings.stuckBits;
  if (share === 0) return codes;
  const pairs = (units * (units - 1)) / 2;
  const key = [profile.seed, seed] as const;
  const hit = words(key, DRAW.couplingStuck, pairs, 0);
  const which = words(key, DRAW.couplingStuck, pairs, 1);
  const out = codes.slice();
  forEachPair(units, (i, j, at) => {
    const pair = pairNumber(i, j);
    if (hit[pair] < share * 2 ** 32) out[at] = withStuckBit(out[at], which[pair]);
  });
  return out;
}

function withStuckBit(code: number, draw: number): number {
  const mask = 1 << ((draw >>> 1) % CODE_BITS);
  const word = (draw & 1) === 0 ? code & ~mask : code | mask;
  const extended = (word << 20) >> 20;
  return extended < -CODE_MAX ? -CODE_MAX : extended;
}

function analogCouplings(units: number, stored: Int16Array, profile: ChipProfile): EffectiveCouplings {
  const { gain, asymmetry, missing } = profile.couplings;
  const pairs = (units * (units - 1)) / 2;
  const spread = (
    entry: { spread_ratio: number; seed: number },
    draw: Parameters<typeof gaussians>[1],
  ): PairDraw => {
    if (entry.spread_ratio === 0) return () => 0;
    const g = gaussians([profile.seed, entry.seed], draw, pairs);
    return (pair) => entry.spread_ratio * g[pair];
  };
  const gainError = spread(gain, DRAW.couplingGain);
  const tilt = spread(asymmetry, DRAW.couplingAsymmetry);
  const isMissing = missingPairs(pairs, profile.seed, missing);
  const dacs = dacsOf(profile.seed, profile.dac.coupling, DRAW.dacCoupling, units);

  const value = new Float64Array(units * units);
  let largest = 0;
  forEachPair(units, (i, j, at) => {
    const pair = pairNumber(i, j);
    if (isMissing(pair)) return;
    const written = dacs === null ? stored[at] : dacs.value(i, stored[at]);
    const mean = written * (1 + gainError(pair));
    const up = mean * (1 + tilt(pair));
    const down = mean * (1 - tilt(pair));
    value[i * units + j] = up;
    value[j * units + i] = down;
    largest = Math.max(largest, up, -up, down, -down);
  });
  return rounded(value, largest);
}

function missingPairs(
  pairs: number,
  profileSeed: number,
  missing: ChipProfile['couplings']['missing'],
): (pair: number) => boolean {
  const named = new Set(missing.pairs.map(([a, b]) => pairNumber(Math.min(a, b), Math.max(a, b))));
  if (missing.share === 0) return (pair) => named.has(pair);
  const drawn = words([profileSeed, missing.seed], DRAW.couplingMissing, pairs);
  return (pair) => drawn[pair] < missing.share * 2 ** 32 || named.has(pair);
}

/** Row-major values in codes, with as many fraction bits as the largest (in size) leaves room for. */
export function rounded(value: Float64Array, largest: number): EffectiveCouplings {
  let bits = COUPLING_FRACTION_BITS_MAX;
  while (bits > 0 && largest * 2 ** bits > EFFECTIVE_MAX) bits -= 1;
  return {
    couplingCode: Int16Array.from(value, (v) => Math.floor(v * 2 ** bits + 0.5)),
    couplingFractionBits: bits,
  };
}

function forEachPair(units: number, visit: (i: number, j: number, at: number) => void): void {
  let at = 0;
  for (let i = 0; i < units; i++) for (let j = i + 1; j < units; j++) visit(i, j, at++);
}
