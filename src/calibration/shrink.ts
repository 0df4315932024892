// Many numbers measured with errors of their own: what they most likely are, seen together. A map of 2,016 couplings that spread by
// 3 % and were measured to 3 % would correct as much noise as truth; pulled half way to their mean they are as good as they get.

/**
 * Each value pulled towards the mean of all by the share of its error in what it scatters by (empirical Bayes, James and
 * Stein): v' = m + (v - m) t^2/(t^2 + s^2), where t^2 is what is left of the scatter when the errors are taken off.
 * @param stderr of each; NaN in either: the value is left as it is, and out of the mean
 */
export function shrunk(values: ArrayLike<number>, stderr: ArrayLike<number>): Float64Array {
  const usable: number[] = [];
  for (let k = 0; k < values.length; k++)
    if (Number.isFinite(values[k]) && Number.isFinite(stderr[k])) usable.push(k);
  const out = Float64Array.from(values);
  if (usable.length < 3) return out;
  // What is far off is no part of the scatter of the others, and is left alone.
  const centre = middle(usable.map((k) => values[k]));
  const width = 1.4826 * middle(usable.map((k) => Math.abs(values[k] - centre)));
  const near = usable.filter((k) => Math.abs(values[k] - centre) <= OUTLIER * width);
  if (near.length < 3) return out;
  const mean = near.reduce((sum, k) => sum + values[k], 0) / near.length;
  const scatter = near.reduce((sum, k) => sum + (values[k] - mean) ** 2, 0) / (near.length - 1);
  const noise = near.reduce((sum, k) => sum + stderr[k] ** 2, 0) / near.length;
  const truth = Math.max(0, scatter - noise);
  for (const k of near) {
    const of = truth + stderr[k] ** 2;
    out[k] = of > 0 ? mean + ((values[k] - mean) * truth) / of : values[k];
  }
  return out;
}

const OUTLIER = 6;

function middle(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}
