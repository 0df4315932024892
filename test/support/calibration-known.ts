// Knowledge of a chip for tests of procedures that stand on others: the truth itself, as if it had been measured exactly.
import { NOTHING_KNOWN, type ChipKnowledge } from '../../src/calibration/index.ts';
import type { ChipTruth } from './chip-truth.ts';

/** The readout of a chip, exactly. */
export function knownReadout(truth: ChipTruth): ChipKnowledge {
  const units = truth.readoutGain_ratio.length;
  return {
    ...NOTHING_KNOWN,
    readout: {
      gain_ratio: truth.readoutGain_ratio,
      offset_x: truth.readoutOffset_x,
      noise_x: new Float64Array(units).fill(truth.readoutNoise_x),
      gainStderr_ratio: new Float64Array(units),
      gainUncertainty_ratio: 0,
    },
  };
}

/** Readout and potential of a chip, exactly. */
export function knownPotential(truth: ChipTruth): ChipKnowledge {
  const none = new Float64Array(truth.j2_ratio.length);
  const { j2_ratio, j4_ratio, offset_E0 } = truth;
  const stderr = { j2_ratio: none, j4_ratio: none, offset_E0: none, correlation: none };
  return { ...knownReadout(truth), potential: { j2_ratio, j4_ratio, offset_E0, stderr } };
}

/** A control that nobody watches. */
export const unwatched = (
  known?: ChipKnowledge,
): { signal: AbortSignal; onProgress(): void; known?: ChipKnowledge } => ({
  signal: new AbortController().signal,
  onProgress: () => undefined,
  known,
});

/** Deviations of per-unit values from the truth in their own standard errors; null ones are left out. */
export function zScores(values: unknown, stderr: unknown, truth: ArrayLike<number>): number[] {
  const errors = stderr as (number | null)[];
  return (values as (number | null)[]).flatMap((value, unit) => {
    const error = errors[unit];
    return value === null || error === null ? [] : [(value - truth[unit]) / error];
  });
}
