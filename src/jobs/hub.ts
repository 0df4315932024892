// Who listens to the runner, and who waits for a row to change.
import type { Clock } from '../clock/clock.ts';
import type { JobEvent } from './runner-port.ts';

export class EventHub {
  readonly #callbacks = new Set<(event: JobEvent) => void>();
  readonly #clock: Clock;
  readonly #onThrow: (error: unknown) => void;

  constructor(clock: Clock, onThrow: (error: unknown) => void) {
    this.#clock = clock;
    this.#onThrow = onThrow;
  }

  subscribe(callback: (event: JobEvent) => void): () => void {
    this.#callbacks.add(callback);
    return () => this.#callbacks.delete(callback);
  }

  /** A listener that throws must not end the job it listens to. */
  emit(event: JobEvent): void {
    for (const callback of [...this.#callbacks]) {
      try {
        callback(event);
      } catch (error) {
        this.#onThrow(error);
      }
    }
  }

  /** Reads until `enough`, again after each change of the row `id`; the last reading when the time is over. */
  async waitUntil<T>(
    id: string,
    read: () => Promise<T>,
    enough: (row: T) => boolean,
    timeout_ms: number,
    signal?: AbortSignal,
  ): Promise<T> {
    let changed = Promise.withResolvers<'changed' | 'over'>();
    let over = timeout_ms <= 0 || signal?.aborted === true;
    const end = (): void => {
      over = true;
      changed.resolve('over');
    };
    const timer = this.#clock.after(timeout_ms, end);
    signal?.addEventListener('abort', end, { once: true });
    const unsubscribe = this.subscribe((event) => {
      if (changedRow(event) === id) changed.resolve('changed');
    });
    try {
      for (;;) {
        const row = await read();
        if (over || enough(row)) return row;
        if ((await changed.promise) === 'changed') changed = Promise.withResolvers();
      }
    } finally {
      timer.cancel();
      signal?.removeEventListener('abort', end);
      unsubscribe();
    }
  }
}

function changedRow(event: JobEvent): string | null {
  if (event.type === 'job.state') return event.job.id;
  return event.type === 'calibration.state' ? event.calibration.id : null;
}
