// Converters that are not straight: what a DAC makes of a code, and which code an ADC gives for a value. Both are exact at
// zero and (but for their bits' errors) at full scale; gains and offsets have entries of their own.
import { DRAW, gaussians } from './draws.ts';
import type { Draw } from './draws.ts';

const CODE_MAX = 2047;
const MAGNITUDE_BITS = 11;
/** Thresholds of neighbouring codes must not cross. */
const THRESHOLD_MAX = 0.49;

export interface DacErrors {
  inl_codes: number;
  dnl_codes: number;
  seed: number;
}

/** Values (in codes, with fractions) that the converters of one kind give. */
export class Dacs {
  readonly #bow: Float64Array;
  /** [converter][bit] error of the bit's weight, in codes. */
  readonly #weightError: Float64Array;

  /** `count` converters; draws are keyed by the profile's and the entry's seed. */
  constructor(profileSeed: number, errors: DacErrors, draw: Draw, count: number) {
    const key = [profileSeed, errors.seed] as const;
    this.#bow = gaussians(key, draw, count, 0).map((g) => g * errors.inl_codes);
    this.#weightError = gaussians(key, draw, count * MAGNITUDE_BITS, 1);
    // A bit of weight 2^b is made of 2^b equal elements: its error goes with the square root of its weight.
    let size = errors.dnl_codes;
    for (let bit = MAGNITUDE_BITS - 1; bit >= 0; bit--) {
      for (let k = 0; k < count; k++) this.#weightError[k * MAGNITUDE_BITS + bit] *= size;
      size *= Math.SQRT1_2;
    }
  }

  /** Odd in the code: sign-magnitude converters. */
  value(converter: number, code: number): number {
    const size = code < 0 ? -code : code;
    const u = size / CODE_MAX;
    let value = size + 4 * this.#bow[converter] * u * (1 - u);
    for (let bit = 0; bit < MAGNITUDE_BITS; bit++) {
      if ((size >> bit) & 1) value += this.#weightError[converter * MAGNITUDE_BITS + bit];
    }
    return code < 0 ? -value : value;
  }
}

/** The converters of one kind, or null when they are exact. */
export function dacsOf(profileSeed: number, errors: DacErrors, draw: Draw, count: number): Dacs | null {
  if (errors.inl_codes === 0 && errors.dnl_codes === 0) return null;
  return new Dacs(profileSeed, errors, draw, count);
}

export interface AdcErrors {
  inl_codes: number;
  dnl_codes: number;
  range_x: number;
  seed: number;
}

/** The one converter that reads all units in turn. */
export class Adc {
  readonly #limit: number;
  readonly #inl_codes: number;
  /** Displacement of the threshold below code k, at k + 2048; null: none. */
  readonly #threshold: Float64Array | null;

  constructor(profileSeed: number, errors: AdcErrors) {
    this.#limit = Math.min(CODE_MAX, Math.floor(errors.range_x * 1024));
    this.#inl_codes = errors.inl_codes;
    // A code's width is the difference of two thresholds: 1/sqrt(2) of its spread each.
    const size = errors.dnl_codes * Math.SQRT1_2;
    this.#threshold =
      size === 0
        ? null
        : gaussians([profileSeed, errors.seed], DRAW.adcThreshold, 4098).map((g) =>
            Math.max(-THRESHOLD_MAX, Math.min(THRESHOLD_MAX, g * size)),
          );
  }

  /** Code of a value given in codes with fractions. */
  convert(value: number): number {
    let v = value > 2048 ? 2048 : value < -2048 ? -2048 : value;
    if (this.#inl_codes !== 0) {
      const u = v / 2048;
      v += 4 * this.#inl_codes * u * (1 - (u < 0 ? -u : u));
    }
    let code = Math.floor(v + 0.5);
    const t = this.#threshold;
    if (t !== null) {
      if (v < code - 0.5 + t[code + 2048]) code -= 1;
      else if (v >= code + 0.5 + t[code + 2049]) code += 1;
    }
    return code > this.#limit ? this.#limit : code < -this.#limit ? -this.#limit : code;
  }
}
