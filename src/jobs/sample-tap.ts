// Samples of running jobs for whoever watches them: nobody watching costs one question per arrival, and nothing is decoded.
import type { OperationOptions } from '../device/index.ts';

/** One attempt at a job, whose samples arrive. */
export interface SampleSource {
  job: string;
  /** Counted from 1. */
  attempt: number;
  /** Owner of the job. */
  keyId: string | null;
  device: string;
  /** Samples ordered, reads, units. */
  shape: [number, number, number];
  /** x per readout code. */
  stateScale: number;
}

/** Must not throw; `wants` is asked at every arrival, so it must be cheap. */
export interface SampleWatcher {
  wants(source: SampleSource): boolean;
  /** Codes [samples][reads][units] from sample `firstSample` of the job; provisional until the job has succeeded. */
  onSamples(source: SampleSource, codes: Int16Array, firstSample: number): void;
}

export class SampleTap {
  readonly #watchers = new Set<SampleWatcher>();
  readonly #onThrow: (error: unknown) => void;

  constructor(onThrow: (error: unknown) => void) {
    this.#onThrow = onThrow;
  }

  watch(watcher: SampleWatcher): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /** For one run of a device; `offset`: samples of the job that earlier runs of the same attempt gave. */
  options(source: SampleSource, offset = 0): Pick<OperationOptions, 'onSamples' | 'wantsSamples'> {
    return {
      wantsSamples: () => this.#watching(source).length > 0,
      onSamples: (codes, firstSample) => {
        for (const watcher of this.#watching(source))
          this.#safely(() => watcher.onSamples(source, codes, offset + firstSample));
      },
    };
  }

  #watching(source: SampleSource): SampleWatcher[] {
    if (this.#watchers.size === 0) return [];
    return [...this.#watchers].filter((watcher) => this.#safely(() => watcher.wants(source)) === true);
  }

  /** A watcher that throws must not end the run it watches. */
  #safely<T>(call: () => T): T | undefined {
    try {
      return call();
    } catch (error) {
      this.#onThrow(error);
      return undefined;
    }
  }
}
