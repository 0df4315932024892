// The readout chain: held value, droop, gain, offset, noise, converter. From states with more bits than the converter has
// to the 12-bit codes that a chip delivers.
import { philox4x32 } from '../kernel/philox.ts';
import type { ChipProfile } from '../profile/schema.ts';
import { Adc } from './converters.ts';
import { decay, DRAW, factors, gaussianOf, offsets } from './draws.ts';
import type { DriftValues } from './drift.ts';
import type { BrokenUnits } from './units.ts';

/** Raw values are states in Q27; a code is 2^-10 of x. */
const RAW_PER_CODE = 2 ** 17;
const CODES_PER_X = 1024;
const CODE_MAX = 2047;

/** What the converters read: the units, or the reference beside them. */
type Source = 'units' | 'reference';

/** Whose readout it is: sample numbers and seed make the noise of a value independent of batches. */
export interface ReadoutRun {
  readonly seed: bigint;
  readonly firstSample: number;
  readonly samples: number;
  readonly reads: number;
  readonly units: number;
}

export class Readout {
  readonly #profile: ChipProfile;
  readonly #dead: Uint8Array;
  readonly #gain: Float64Array;
  readonly #offset_x: Float64Array;
  readonly #adc: Adc;

  constructor(profile: ChipProfile, unitsMax: number, broken: BrokenUnits) {
    const { gain, offset, droop, adc } = profile.readout;
    this.#profile = profile;
    this.#dead = broken.dead;
    this.#gain = factors(profile.seed, gain, DRAW.readoutGain, unitsMax);
    const held = droop.rate_perMicrosecond * droop.conversion_ns * 1e-3;
    if (held > 0) for (let unit = 0; unit < unitsMax; unit++) this.#gain[unit] *= decay(unit * held);
    const key = [profile.seed, offset.seed] as const;
    this.#offset_x = offsets(key, DRAW.readoutOffset, unitsMax, offset.common_x, offset.spread_x);
    this.#adc = new Adc(profile.seed, adc);
  }

  /**
   * Codes [samples][levels][units] of the converter reference: it is switched to where a channel otherwise gets its held
   * state, so everything behind that acts as it does on a state. The error of the reference itself is in its levels.
   */
  reference(level_x: readonly number[], run: ReadoutRun, drift: DriftValues | null): Int16Array {
    const { samples, reads, units } = run;
    const actual = 1 + this.#profile.readout.reference.error_ratio;
    const raw = new Int32Array(samples * reads * units);
    for (let record = 0; record < samples * reads; record++) {
      const level = level_x[record % reads] * actual * CODES_PER_X * RAW_PER_CODE;
      raw.fill(Math.floor(level + 0.5), record * units, (record + 1) * units);
    }
    return this.deliver(raw, run, drift, 'reference');
  }

  /** Codes [samples][reads][units] of states in Q27 of the same shape. */
  deliver(raw: Int32Array, run: ReadoutRun, drift: DriftValues | null, source: Source = 'units'): Int16Array {
    const { units } = run;
    const gain = this.#gain.subarray(0, units).slice();
    const offset_codes = this.#offset_x.subarray(0, units).map((x) => x * CODES_PER_X);
    if (drift !== null) {
      for (let unit = 0; unit < units; unit++) {
        gain[unit] *= 1 + drift.readoutGain_ratio[unit];
        offset_codes[unit] += drift.readoutOffset_x[unit] * CODES_PER_X;
      }
    }
    const noise = new NoiseSource(this.#profile, run, source);
    const out = new Int16Array(raw.length);
    for (let record = 0, at = 0; record < run.samples * run.reads; record++) {
      noise.begin(run.firstSample + Math.floor(record / run.reads), record % run.reads);
      for (let unit = 0; unit < units; unit++, at++) {
        // A dead channel delivers nothing, not even noise.
        if (this.#dead[unit] === 1) continue;
        const value = (raw[at] / RAW_PER_CODE) * gain[unit] + offset_codes[unit] + noise.next(unit);
        out[at] = this.#adc.convert(value);
      }
    }
    return out;
  }
}

/** Codes [samples][levels][units] that a converter without any error gives for the levels of a reference without one. */
export function idealReference(level_x: readonly number[], run: ReadoutRun): Int16Array {
  const { samples, reads, units } = run;
  const codes = new Int16Array(samples * reads * units);
  for (let record = 0; record < samples * reads; record++) {
    const code = Math.floor(level_x[record % reads] * CODES_PER_X + 0.5);
    codes.fill(Math.max(-CODE_MAX, Math.min(CODE_MAX, code)), record * units, (record + 1) * units);
  }
  return codes;
}

/** Readout noise in codes, keyed by (run, sample, read, unit). Units are asked for in order. */
class NoiseSource {
  readonly #rms_codes: number;
  readonly #key: [number, number];
  readonly #draw: number;
  #sample = 0;
  #read = 0;
  #words: readonly number[] = [];

  constructor(profile: ChipProfile, run: ReadoutRun, source: Source) {
    const { rms_x, seed } = profile.readout.noise;
    this.#rms_codes = rms_x * CODES_PER_X;
    this.#draw = source === 'units' ? DRAW.readoutNoise : DRAW.referenceNoise;
    this.#key = [
      (Number(run.seed & 0xffffffffn) ^ profile.seed) >>> 0,
      (Number(run.seed >> 32n) ^ seed) >>> 0,
    ];
  }

  begin(sample: number, read: number): void {
    this.#sample = sample;
    this.#read = read;
  }

  next(unit: number): number {
    if (this.#rms_codes === 0) return 0;
    if ((unit & 7) === 0) {
      // The kernel's own noise has 0 as its last word: never the same counter.
      this.#words = philox4x32([this.#sample, unit >> 3, this.#read, this.#draw], this.#key);
    }
    const word = this.#words[(unit & 7) >> 1];
    return this.#rms_codes * gaussianOf((unit & 1) === 0 ? word & 0xffff : word >>> 16);
  }
}
