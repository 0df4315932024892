// Lets go of what is too old, an hour after the start and then every hour; on several hosts all of them do, which does no harm.
import { sleep, type Clock } from '../../clock/clock.ts';
import { sweep, type RetentionPolicy, type Store, type Swept } from '../../store/index.ts';

const EVERY_MS = 3_600_000;

export interface HousekeepingOptions {
  store: Store;
  policy: RetentionPolicy;
  clock: Clock;
  every_ms?: number;
  onLog: (level: 'info' | 'warn', message: string, fields: object) => void;
}

/** Starts it; ends after the row at hand. */
export function keepHouse({ store, policy, clock, every_ms = EVERY_MS, onLog }: HousekeepingOptions): {
  close(): Promise<void>;
} {
  const closed = new AbortController();
  const { signal } = closed;
  const round = async (): Promise<void> => {
    await sleep(clock, every_ms, signal);
    try {
      const swept = await sweep(store, policy, clock.wall_ms(), signal);
      if (Object.values(swept satisfies Swept).some((count) => count > 0))
        onLog('info', 'let go of what is older than it is kept', swept);
    } catch (error) {
      if (!signal.aborted) onLog('warn', 'housekeeping stumbled and tries again later', { error });
    }
  };
  const done = (async () => {
    while (!signal.aborted) await round().catch(() => undefined);
  })();
  return {
    async close() {
      closed.abort(new Error('closed'));
      await done;
    },
  };
}
