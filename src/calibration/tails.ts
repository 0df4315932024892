// Tails of the normal and the chi-square law, as far as judging units against a common value needs them.

/**
 * Probability that a standard normal variable exceeds z. Rational Chebyshev fit of erfc (Press et al., Numerical
 * Recipes, section 6.2): relative error below 1.2e-7 everywhere.
 */
export function normalSurvival(z: number): number {
  const x = Math.abs(z) / Math.SQRT2;
  const t = 1 / (1 + x / 2);
  const coefficients = [
    -1.26551223, 1.00002368, 0.37409196, 0.09678418, -0.18628806, 0.27886807, -1.13520398, 1.48851587,
    -0.82215223, 0.17087277,
  ];
  const polynomial = coefficients.reduceRight((sum, c) => sum * t + c, 0);
  const half = (t * Math.exp(-x * x + polynomial)) / 2;
  return z >= 0 ? half : 1 - half;
}

/** The z that a standard normal variable exceeds with probability `tail` (0 < tail <= 0.5). */
export function normalQuantile(tail: number): number {
  let [low, high] = [0, 38];
  for (let k = 0; k < 60; k++) {
    const middle = (low + high) / 2;
    if (normalSurvival(middle) > tail) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/**
 * Probability that chi-square with `degrees` of freedom exceeds `value`; Wilson and Hilferty's cube root, good to a
 * few per cent of the probability for ten degrees or more.
 */
export function chiSquareSurvival(value: number, degrees: number): number {
  const width = 2 / (9 * degrees);
  return normalSurvival((Math.cbrt(value / degrees) - (1 - width)) / Math.sqrt(width));
}
