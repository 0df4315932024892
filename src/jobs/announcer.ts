// Tells who listens what happens to jobs and calibrations, with the progress of those that run.
import type { Clock } from '../clock/clock.ts';
import type { CalibrationRow, JobPhase, JobRow } from '../store/index.ts';
import type { EventHub } from './hub.ts';
import type { Running } from './lane.ts';
import type { JobProgress } from './request.ts';

export class Announcer {
  readonly #hub: EventHub;
  readonly #clock: Clock;
  readonly #running: (id: string) => Running | null;

  /** @param running the work of this process with this id */
  constructor(hub: EventHub, clock: Clock, running: (id: string) => Running | null) {
    this.#hub = hub;
    this.#clock = clock;
    this.#running = running;
  }

  withProgress<R extends { id: string }>(row: R): R & { progress: JobProgress | null } {
    const progress = this.#running(row.id)?.tracker.progress ?? null;
    // The phase is stored when a job ends; until then it is where the progress is.
    return { ...row, ...(progress !== null && 'phase' in row && { phase: progress.phase }), progress };
  }

  /** @param elsewhere another host wrote it, and counts it */
  jobChanged(row: JobRow, elsewhere = false): void {
    this.#hub.emit({ type: 'job.state', job: this.withProgress(row), elsewhere });
  }

  calibrationChanged(row: CalibrationRow, elsewhere = false): void {
    this.#hub.emit({ type: 'calibration.state', calibration: this.withProgress(row), elsewhere });
  }

  /** Reports closer together than the tracker likes are folded. */
  progress(running: Running, device: string, phase: JobPhase, done: number, total: number): void {
    const bytes = phase === 'programming' || phase === 'verifying';
    const unit = running.kind === 'calibration' ? 'steps' : bytes ? 'bytes' : 'samples';
    if (!running.tracker.update(this.#clock.now_ms(), phase, done, total, unit)) return;
    const { progress } = running.tracker;
    if (progress === null) return;
    this.#hub.emit({ type: `${running.kind}.progress`, id: running.id, device, progress });
  }
}
