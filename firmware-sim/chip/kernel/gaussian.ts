// The Gaussian table: 2^16 equally likely values of a unit normal, in codes. It is built from + - * / and sqrt alone,
// which IEEE 754 fixes to the last bit, because Math.exp and its kin may differ between engines.

/** Codes per standard deviation; the largest entry, at 4.32 sigma, still fits 16 bits. */
export const GAUSSIAN_RMS = 7500;
export const GAUSSIAN_ENTRIES = 65536;
/** Size of the largest entry (bound of the headroom proof in coefficients.ts). */
export const GAUSSIAN_MAX = 32767;
/** SHA-256 of the table's little-endian bytes. */
export const GAUSSIAN_SHA256 = 'a84d6785616d77d3a71e61b6c5654b5a70c9614080e7357ac2d342741955a7b8';

const TWO_PI = 6.283185307179586;

/** Normal density, with exp(z^2/2) as its power series (all terms positive: no cancellation). */
function density(z: number): number {
  const t = 0.5 * z * z;
  let term = 1;
  let sum = 1;
  for (let n = 1; term > sum * 1e-17; n++) {
    term = (term * t) / n;
    sum += term;
  }
  return 1 / (sum * Math.sqrt(TWO_PI));
}

/** Probability between 0 and z: density(z) * (z + z^3/3 + z^5/(3*5) + ...), Marsaglia 2004. */
function centralProbability(z: number, densityAtZ: number): number {
  let term = z;
  let sum = z;
  for (let n = 3; term > sum * 1e-17; n += 2) {
    term = (term * z * z) / n;
    sum += term;
  }
  return sum * densityAtZ;
}

/** Quantiles of the upper half, at the middles of 2^15 equal cells of probability, by Newton's method. */
function upperQuantiles(): Float64Array {
  const half = GAUSSIAN_ENTRIES / 2;
  const quantile = new Float64Array(half);
  let z = 0;
  for (let k = 0; k < half; k++) {
    const target = (k + 0.5) / GAUSSIAN_ENTRIES;
    for (let iteration = 0; iteration < 6; iteration++) {
      const f = density(z);
      const step = (target - centralProbability(z, f)) / f;
      z += step;
      if (step < 1e-9 && step > -1e-9) break;
    }
    quantile[k] = z;
  }
  return quantile;
}

/** The table: odd about its middle, so the mean is exactly 0; scaled to a variance of 1 (GAUSSIAN_RMS codes). */
export function buildGaussianTable(): Int16Array {
  const quantile = upperQuantiles();
  const half = quantile.length;
  let sumOfSquares = 0;
  for (const z of quantile) sumOfSquares += z * z;
  const scale = GAUSSIAN_RMS / Math.sqrt(sumOfSquares / half);
  const table = new Int16Array(GAUSSIAN_ENTRIES);
  for (let k = 0; k < half; k++) {
    const code = Math.floor(quantile[k] * scale + 0.5);
    table[half + k] = code;
    table[half - 1 - k] = -code;
  }
  return table;
}
