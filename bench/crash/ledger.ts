// What the service has acknowledged, kept by those who were told: the other side of every comparison.
import { sha256 } from './requests.ts';

/** A job as the API shows it, as far as it must not change any more once it has ended. */
export interface JobView {
  id: string;
  state: string;
  labels: Record<string, string>;
  result: unknown;
  finishedAt: string | null;
}

export interface CalibrationView {
  id: string;
  state: string;
  values: unknown;
  stderr: unknown;
  finishedAt: string | null;
}

export interface EndedJob {
  /** Digest of what was shown. */
  view: string;
  state: string;
  samples: string | null;
  certificate: string | null;
}

export class Ledger {
  /** Acknowledged writes. */
  acknowledged = 0;
  readonly models = new Set<string>();
  readonly keys = new Set<string>();
  /** Id, and the number of the request that made it. */
  readonly jobs = new Map<string, number>();
  readonly calibrations = new Set<string>();
  /** Cancelled at once, by the answer. */
  readonly cancelled = new Set<string>();
  /** A cancel was sent, whatever became of it. */
  readonly cancelAsked = new Set<string>();
  readonly endedJobs = new Map<string, EndedJob>();
  readonly endedCalibrations = new Map<string, string>();
  /** Answers that the load should never get, such as a refusal of a good request. */
  readonly unexpected: string[] = [];

  /** Action and target of the audit row that each acknowledged write must have once. */
  *audit(): Iterable<string> {
    for (const digest of this.models) yield `model.upload ${digest}`;
    for (const id of this.keys) yield `key.create ${id}`;
    for (const id of this.jobs.keys()) yield `job.submit ${id}`;
    for (const id of this.calibrations) yield `calibration.start ${id}`;
    for (const id of this.cancelled) yield `job.cancel ${id}`;
  }
}

const FINAL = new Set(['succeeded', 'failed', 'cancelled', 'expired']);
export const hasEnded = ({ state }: { state: string }): boolean => FINAL.has(state);

export const digestOfJob = ({ state, result, finishedAt }: JobView): string =>
  sha256(JSON.stringify([state, result, finishedAt]));

export const digestOfCalibration = ({ state, values, stderr, finishedAt }: CalibrationView): string =>
  sha256(JSON.stringify([state, values, stderr, finishedAt]));
