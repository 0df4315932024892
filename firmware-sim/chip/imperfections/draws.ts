// Random numbers of a chip: pure functions of (seed of the profile, seed of the entry, what is drawn, index), the same on
// every machine. Philox for the bits, the kernel's table for Gaussian values; + - * / sqrt only.
import { buildGaussianTable, GAUSSIAN_RMS } from '../kernel/gaussian.ts';
import { philox4x32 } from '../kernel/philox.ts';

/** What is drawn; the numbers are part of what a seed means and never change. */
export const DRAW = {
  readoutGain: 1,
  readoutOffset: 2,
  readoutNoise: 3,
  adcThreshold: 4,
  j2: 5,
  j4: 6,
  offset: 7,
  couplingGain: 8,
  couplingAsymmetry: 9,
  couplingMissing: 10,
  couplingStuck: 11,
  dacCoupling: 12,
  dacBias: 13,
  dacField: 14,
  noiseTemperature: 15,
  noiseCorrelation: 16,
  dead: 17,
  stuck: 18,
  drift: 19,
  referenceNoise: 20,
  faultReadout: 40,
  faultCoupling: 41,
  faultLink: 42,
  faultSensor: 43,
} as const;
export type Draw = (typeof DRAW)[keyof typeof DRAW];

export type Key = readonly [profileSeed: number, entrySeed: number];

let table: Int16Array | null = null;
/** Table value of 16 random bits, in standard deviations. */
export function gaussianOf(bits: number): number {
  table ??= buildGaussianTable();
  return table[bits] / GAUSSIAN_RMS;
}

/** Unit normal values 0 .. count - 1; a longer list begins with the shorter one. `sub` numbers independent lists. */
export function gaussians(key: Key, draw: Draw, count: number, sub = 0, step = 0): Float64Array {
  const out = new Float64Array(count);
  for (let block = 0; block * 8 < count; block++) {
    const words = philox4x32([block, sub, draw, step], key);
    const end = Math.min(8, count - block * 8);
    for (let k = 0; k < end; k++) {
      const word = words[k >> 1];
      out[block * 8 + k] = gaussianOf((k & 1) === 0 ? word & 0xffff : word >>> 16);
    }
  }
  return out;
}

/** 32 random bits each, 0 .. count - 1. */
export function words(key: Key, draw: Draw, count: number, sub = 0): Uint32Array {
  const out = new Uint32Array(count);
  for (let block = 0; block * 4 < count; block++) {
    const four = philox4x32([block, sub, draw, 0], key);
    for (let k = 0; k < 4 && block * 4 + k < count; k++) out[block * 4 + k] = four[k];
  }
  return out;
}

/** 1 + common + spread g for each; all 1 when both are 0. */
export function factors(
  profileSeed: number,
  error: { common_ratio: number; spread_ratio: number; seed: number },
  draw: Draw,
  count: number,
): Float64Array {
  const out = new Float64Array(count).fill(1 + error.common_ratio);
  if (error.spread_ratio === 0) return out;
  const g = gaussians([profileSeed, error.seed], draw, count);
  for (let k = 0; k < count; k++) out[k] += error.spread_ratio * g[k];
  return out;
}

/** common + spread g for each. */
export function offsets(key: Key, draw: Draw, count: number, common: number, spread: number): Float64Array {
  const out = new Float64Array(count).fill(common);
  if (spread === 0) return out;
  const g = gaussians(key, draw, count);
  for (let k = 0; k < count; k++) out[k] += spread * g[k];
  return out;
}

/** floor(share * count) of the numbers 0 .. count - 1: those with the smallest random words. */
export function chosen(key: Key, draw: Draw, count: number, share: number): number[] {
  // The sum of the share and a little survives shares such as 0.29 * 100 = 28.999999999999996.
  const wanted = Math.floor(share * count + 1e-9);
  if (wanted === 0) return [];
  const order = words(key, draw, count);
  return Array.from({ length: count }, (_, k) => k)
    .sort((a, b) => order[a] - order[b] || a - b)
    .slice(0, wanted);
}

/** exp(-t) for t >= 0 from + * / alone (engines may differ in Math.exp): a short series, then repeated squaring. */
export function decay(t: number): number {
  if (t > 700) return 0;
  let halvings = 0;
  let small = t;
  while (small > 0.0625) {
    small /= 2;
    halvings += 1;
  }
  let term = 1;
  let sum = 1;
  for (let n = 1; n <= 10; n++) {
    term = (-term * small) / n;
    sum += term;
  }
  while (halvings-- > 0) sum *= sum;
  return sum;
}
