// The progress of several runs of a device as that of one: phases do not go back, samples count from the first batch.
import type { DeviceProgress } from '../../device/index.ts';

type Report = (progress: DeviceProgress) => void;

/** Reports of one batch after another; `total` is how many samples the job is expected to take. */
export class BatchProgress {
  readonly #report: Report;
  #phase: DeviceProgress['phase'] | null = null;

  constructor(report: Report) {
    this.#report = report;
  }

  /** @param offset samples of the batches before */
  ofBatch(offset: number, expected: number): Report {
    return ({ phase, done, total }) => {
      if (phase !== 'relaxing' && phase !== 'reading') {
        // The program is there already: a phase of a few milliseconds, which would start rate and time to go afresh.
        if (offset === 0) this.#report({ phase, done, total });
        return;
      }
      if (this.#phase !== 'reading') this.#phase = phase;
      this.#report({ phase: this.#phase, done: offset + done, total: Math.max(expected, offset + total) });
    };
  }
}
