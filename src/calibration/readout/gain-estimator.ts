// The readout gain of every unit: slope of its codes over levels of the converter reference. Pure.
import { isConstant, overRestarts, ROUNDING_VARIANCE, type CodeBlock } from '../moments.ts';
import { errorOfMean, meanOf, roundingError_codes } from './offset-estimator.ts';

/** `dead`: the codes do not follow the reference. */
export type GainQuality = 'ok' | 'dead';

export interface GainEstimate {
  /** code * stateScale over x, where the levels are; NaN of a dead unit. */
  gain_ratio: Float64Array;
  gainStderr_ratio: Float64Array;
  /** Where the line passes x = 0. */
  offset_x: Float64Array;
  quality: GainQuality[];
  reasons: (string | null)[];
  common: { gain_ratio: number; gainStderr_ratio: number };
}

/** Share of the reference that the codes of a living unit follow at least. */
const FOLLOWS_ratio = 0.1;

/**
 * Least squares of the mean code on the level, one line per unit. A converter that bows bends it: the slope is that where
 * the levels are, so they are chosen where the units live.
 * @param block reads are the levels, in their order
 * @param levels_x as they were applied
 */
export function estimateGains(block: CodeBlock, levels_x: readonly number[]): GainEstimate {
  const { units } = block;
  const lines = Array.from({ length: units }, (_, i) => lineOf(block, levels_x, i));
  const live = lines.flatMap(({ dead }, i) => (dead ? [] : [i]));
  const gain_ratio = Float64Array.from(lines, ({ dead, slope }) => (dead ? NaN : slope));
  const gainStderr_ratio = Float64Array.from(lines, ({ dead, slopeStderr }) => (dead ? NaN : slopeStderr));
  return {
    gain_ratio,
    gainStderr_ratio,
    offset_x: Float64Array.from(lines, ({ dead, offset }) => (dead ? NaN : offset)),
    quality: lines.map(({ dead }) => (dead ? 'dead' : 'ok')),
    reasons: lines.map(({ dead }) => (dead ? 'its codes do not follow the converter reference' : null)),
    common: {
      gain_ratio: meanOf(live, gain_ratio),
      gainStderr_ratio: errorOfMean(live, gainStderr_ratio),
    },
  };
}

interface Line {
  slope: number;
  slopeStderr: number;
  offset: number;
  dead: boolean;
}

function lineOf(block: CodeBlock, levels_x: readonly number[], unit: number): Line {
  const { stateScale } = block;
  const points = levels_x.map((level, k) => levelMean(block, k, unit, level));
  const centre = points.reduce((sum, { level }) => sum + level, 0) / points.length;
  const spread = points.reduce((sum, { level }) => sum + (level - centre) ** 2, 0);
  const weight = (level: number): number => (level - centre) / spread;
  const slope = points.reduce((sum, { level, mean }) => sum + weight(level) * mean, 0) * stateScale;
  const variance = points.reduce((sum, { level, stderr }) => sum + (weight(level) * stderr) ** 2, 0);
  const mean = points.reduce((sum, point) => sum + point.mean, 0) / points.length;
  return {
    slope,
    slopeStderr: Math.sqrt(variance) * stateScale,
    offset: mean * stateScale - slope * centre,
    dead: isConstant(block, unit) || Math.abs(slope) < FOLLOWS_ratio,
  };
}

/** In codes. */
function levelMean(
  { codes, samples, reads, units }: CodeBlock,
  read: number,
  unit: number,
  level: number,
): { level: number; mean: number; stderr: number } {
  const column = Float64Array.from({ length: samples }, (_, k) => codes[(k * reads + read) * units + unit]);
  const { mean, stderr } = overRestarts(column, 1, 0);
  const noise = Math.sqrt(Math.max(stderr * stderr * samples - ROUNDING_VARIANCE, 0));
  return { level, mean, stderr: Math.hypot(stderr, roundingError_codes(noise)) };
}
