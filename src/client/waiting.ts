// Waiting for a job or a calibration by long polls, with its progress on the way.
import { ClientError } from './errors.ts';
import { pause } from './sending.ts';

export interface Progress {
  phase: string;
  done: number;
  total: number;
  unit: string;
  rate_per_s: number | null;
  eta_s: number | null;
}

/** What has a state that ends. */
export interface Ending {
  state: string;
  phase?: string | null;
  cause?: string | null;
  progress?: Progress | null;
  /** Why it cannot run now. */
  hold?: { reason: string; detail: string } | null;
  failure?: { message: string; remedy: string | null } | null;
}

export interface WaitOptions<R extends Ending = Ending> {
  /** Called with every answer, about once a second. */
  onState?: (state: R) => void;
  /** Called with every progress; `state` is what it belongs to. */
  onProgress?: (progress: Progress, state: R) => void;
  /** Gives up after so long; what is waited for goes on. Default: never. */
  timeout_s?: number;
  signal?: AbortSignal;
}

/** A poll that nobody watches; below the limit of the service. */
const QUIET_POLL_S = 30;
/** How often somebody who watches learns of progress. */
const WATCHED_POLL_S = 1;
/** A service that restarts is back within this time. */
const PATIENCE_S = 60;
const PATIENCE_PAUSE_S = 1;

const ended = new Set(['succeeded', 'failed', 'cancelled', 'expired']);

/**
 * @param read a long poll of so many seconds; null: nothing new since the tag
 * @throws {ClientError} `wait-timeout`; anything that is not retryable, or retryable for longer than a restart takes
 */
export async function untilEnded<R extends Ending>(
  read: (wait_s: number, etag: string | null) => Promise<{ state: R; etag: string | null } | null>,
  { onState, onProgress, timeout_s = Infinity, signal }: WaitOptions<R>,
): Promise<R> {
  const watched = onState !== undefined || onProgress !== undefined;
  const start_ms = performance.now();
  let heard_ms = start_ms;
  let etag: string | null = null;
  for (;;) {
    const left_s = timeout_s - (performance.now() - start_ms) / 1000;
    if (left_s <= 0) throw late(timeout_s);
    const wait_s = Math.ceil(Math.min(watched ? WATCHED_POLL_S : QUIET_POLL_S, left_s));
    try {
      // Progress changes without a new tag, so whoever watches asks without one.
      const answer = await read(wait_s, watched ? null : etag);
      heard_ms = performance.now();
      if (answer === null) continue;
      etag = answer.etag;
      onState?.(answer.state);
      if (answer.state.progress) onProgress?.(answer.state.progress, answer.state);
      if (ended.has(answer.state.state)) return answer.state;
    } catch (error) {
      const patient = performance.now() - heard_ms < PATIENCE_S * 1000;
      if (!(error instanceof ClientError) || !error.retryable || !patient) throw error;
      await pause(PATIENCE_PAUSE_S, signal);
    }
  }
}

function late(timeout_s: number): ClientError {
  return new ClientError(
    {
      code: 'wait-timeout',
      retryable: true,
      remedy: 'Wait again, with more time: it goes on in the service.',
    },
    `it has not ended within ${timeout_s} s`,
  );
}
