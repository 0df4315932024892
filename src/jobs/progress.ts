// How far running work is: phase, count, rate and time to go, from the counts a device reports. Pure but for the time
// it is given.
import type { JobPhase } from '../store/index.ts';
import type { JobProgress } from './request.ts';

/** Reports closer together than this are folded, unless the phase changes. */
const REPORT_EVERY_MS = 100;

/** Follows one piece of work. */
export class ProgressTracker {
  #phaseStart_ms = 0;
  #firstDone = 0;
  #reported_ms = -Infinity;
  #progress: JobProgress | null = null;

  get progress(): JobProgress | null {
    return this.#progress;
  }

  /** The work has ended. */
  clear(): void {
    this.#progress = null;
  }

  /** Takes a count; true when readers should hear of it. */
  update(now_ms: number, phase: JobPhase, done: number, total: number, unit: JobProgress['unit']): boolean {
    const entered = this.#progress?.phase !== phase;
    if (entered) {
      this.#phaseStart_ms = now_ms;
      this.#firstDone = done;
    }
    const elapsed_s = (now_ms - this.#phaseStart_ms) / 1000;
    const rate_per_s = elapsed_s > 0 && done > this.#firstDone ? (done - this.#firstDone) / elapsed_s : null;
    const eta_s = rate_per_s === null ? null : Math.max(0, total - done) / rate_per_s;
    this.#progress = { phase, done, total, unit, rate_per_s, eta_s };
    if (!entered && done < total && now_ms - this.#reported_ms < REPORT_EVERY_MS) return false;
    this.#reported_ms = now_ms;
    return true;
  }
}
