// What a watch over drift says of a round, and the shapes that its parts share.
import type { CommonChange } from './family.ts';

export const driftQuantities = ['coupling', 'gain', 'offset', 'noiseTemperature'] as const;
export type DriftQuantity = (typeof driftQuantities)[number];

/** A change that is certain and yet smaller than this is no alarm; ratios. */
export const ALARM_LIMITS: Readonly<Record<DriftQuantity, number>> = {
  /** Of full scale. */
  coupling: 0.02,
  gain: 0.005,
  /** Of the full scale of the readout. */
  offset: 0.005,
  noiseTemperature: 0.005,
};

export interface DriftElement {
  /** `3-7` of a coupling, `17` of a unit. */
  name: string;
  /** Change since the baseline; ratio as the quantity's. */
  value_ratio: number;
  stderr_ratio: number;
  z: number;
}

export interface DriftReading {
  quantity: DriftQuantity;
  from_ms: number;
  to_ms: number;
  /** Belongs to the baseline: nothing is judged yet. */
  isBaseline: boolean;
  /**
   * Change since the baseline. coupling: rms of single couplings over full scale, beyond their errors; offset: the same over
   * the readout's full scale; gain, noiseTemperature: the common change, signed.
   */
  value_ratio: number;
  stderr_ratio: number;
  /** The largest change of one element that is beyond chance; 0: none is. */
  largest_ratio: number;
  /** A single change as large as this would be noticed. */
  resolution_ratio: number;
  /** Statistic over its limit; above 1 it is beyond chance. */
  chart_ratio: number;
  worst: DriftElement[];
}

export interface DriftAlarm {
  quantity: DriftQuantity;
  /** Null: a common change. */
  element: string | null;
  value_ratio: number;
  stderr_ratio: number;
  z: number;
  /** Begin of the last round in which it was where it had been. */
  lastGood_ms: number;
  /** End of the round that raised it. */
  alarm_ms: number;
}

export interface DriftFindings {
  readings: DriftReading[];
  /** New ones; a quantity is not told of twice before the next calibration. */
  alarms: DriftAlarm[];
}

export interface WatchedProgram {
  units: number;
  /** Pairs i < j row by row, as programmed, E0. */
  coupling_E0: Float64Array;
  /** The largest coupling that the program can hold (decision 3). */
  fullScale_E0: number;
  /** Programmed, E0. */
  noiseTemperature_E0: number;
  /** Largest x of the readout. */
  stateScaleMax_x: number;
}

/** Begin and end of a round, wall time of the device. */
export interface RoundTime {
  from_ms: number;
  to_ms: number;
}

/** Of one quantity and one round. */
export interface Found {
  reading: DriftReading;
  alarm: DriftAlarm | null;
}

/** Against the baseline: as the EWMA has it, and of the newest round alone. */
export interface CommonOfRound {
  smoothed: CommonChange;
  round: CommonChange;
}

/** An element this close to its baseline had not moved yet, in standard errors. */
export const GOOD_Z = 1.5;

/** Of a round that goes into the baseline. */
export function emptyReading(quantity: DriftQuantity, { from_ms, to_ms }: RoundTime): DriftReading {
  return {
    quantity,
    from_ms,
    to_ms,
    isBaseline: true,
    value_ratio: 0,
    stderr_ratio: 0,
    largest_ratio: 0,
    resolution_ratio: 0,
    chart_ratio: 0,
    worst: [],
  };
}
