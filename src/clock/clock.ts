// The one injectable clock: everything that waits or measures takes it as an argument, so that a test, or a day of
// drift, can run on virtual time. Only this file and the edges of the process touch the real timers.

export interface Timer {
  cancel(): void;
}

/** Whose time a clock tells: the machine's, or one that runs at a chosen multiple of it ('max': as fast as work allows). */
export type ClockFacts = { kind: 'system' } | { kind: 'virtual'; speed: number | 'max' };

export interface Clock {
  /** Monotonic time in milliseconds; only differences mean anything. */
  now_ms(): number;
  /** Wall time in milliseconds since the Unix epoch, for timestamps that people read. */
  wall_ms(): number;
  /** Calls back once, never before `delay_ms` has passed. */
  after(delay_ms: number, callback: () => void): Timer;
  /**
   * On a clock that can be stopped: it stands still until the result is called, because real work is being done that its
   * world must not overtake. Absent on a clock that nothing stops.
   */
  hold?(): () => void;
  /** Absent: the system's. */
  facts?(): ClockFacts;
}

/** Real time. Its timers do not keep a process alive that has nothing else to do. */
export const systemClock: Clock = {
  now_ms: () => performance.now(),
  wall_ms: () => Date.now(),
  after(delay_ms, callback) {
    // Of a time that has just passed; Node warns of what is below 0.
    const handle = setTimeout(callback, Math.max(0, delay_ms));
    handle.unref();
    return { cancel: () => clearTimeout(handle) };
  },
};

export function clockFacts(clock: Clock): ClockFacts {
  return clock.facts?.() ?? { kind: 'system' };
}

/** Stops a clock that can be stopped; the result lets it go, and may be called more than once. */
export function hold(clock: Pick<Clock, 'hold'>): () => void {
  return clock.hold?.() ?? ((): void => undefined);
}

/** Resolves after `delay_ms`, or rejects with the signal's reason. */
export function sleep(clock: Clock, delay_ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (): Error => (signal?.reason instanceof Error ? signal.reason : new Error('aborted'));
    if (signal?.aborted) return reject(failed());
    const onAbort = (): void => {
      timer.cancel();
      reject(failed());
    };
    const timer = clock.after(delay_ms, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
