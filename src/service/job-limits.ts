// What the limits of a key say against a new job of it: how many may wait, and how much energy they may use.
import { budgetSpent, utcDay_ms } from '../jobs/index.ts';
import type { Repositories } from '../store/index.ts';
import type { Identity } from './context.ts';
import { ProblemError } from './problems/problem.ts';

/** Nobody knows when a job of the key leaves the queue; soon enough to ask again. */
const ASK_AGAIN_S = 5;

/**
 * Inside the transaction of a new job, after it was added: undone when it is one too many.
 * @param more jobs that are not there, and would be
 * @throws {ProblemError} queue-full
 */
export async function checkQueuedJobs(
  tx: Pick<Repositories, 'jobs'>,
  { keyId, limits }: Identity,
  more = 0,
): Promise<void> {
  const max = limits.queuedJobsMax;
  if (max === null || (await tx.jobs.countWaiting(keyId)) + more <= max) return;
  throw new ProblemError('queue-full', `${max} jobs of the key wait already, which is its limit.`, {
    retryAfter_s: ASK_AGAIN_S,
  });
}

/**
 * Inside the transaction of a new job: what the key has used today is in the heat ledger of all its devices.
 * @throws {ProblemError} energy-budget-spent
 */
export async function checkEnergyBudget(
  { heat }: Pick<Repositories, 'heat'>,
  { keyId, limits }: Identity,
  now_ms: number,
): Promise<void> {
  if (limits.energyPerDay_J === null) return;
  const spent_J = await heat.spent_J(keyId, utcDay_ms(now_ms).begin_ms);
  const spent = budgetSpent(limits, spent_J, now_ms);
  if (spent === null) return;
  const retryAfter_s = Math.ceil((spent.until_ms - now_ms) / 1000);
  throw new ProblemError('energy-budget-spent', `${spent.detail}.`, { retryAfter_s });
}
