// Attempts at a job: what closes one, and whether another is made. Pure.
import {
  JobCause,
  type JobAttempt,
  type JobLogLine,
  type JobRow,
  type JobState,
  type JsonObject,
} from '../store/index.ts';
import type { Failure } from './failure.ts';

/** Attempts that failed, after which a job is not put back again. Lost hosts and restarts do not count. */
export const FAILED_ATTEMPTS_MAX = 3;

/** The attempt was lost on the way, and says nothing about the job. */
const LOST: ReadonlySet<JobCause> = new Set([
  JobCause.linkLost,
  JobCause.serviceRestart,
  JobCause.hostLost,
  JobCause.safeStop,
]);
/** The ones that the job has no part in. */
const NOT_COUNTED: ReadonlySet<JobCause> = new Set([
  JobCause.serviceRestart,
  JobCause.hostLost,
  JobCause.safeStop,
  JobCause.requirementUnmet,
]);

/** Who makes an attempt; on one host without a lease both are null. */
export interface Attempter {
  host: string | null;
  fence: number | null;
}

export function begin(attempts: readonly JobAttempt[], startedAt_ms: number, by: Attempter): JobAttempt[] {
  return [...attempts, { startedAt_ms, finishedAt_ms: null, state: 'running', cause: null, ...by }];
}

/** The last attempt ends; `queued` and `held`: the job was put back. */
export function close(
  attempts: readonly JobAttempt[],
  finishedAt_ms: number,
  state: JobState,
  cause: JobCause | null,
): JobAttempt[] {
  return attempts.map((attempt, k) =>
    k === attempts.length - 1 ? { ...attempt, finishedAt_ms, state, cause } : attempt,
  );
}

/** Whether a job whose attempt ended this way goes back into the queue. */
export function runsAgain(
  job: Pick<JobRow, 'retry' | 'attempts' | 'cancelRequestedAt_ms'>,
  { cause }: Failure,
  failedMax: number,
): boolean {
  if (job.retry === 'never' || job.cancelRequestedAt_ms !== null || !LOST.has(cause)) return false;
  if (NOT_COUNTED.has(cause)) return true;
  const before = job.attempts.filter((a) => a.cause !== null && !NOT_COUNTED.has(a.cause)).length;
  return before + 1 < failedMax;
}

/** What happens in one attempt, for GET /v1/jobs/{id}/log. */
export class AttemptLog {
  readonly #wall_ms: () => number;
  readonly #lines: JobLogLine[] = [];

  constructor(wall_ms: () => number) {
    this.#wall_ms = wall_ms;
  }

  get lines(): readonly JobLogLine[] {
    return this.#lines;
  }

  add(message: string, fields: JsonObject = {}): void {
    if (this.#lines.length < LINES_MAX) this.#lines.push({ at_ms: this.#wall_ms(), message, fields });
  }
}

/** A job in many batches does not fill the disk with its log. */
const LINES_MAX = 200;
