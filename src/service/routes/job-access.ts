// Which jobs a key may see and change, and up to which priority; routes about one job begin here.
import type { FastifyReply } from 'fastify';
import { JobPriority, type JobPriorityName, type JobView } from '../../jobs/index.ts';
import { FINAL_JOB_STATES, ulidTime_ms } from '../../store/index.ts';
import type { Identity } from '../context.ts';
import { nameDevice } from '../plugins/device-headers.ts';
import { ProblemError } from '../problems/problem.ts';
import { jobBackend } from '../schemas/jobs.ts';
import { maySee, type RouteContext } from './common.ts';

/** Clocks of clients are off by that much. */
const ID_AHEAD_MAX_MS = 60_000;
/** A client that could not reach the service keeps its jobs for a while. */
const ID_BEHIND_MAX_MS = 86_400_000;

/** @throws {ProblemError} unknown-job, also for the jobs of others */
export async function visibleJob(context: RouteContext, identity: Identity, id: string): Promise<JobView> {
  const row = await context.store.jobs.find(id);
  if (row === null || !maySee(identity, row, 'job:read:all'))
    throw new ProblemError('unknown-job', `There is no job ${id}.`);
  return context.runner.withProgress(row);
}

/**
 * A job that the key may cancel or edit: its own, or any with job:cancel:all.
 * @throws {ProblemError} unknown-job; forbidden when it can be seen but not changed
 */
export async function changeableJob(context: RouteContext, identity: Identity, id: string): Promise<JobView> {
  const row = await context.store.jobs.find(id);
  const mayChange = row !== null && maySee(identity, row, 'job:cancel:all');
  if (row === null || !(mayChange || maySee(identity, row, 'job:read:all')))
    throw new ProblemError('unknown-job', `There is no job ${id}.`);
  if (!mayChange)
    throw new ProblemError('forbidden', 'The job belongs to another key.', {
      requiredScope: 'job:cancel:all',
    });
  return context.runner.withProgress(row);
}

/** A job that has ended, named in the reply with its device, and what its problems name. Throws 'job-not-finished'. */
export async function finishedJob(
  context: RouteContext,
  identity: Identity,
  id: string,
  reply: FastifyReply,
): Promise<{ job: JobView; about: { device: string; backend: string | null; job: string } }> {
  const job = await visibleJob(context, identity, id);
  const backend = jobBackend(job, context.devices);
  nameDevice(reply, job.device, backend);
  const about = { device: job.device, backend, job: job.id };
  if (!FINAL_JOB_STATES.includes(job.state))
    throw new ProblemError('job-not-finished', `The job is ${job.state}.`, { ...about, retryAfter_s: 1 });
  return { job, about };
}

/** The problem of whoever wants to change a job that has ended. */
export function alreadyFinished(context: RouteContext, job: JobView): ProblemError {
  return new ProblemError('already-finished', `The job has ended as ${job.state}.`, {
    job: job.id,
    device: job.device,
    backend: jobBackend(job, context.devices),
  });
}

/**
 * The id that a client gives a job. Its time has to be about now, because lists go by it.
 * @throws {ProblemError} validation-failed
 */
export function clientId({ clock }: Pick<RouteContext, 'clock'>, id: string): void {
  const ahead_ms = ulidTime_ms(id) - clock.wall_ms();
  if (ahead_ms <= ID_AHEAD_MAX_MS && ahead_ms >= -ID_BEHIND_MAX_MS) return;
  throw new ProblemError(
    'validation-failed',
    `The time of the id ${id} is ${Math.round(ahead_ms / 1000)} s from now.`,
    {
      errors: [{ pointer: '/id', detail: 'a time far from now', allowed: 'a ULID made within the last day' }],
    },
  );
}

/** What was asked for; else normal, or the highest that the key may use when that is less. */
export function priorityFor(
  { limits: { maxPriority } }: Identity,
  asked: JobPriorityName | undefined,
): JobPriorityName {
  if (asked !== undefined) return asked;
  return isPriority(maxPriority) && JobPriority[maxPriority] < JobPriority.normal ? maxPriority : 'normal';
}

const isPriority = (name: string | null): name is JobPriorityName =>
  name !== null && Object.hasOwn(JobPriority, name);

/**
 * A job that is calibrated for first takes more of the device than its own samples.
 * @throws {ProblemError} forbidden: the key may not run calibrations
 */
export function mayRecalibrate({ scopes }: Identity, onUnmet: string | undefined): void {
  if (onUnmet !== 'recalibrate' || scopes.has('calibration:run')) return;
  throw new ProblemError('forbidden', 'The key may not run calibrations, so no job of it can ask for one.', {
    requiredScope: 'calibration:run',
    remedy: 'Submit with "onUnmet": "wait", or use a key with the scope calibration:run.',
  });
}

/** @throws {ProblemError} forbidden: above the highest priority in the limits of the key */
export function mayUsePriority({ limits }: Identity, priority: JobPriorityName): void {
  const { maxPriority } = limits;
  if (maxPriority === null || JobPriority[priority] <= (JobPriority[maxPriority as JobPriorityName] ?? 0))
    return;
  throw new ProblemError(
    'forbidden',
    `The key is limited to jobs of priority ${maxPriority}, not ${priority}.`,
    {
      errors: [{ pointer: '/priority', detail: `is ${priority}`, allowed: `${maxPriority} or less` }],
      remedy: `Use priority ${maxPriority} or less, or ask an administrator to raise maxPriority of the key.`,
    },
  );
}
