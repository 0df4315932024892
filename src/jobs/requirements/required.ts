// What one job requires and how it is, as whoever decides about the job looks at it.
import type { RequirementReadings } from './readings.ts';
import type { Calibrations } from './recalibration.ts';
import type { OnUnmet } from './require.ts';

export interface Required {
  onUnmet: OnUnmet;
  readings: RequirementReadings;
  calibrations: Calibrations;
}
