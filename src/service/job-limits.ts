// How many jobs of a key may wait (limits.queuedJobsMax).
import type { Repositories } from '../store/index.ts';
import type { Identity } from './context.ts';
import { ProblemError } from './problems/problem.ts';

/** Nobody knows when a job of the key leaves the queue; soon enough to ask again. */
const ASK_AGAIN_S = 5;

/**
 * Inside the transaction of a new job, after it was added: undone when it is one too many.
 * @throws {ProblemError} queue-full
 */
export async function checkQueuedJobs(tx: Repositories, { keyId, limits }: Identity): Promise<void> {
  const max = limits.queuedJobsMax;
  if (max === null || (await tx.jobs.countWaiting(keyId)) <= max) return;
  throw new ProblemError('queue-full', `${max} jobs of the key wait already, which is its limit.`, {
    retryAfter_s: ASK_AGAIN_S,
  });
}
