// What a dry run answers.
import type { RoundingReport } from '../../physics/index.ts';
import type { JobHold } from '../../store/index.ts';
import type { LoadForecast } from '../device-port.ts';
import type { AdmittedRelaxJob } from '../request.ts';
import type { QueueForecast } from './queue-forecast.ts';

/** Device time of all samples by their schedule; the line and the host are not in it. */
export interface ScheduleForecast {
  samples: number;
  /** In one sample, the switch-on read among them. */
  reads: number;
  perSample_s: number;
  total_s: number;
  step_s: number;
  /** What the code of the noise temperature comes to, over the program's own kT. */
  noiseTemperature_ratio: number;
  /** Packed, of all samples, without the framing. */
  sampleBytes: number;
}

export interface DryRun {
  /** As it would be kept. */
  job: AdmittedRelaxJob;
  /** A submission is refused with the first; empty: it would be taken. */
  flaws: Error[];
  /** Null: the model or the device is not known, or has never answered. */
  rounding: RoundingReport['blocks'] | null;
  /** Null: the schedule does not fit, or nobody knows whether it does. */
  schedule: ScheduleForecast | null;
  /** What would be loaded if it ran next; null with a reason. */
  upload: LoadForecast | null;
  uploadReason: string | null;
  /** Null: there is no such device. */
  queue: QueueForecast | null;
  /** What would keep it from its turn now. */
  holds: JobHold[];
}
