// The place for the one operation that a device runs at a time: taken, given up, or lost with the link.
import type { DeviceError } from './errors.ts';
import type { Work } from './operation.ts';
import type { OperationOptions, RelaxResult } from './types.ts';

interface Running {
  abort: AbortController;
  /** Rejects the operation at once, whatever the link still waits for. */
  readonly fail: (error: DeviceError) => void;
  settled: Promise<void>;
}

export class OperationSlot {
  readonly #onStep: (what: 'operation-started' | 'operation-ended') => void;
  #running: Running | null = null;

  constructor(onStep: (what: 'operation-started' | 'operation-ended') => void) {
    this.#onStep = onStep;
  }

  get isBusy(): boolean {
    return this.#running !== null;
  }

  /** Rejects as the work does, or with what drop() is told. */
  async run(perform: Work, options: OperationOptions): Promise<RelaxResult> {
    const abort = new AbortController();
    const signal = options.signal ? AbortSignal.any([options.signal, abort.signal]) : abort.signal;
    const { promise: lost, reject: fail } = Promise.withResolvers<never>();
    const { promise: settled, resolve: settle } = Promise.withResolvers<void>();
    const running: Running = { abort, fail, settled };
    this.#running = running;
    this.#onStep('operation-started');
    const onProgress: typeof options.onProgress = (p) => this.#running === running && options.onProgress?.(p);
    const work = perform({ ...options, onProgress, signal }).finally(settle);
    try {
      return await Promise.race([work, lost]);
    } finally {
      if (this.#running === running) {
        this.#running = null;
        this.#onStep('operation-ended');
      }
    }
  }

  /** Asks what runs to stop the chip and end; resolves when it has. Null when nothing runs. */
  abort(): Promise<void> | null {
    this.#running?.abort.abort();
    return this.#running?.settled ?? null;
  }

  /** The link is gone: the slot is free, and what ran is to be told with the function returned. */
  drop(): ((error: DeviceError) => void) | null {
    const running = this.#running;
    this.#running = null;
    return running?.fail ?? null;
  }
}
