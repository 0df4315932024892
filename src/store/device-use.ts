// What people do with devices, as rows and questions: who has one to himself, which calibration counts, what was
// frozen of its line. Beside rows.ts and repositories.ts, by the same rules.
import type { CalibrationRow, Digest } from './rows.ts';
import type { Page } from './page.ts';

/** The exclusive use of a device by one key, for a time. Not the lease of a host (DeviceLeaseRow). */
export interface UseLeaseRow {
  id: string;
  device: string;
  keyId: string;
  /** For people; null: not said. */
  purpose: string | null;
  createdAt_ms: number;
  /** By the clock that all hosts share. */
  expiresAt_ms: number;
  endedAt_ms: number | null;
  endedBy: UseLeaseEnd | null;
  /** Grows with every renewal, and when it ends. */
  revision: number;
}
export type UseLeaseEnd = 'released' | 'expired';

/** Which calibration of a kind counts on a chip. By uid: a chip takes it along to another line. */
export interface ActiveCalibrationRow {
  deviceUid: string;
  kind: string;
  calibration: string;
  /** A new calibration does not take its place. */
  pinned: boolean;
  /** Grows with every move. */
  revision: number;
  movedAt_ms: number;
}

/** One move of that pointer; append-only. */
export interface CalibrationMoveRow {
  id: string;
  deviceUid: string;
  kind: string;
  calibration: string;
  previous: string | null;
  pinned: boolean;
  /** `measured`: a new one took over by itself; `asked`: somebody moved it. */
  why: 'measured' | 'asked';
  keyId: string | null;
  at_ms: number;
}

/** What was frozen of the line to a device: an MCAP file as a blob. */
export interface CaptureRow {
  id: string;
  device: string;
  backend: string | null;
  why: CaptureWhy;
  /** Whose failure it was frozen for. */
  jobId: string | null;
  blob: Digest;
  bytes: number;
  /** Of the line's bytes, those that had been forgotten before; 0: it begins with the connection and can be replayed. */
  droppedBytes: number;
  /** When the connection was opened. */
  openedAt_ms: number;
  keyId: string | null;
  createdAt_ms: number;
}
export type CaptureWhy = 'asked' | 'job-failed';

export interface UseLeaseRepository {
  /** Null while another lease of the device lasts; call expire() before. */
  take(
    lease: Pick<UseLeaseRow, 'device' | 'keyId' | 'purpose'> & { ttl_ms: number },
  ): Promise<UseLeaseRow | null>;
  find(id: string): Promise<UseLeaseRow | null>;
  /** Those that have not ended and are not over; of all devices unless one is named. */
  active(device?: string): Promise<UseLeaseRow[]>;
  list(filter?: Page & { device?: string }): Promise<UseLeaseRow[]>;
  /** From now. Null when it has ended, or is over. */
  renew(id: string, ttl_ms: number): Promise<UseLeaseRow | null>;
  /** Null when it had ended before. */
  release(id: string): Promise<UseLeaseRow | null>;
  /** Ends those that are over, and returns them: each of them once, whoever asks. */
  expire(): Promise<UseLeaseRow[]>;
}

export interface ActiveCalibrationRepository {
  find(deviceUid: string, kind: string): Promise<ActiveCalibrationRow | null>;
  list(deviceUid: string): Promise<ActiveCalibrationRow[]>;
  /** The calibration that counts: the one pointed at, or the latest good one where nobody ever moved the pointer. */
  current(deviceUid: string, kind: string): Promise<CalibrationRow | null>;
  /**
   * Moves the pointer, and writes it into the history. `revision` is the one that was read, 0 where there was none:
   * `conflict` when it is another by now.
   */
  move(
    to: Pick<ActiveCalibrationRow, 'deviceUid' | 'kind' | 'calibration' | 'pinned'> &
      Pick<CalibrationMoveRow, 'why' | 'keyId'>,
    revision: number,
  ): Promise<ActiveCalibrationRow>;
  /** A good new calibration takes over unless the present one is pinned; null when it does not. */
  offer(calibration: CalibrationRow): Promise<ActiveCalibrationRow | null>;
  /** Newest first. */
  history(deviceUid: string, page?: Page & { kind?: string }): Promise<CalibrationMoveRow[]>;
}

export interface CaptureFilter extends Page {
  device?: string;
  jobId?: string;
}

export interface CaptureRepository {
  add(row: Omit<CaptureRow, 'id' | 'createdAt_ms'> & Partial<Pick<CaptureRow, 'id'>>): Promise<CaptureRow>;
  find(id: string): Promise<CaptureRow | null>;
  list(filter?: CaptureFilter): Promise<CaptureRow[]>;
  /** The row; its blob stays until a clean-up finds that nobody names it. Null when there was none. */
  remove(id: string): Promise<CaptureRow | null>;
}
