// Captures of the service: freezes the flight recorder of a device and keeps what it remembered, so that a failure in the
// field can be looked at and played again.
import type { CaptureRow, CaptureWhy, JobRow, Repositories, Store } from '../../store/index.ts';
import { ProblemError } from '../problems/problem.ts';

/** Of failed jobs, per device: a bad cable must not fill the disk. */
export const KEPT_OF_FAILED_JOBS = 16;

/** The last minute of a line, in memory. */
export interface LineRecorder {
  /** What it remembers of the connection that was opened last; null before the first. */
  readonly freeze: () => FrozenLine | null;
}

export interface FrozenLine {
  /** When the connection was opened, and how much of it is forgotten. */
  facts: { opened_wall_ms: number; dropped_bytes: number };
  /** An MCAP file. */
  readonly encode: () => Promise<Uint8Array>;
}

export interface CapturesOptions {
  store: Store;
  /** By device; a device that another host drives has none that knows anything. */
  recorders: ReadonlyMap<string, LineRecorder>;
  /** Whether a failed job freezes one. */
  ofFailedJobs: boolean;
  onLog?: (level: 'info' | 'warn' | 'error', message: string, fields: object) => void;
}

export interface CaptureRequest {
  device: string;
  backend: string | null;
  keyId: string | null;
  /** In the commit of the row. */
  alongside?(tx: Repositories, row: CaptureRow): Promise<void>;
}

export class Captures {
  readonly #options: CapturesOptions;

  constructor(options: CapturesOptions) {
    this.#options = options;
  }

  /** @throws {ProblemError} nothing-recorded; StoreError storage-full */
  freeze(request: CaptureRequest): Promise<CaptureRow> {
    const { recorders } = this.#options;
    const frozen = recorders.get(request.device)?.freeze() ?? null;
    if (frozen !== null) return this.#keep(frozen, { ...request, why: 'asked', jobId: null });
    throw new ProblemError('nothing-recorded', `Nothing of the line to ${request.device} is kept here.`, {
      device: request.device,
      backend: request.backend,
    });
  }

  /** Never rejects: a job that failed has ended, whatever becomes of the capture. Null: none was made. */
  async ofFailedJob(job: JobRow, backend: string | null): Promise<string | null> {
    const { recorders, ofFailedJobs, onLog } = this.#options;
    const frozen = ofFailedJobs ? (recorders.get(job.device)?.freeze() ?? null) : null;
    if (frozen === null) return null;
    const { device, id: jobId, keyId } = job;
    try {
      const row = await this.#keep(frozen, { device, backend, keyId, why: 'job-failed', jobId });
      await this.#forgetOldest(device);
      return row.id;
    } catch (error) {
      onLog?.('warn', 'what passed before a job failed could not be kept', { job: jobId, device, error });
      return null;
    }
  }

  async #keep(
    frozen: FrozenLine,
    of: CaptureRequest & { why: CaptureWhy; jobId: string | null },
  ): Promise<CaptureRow> {
    const { store } = this.#options;
    const bytes = await frozen.encode();
    const blob = await store.blobs.put(bytes);
    const { device, backend, keyId, why, jobId } = of;
    return store.transaction(async (tx) => {
      const row = await tx.captures.add({
        device,
        backend,
        why,
        jobId,
        blob,
        bytes: bytes.byteLength,
        droppedBytes: frozen.facts.dropped_bytes,
        openedAt_ms: Math.round(frozen.facts.opened_wall_ms),
        keyId,
      });
      await of.alongside?.(tx, row);
      return row;
    });
  }

  async #forgetOldest(device: string): Promise<void> {
    const { store } = this.#options;
    const rows = await store.captures.list({ device, limit: 500 });
    for (const { id } of rows.filter(({ why }) => why === 'job-failed').slice(KEPT_OF_FAILED_JOBS))
      await store.captures.remove(id);
  }
}
