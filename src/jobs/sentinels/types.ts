// What the watch over drift is told, and what it says: settings, and the state of one device for those who decide by it.
import type { DriftQuantity } from '../../calibration/drift/index.ts';
import type { DriftElementRow } from '../../store/index.ts';

export interface SentinelSettings {
  /** Of the device's time that probes may take, 0 to 1; 0: there are none. */
  share: number;
  /** From the begin of a round of probes to that of the next one, seconds. */
  period_s: number;
  /** After an alarm the calibration that mends it is queued. */
  recalibrate: boolean;
  /** Calibrations that nobody asked for, in 24 hours and on one device; an alarm beyond that waits for a person. */
  recalibrationsPerDay: number;
}

export const SENTINEL_DEFAULTS: SentinelSettings = {
  share: 0.01,
  period_s: 60,
  recalibrate: false,
  recalibrationsPerDay: 48,
};

/** The newest round of one quantity. */
export interface DriftOfQuantity {
  /** End of the round, wall time. */
  at_ms: number;
  isBaseline: boolean;
  value_ratio: number;
  stderr_ratio: number;
  /** The largest change of one element that is beyond chance; 0: none. */
  largest_ratio: number;
  /** A change of one element as large as this would be noticed. */
  resolution_ratio: number;
  chart_ratio: number;
  worst: readonly DriftElementRow[];
}

/** What is known of the drift of one device now. */
export interface DriftState {
  /** Why there are no probes; null: there are. */
  reason: string | null;
  deviceUid: string | null;
  /** The program that is watched, SHA-256 in hexadecimal. */
  program: string | null;
  /** By quantity what the last round said; null: not measured since the last calibration, or not at all. */
  quantities: Readonly<Record<DriftQuantity, DriftOfQuantity | null>>;
  /** Quantities that have left their limits since the last calibration. */
  alarms: readonly DriftQuantity[];
  /** End of the last probe, wall time; null: none yet. */
  lastProbe_ms: number | null;
  /** Device time of probes since the start, seconds; and of baselines and scans of suspects, which count as calibration. */
  probed_s: number;
  calibrating_s: number;
  /** Device time since the start of the service, seconds. */
  elapsed_s: number;
}
