// Jobs that waited for too long: past their deadline, or held for the longest time that a job is held. They expire also
// while nothing else happens. Every host may do it: the change is conditional, and one of them makes it.
import type { Clock, Timer } from '../../clock/clock.ts';
import { isStoreError, type JobRow, type Store } from '../../store/index.ts';

/** A job without a deadline that nobody released for so long is not waited for any more. */
export const LONGEST_HOLD_MS = 7 * 86_400_000;
const AT_ONCE = 200;
/** Others hold jobs and submit them too: looked for without being told. */
const LOOK_AT_LEAST_EVERY_MS = 30_000;
/** After the store failed. */
const AGAIN_MS = 2_000;
/** Between looks when jobs become due all the time. */
const PAUSE_MS = 50;

export interface ExpiryParts {
  store: Pick<Store, 'jobs'>;
  clock: Clock;
  onExpired: (job: JobRow) => void;
  onError: (error: unknown) => void;
}

export class Expiry {
  readonly #parts: ExpiryParts;
  #timer: Timer | null = null;
  #due_ms = Infinity;
  #looking: Promise<void> | null = null;
  #closed = false;

  constructor(parts: ExpiryParts) {
    this.#parts = parts;
  }

  /** Looks now, and from now on whenever a job is due. */
  start(): void {
    this.#lookAt(this.#parts.clock.wall_ms());
  }

  /** A job waits that may be due before all others. */
  noticed({ expiresAt_ms }: Pick<JobRow, 'expiresAt_ms'>): void {
    if (this.#timer !== null && expiresAt_ms !== null && expiresAt_ms < this.#due_ms)
      this.#lookAt(expiresAt_ms);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    await this.#looking;
  }

  #lookAt(at_ms: number): void {
    if (this.#closed) return;
    const { clock, onError } = this.#parts;
    this.#timer?.cancel();
    this.#due_ms = at_ms;
    this.#timer = clock.after(Math.max(0, at_ms - clock.wall_ms()) + 1, () => {
      // A look that lasts sets the next timer itself when it ends.
      this.#looking ??= this.#look()
        .catch((error: unknown) => {
          onError(error);
          return clock.wall_ms() + AGAIN_MS;
        })
        .then((next_ms) => {
          this.#looking = null;
          this.#lookAt(next_ms);
        });
    });
  }

  /** When to look again. */
  async #look(): Promise<number> {
    const { store, clock } = this.#parts;
    for (;;) {
      const rows = await store.jobs.expired(clock.wall_ms(), AT_ONCE);
      for (const row of rows) await this.#expire(row);
      if (rows.length < AT_ONCE || this.#closed) break;
    }
    const next_ms = (await store.jobs.nextExpiry_ms()) ?? Infinity;
    const now_ms = clock.wall_ms();
    return Math.min(Math.max(next_ms, now_ms + PAUSE_MS), now_ms + LOOK_AT_LEAST_EVERY_MS);
  }

  async #expire(job: JobRow): Promise<void> {
    const { store, clock, onExpired } = this.#parts;
    const finishedAt_ms = clock.wall_ms();
    const failure = {
      code: 'expired',
      message: `${isLate(job, finishedAt_ms) ? 'its deadline passed' : 'it was held for too long'} before it could run${why(job)}`,
      retryable: true,
      remedy: 'Submit it again with a later deadline, or without one.',
      outcome: 'not_applied' as const,
    };
    try {
      onExpired(await store.jobs.transition(job.id, job.state, 'expired', { finishedAt_ms, failure }));
    } catch (error) {
      // Cancelled, taken or expired by somebody else meanwhile.
      if (!isStoreError(error, 'conflict')) throw error;
    }
  }
}

/** It is not started any more. */
export function isExpired({ expiresAt_ms }: Pick<JobRow, 'expiresAt_ms'>, now_ms: number): boolean {
  return expiresAt_ms !== null && expiresAt_ms <= now_ms;
}

function isLate({ deadline_ms }: JobRow, now_ms: number): boolean {
  return deadline_ms !== null && deadline_ms <= now_ms;
}

const why = ({ hold }: JobRow): string => (hold === null ? '' : ` (${hold.detail})`);
