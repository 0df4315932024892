// One number out of the gains of all rows, and how far to trust it.
import { normalQuantile } from '../tails.ts';
import type { RowFit } from './row-fit.ts';

export interface CommonGain {
  gain_ratio: number;
  /** From the scatter of the rows: it holds what differs from row to row, too. */
  stderr_ratio: number;
  /** Places among the live units whose row is at odds with the others. */
  deviating: number[];
  rows: number;
}

/** Probability that a chip whose rows scatter as their errors say has a row flagged. */
export const ROW_FALSE_ALARM_PROBABILITY = 0.01;

/** Mean over rows, without those that are off beyond the family-wise bound; null when fewer than two are left. */
export function commonGain({ gain_ratio, gainStderr_ratio }: RowFit): CommonGain | null {
  const rows = Array.from(gain_ratio.keys()).filter((k) => Number.isFinite(gain_ratio[k]));
  if (rows.length < 2) return null;
  const centre = median(rows.map((k) => gain_ratio[k]));
  const spread = 1.4826 * median(rows.map((k) => Math.abs(gain_ratio[k] - centre)));
  const bound_z = normalQuantile(ROW_FALSE_ALARM_PROBABILITY / (2 * rows.length));
  const isGood = (k: number): boolean =>
    Math.abs(gain_ratio[k] - centre) <= bound_z * Math.max(spread, gainStderr_ratio[k]);
  const good = rows.filter(isGood);
  if (good.length < 2) return null;
  const gain = good.reduce((sum, k) => sum + gain_ratio[k], 0) / good.length;
  const scatter = good.reduce((sum, k) => sum + (gain_ratio[k] - gain) ** 2, 0) / (good.length - 1);
  const stated = good.reduce((sum, k) => sum + gainStderr_ratio[k] ** 2, 0) / good.length;
  return {
    gain_ratio: gain,
    // Two rows scatter by less than their errors often enough.
    stderr_ratio: Math.sqrt(Math.max(scatter, stated) / good.length),
    deviating: Array.from(gain_ratio.keys()).filter((k) => !(Number.isFinite(gain_ratio[k]) && isGood(k))),
    rows: good.length,
  };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return (sorted[Math.floor((sorted.length - 1) / 2)] + sorted[Math.ceil((sorted.length - 1) / 2)]) / 2;
}
