// Reading jobs and calibrations, and waiting for them to change or to end.
import { FINAL_JOB_STATES, type Store } from '../store/index.ts';
import type { Announcer } from './announcer.ts';
import { JobError } from './errors.ts';
import type { EventHub } from './hub.ts';
import type { CalibrationView, JobView } from './runner-port.ts';

/** It has reached a state that it never leaves. */
export const isFinal = ({ state }: { state: string }): boolean =>
  (FINAL_JOB_STATES as readonly string[]).includes(state);

export class Waiting {
  readonly #store: Pick<Store, 'jobs' | 'calibrations'>;
  readonly #hub: EventHub;
  readonly #announcer: Announcer;

  constructor(store: Pick<Store, 'jobs' | 'calibrations'>, hub: EventHub, announcer: Announcer) {
    this.#store = store;
    this.#hub = hub;
    this.#announcer = announcer;
  }

  /** @throws JobError unknown-job */
  async view(id: string): Promise<JobView> {
    const row = await this.#store.jobs.find(id);
    if (row === null) throw new JobError('unknown-job', `there is no job ${id}`);
    return this.#announcer.withProgress(row);
  }

  /** @throws JobError unknown-calibration */
  async viewCalibration(id: string): Promise<CalibrationView> {
    const row = await this.#store.calibrations.find(id);
    if (row === null) throw new JobError('unknown-calibration', `there is no calibration ${id}`);
    return this.#announcer.withProgress(row);
  }

  waitFor(id: string, revision: number, timeout_ms: number, signal?: AbortSignal): Promise<JobView> {
    const enough = (job: JobView): boolean => job.revision > revision || isFinal(job);
    return this.#hub.waitUntil(id, () => this.view(id), enough, timeout_ms, signal);
  }

  waitForEnd(id: string, timeout_ms: number, signal?: AbortSignal): Promise<JobView> {
    return this.#hub.waitUntil(id, () => this.view(id), isFinal, timeout_ms, signal);
  }

  waitForCalibration(
    id: string,
    revision: number,
    timeout_ms: number,
    signal?: AbortSignal,
  ): Promise<CalibrationView> {
    const enough = (row: CalibrationView): boolean => row.revision > revision || isFinal(row);
    return this.#hub.waitUntil(id, () => this.viewCalibration(id), enough, timeout_ms, signal);
  }
}
