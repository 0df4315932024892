// What a set of holds is to the estimators.

/** What the readout gave, and what the units were programmed to. */
export interface HoldData {
  /** [holds][reads][units] */
  codes: Int16Array;
  holds: number;
  reads: number;
  units: number;
  /** x per code. */
  stateScale: number;
  /** Dequantised, E0. */
  j2: Float64Array;
  j4: Float64Array;
}
