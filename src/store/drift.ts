// Drift as rows and questions: what probes between jobs have found of a chip, when a change was noticed, and what certificates of
// finished jobs have to add. Beside rows.ts and repositories.ts, by the same rules.
import type { Page } from './page.ts';

/** One element that stood out: a coupling `3-7`, a unit `17`. */
export interface DriftElementRow {
  name: string;
  value_ratio: number;
  stderr_ratio: number;
  z: number;
}

/** What one round of probes says of one quantity. */
export interface DriftPointRow {
  id: string;
  device: string;
  deviceUid: string;
  /** SHA-256 of the program that was probed, hexadecimal: each has a baseline of its own. */
  program: string;
  quantity: string;
  from_ms: number;
  to_ms: number;
  /** Taken to compare with; nothing is judged yet. */
  isBaseline: boolean;
  value_ratio: number;
  stderr_ratio: number;
  /** Of the elements beyond chance; 0: none. */
  largest_ratio: number;
  resolution_ratio: number;
  /** Statistic over its limit. */
  chart_ratio: number;
  /** Worst first. */
  worst: DriftElementRow[];
}

/** A change that was noticed: it happened within [lastGood, alarm]. */
export interface DriftEventRow {
  id: string;
  device: string;
  deviceUid: string;
  program: string;
  quantity: string;
  /** Null: a change of all elements together. */
  element: string | null;
  value_ratio: number;
  stderr_ratio: number;
  z: number;
  lastGood_ms: number;
  alarm_ms: number;
  /** When a calibration took it into account; null: it stands. */
  endedAt_ms: number | null;
  /** That calibration. */
  calibration: string | null;
}

/** What is known of a job later than its certificate; signed. */
export interface CertificateAddendumRow {
  jobId: string;
  /** The drift event it is about. */
  event: string;
  signingKey: string;
  document: string;
  createdAt_ms: number;
}

export interface DriftQuery {
  device: string;
  quantity?: string;
  /** By `to_ms`, both included. */
  from_ms?: number;
  to_ms?: number;
  /** The newest ones; 500 unless told, 5,000 at most. */
  limit?: number;
}

export interface DriftRepository {
  addPoints(points: readonly Omit<DriftPointRow, 'id'>[]): Promise<DriftPointRow[]>;
  /** Oldest first. */
  points(query: DriftQuery): Promise<DriftPointRow[]>;
  /** The newest point of each quantity. */
  latest(device: string): Promise<DriftPointRow[]>;
  addEvent(event: Omit<DriftEventRow, 'id' | 'endedAt_ms' | 'calibration'>): Promise<DriftEventRow>;
  findEvent(id: string): Promise<DriftEventRow | null>;
  events(filter: Page & { device?: string; open?: boolean }): Promise<DriftEventRow[]>;
  /** Ends all that stand on a chip, of these quantities unless left out; returns them. */
  endEvents(
    deviceUid: string,
    end: { at_ms: number; calibration: string | null; quantities?: readonly string[] },
  ): Promise<DriftEventRow[]>;
  /** The same event again leaves what is there. */
  addAddendum(row: Omit<CertificateAddendumRow, 'createdAt_ms'>): Promise<CertificateAddendumRow>;
  /** Of a job, oldest first. */
  addenda(jobId: string): Promise<CertificateAddendumRow[]>;
  /** Removes up to `limit` points that ended before; events stay. Returns how many. */
  prune(before_ms: number, limit: number): Promise<number>;
}
