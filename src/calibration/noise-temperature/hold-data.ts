// What a set of holds is to the estimators.
import type { Readout } from '../moments.ts';

/** What the readout gave, and what the units were programmed to. */
export interface HoldData {
  /** [holds][reads][units] */
  codes: Int16Array;
  holds: number;
  reads: number;
  units: number;
  /** x per code. */
  stateScale: number;
  /** Dequantised, or as they are known to be; E0. */
  j2: Float64Array;
  j4: Float64Array;
  /** What is known of the chip beside them; absent: nothing, and units that differ are taken for faulty. */
  known?: {
    readout: Readout;
    /** Constant force on each unit, E0, and what the mean of x is uncertain by because of it and of the readout. */
    force_E0: Float64Array;
    meanStderr_x: Float64Array;
  };
}
