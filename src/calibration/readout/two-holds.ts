// Without a converter reference: readout offset and constant force of every unit from the means of two holds at different
// J2. A readout offset is in both means alike; a force displaces the unit less where J2 is larger. Pure.
import { tiltedMoments } from '../../physics/index.ts';
import { isConstant, overRestarts, restartMoments, idealReadout, type CodeBlock } from '../moments.ts';

/** A hold without a field; J2 and J4 as programmed (or known), E0. */
export interface OffsetHold extends CodeBlock {
  j2_E0: number;
  j4_E0: number;
}

export interface TwoHoldsEstimate {
  offset_x: Float64Array;
  offsetStderr_x: Float64Array;
  /** The constant force on a unit is -offset. */
  force_E0: Float64Array;
  forceStderr_E0: Float64Array;
  dead: boolean[];
}

/**
 * mean_k = offset_x - chi_k offset_E0, chi_k = <x^2>/kT of the programmed unit (linear response; offsets of a few
 * hundredths of an E0 bend it by less than 1 %). Assumes a readout gain of 1.
 */
export function estimateTwoHolds(soft: OffsetHold, stiff: OffsetHold, kT_E0: number): TwoHoldsEstimate {
  const { units } = soft;
  const [softChi, stiffChi] = [soft, stiff].map(
    ({ j2_E0, j4_E0 }) => tiltedMoments(kT_E0, j2_E0, j4_E0, 0)[1] / kT_E0,
  );
  const difference = softChi - stiffChi;
  const [one, other] = [soft, stiff].map((hold) => restartMoments(hold, idealReadout(units)).x1);
  const estimate: TwoHoldsEstimate = {
    offset_x: new Float64Array(units),
    offsetStderr_x: new Float64Array(units),
    force_E0: new Float64Array(units),
    forceStderr_E0: new Float64Array(units),
    dead: Array.from({ length: units }, (_, i) => isConstant(soft, i) && isConstant(stiff, i)),
  };
  for (let i = 0; i < units; i++) {
    const [a, b] = [overRestarts(one, units, i), overRestarts(other, units, i)];
    estimate.force_E0[i] = (b.mean - a.mean) / difference;
    estimate.forceStderr_E0[i] = Math.hypot(a.stderr, b.stderr) / difference;
    estimate.offset_x[i] = (softChi * b.mean - stiffChi * a.mean) / difference;
    estimate.offsetStderr_x[i] = Math.hypot(softChi * b.stderr, stiffChi * a.stderr) / difference;
  }
  return estimate;
}
