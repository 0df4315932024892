// Who is before a job that would be queued now, and when its turn would come, as far as anybody can say.
import type { JobHold, JobRow, Store } from '../../store/index.ts';
import { Candidates } from '../queue/candidates.ts';
import { JobPriority, type AdmittedRelaxJob, type JobProgress } from '../request.ts';
import { calibrationTakes_s, paceOf, takes_s, type Pace } from './pace.ts';

/** Jobs of late that tell the pace. */
const PACE_JOBS = 20;
/** Looked through one by one; nobody plans for what is behind more. */
export const AHEAD_MAX = 1_000;

export interface QueueForecast {
  /**
   * Queued jobs that may run before it, AHEAD_MAX at most: those of higher priority, and those of its own, with whose
   * keys its own takes turns.
   */
  jobsAhead: number;
  calibrationsAhead: number;
  /** Something has the device now. */
  running: boolean;
  /** Until its turn at the latest, s; null: nobody can say, see `reason`. */
  startsIn_s: number | null;
  /** What it takes then, from its start to its stored end, s; null: nobody can say. */
  takes_s: number | null;
  /** Jobs of late on this device that the times were taken from. */
  paceJobs: number;
  reason: string | null;
}

export interface QueueForecastParts {
  store: Pick<Store, 'jobs' | 'calibrations'>;
  now_ms: number;
  progressOf(id: string): JobProgress | null;
}

/** @param holds that would keep it from its turn */
export async function forecastQueue(
  parts: QueueForecastParts,
  job: AdmittedRelaxJob,
  holds: readonly JobHold[],
): Promise<QueueForecast> {
  const { store, now_ms } = parts;
  const device = job.device.id;
  const ended = await store.jobs.list({ device, state: 'succeeded', limit: PACE_JOBS });
  const pace = paceOf(ended);
  const jobs = await jobsAhead(store, job);
  const [present] = await store.jobs.list({ device, state: 'running', limit: 1 });
  const calibrations = await calibrationsAhead(store, job);
  const waits: (number | null)[] = [
    ...jobs.map((each) => pace && takes_s(each, pace)),
    ...calibrations.left_s,
    ...(present === undefined ? [] : [pace && left_s(present, pace, parts)]),
  ];
  const reason = whyUnknown(jobs.length, pace, waits, holds);
  const until_ms = Math.max(0, ...holds.map((hold) => hold.until_ms ?? 0));
  const wait_s = waits.reduce<number>((sum, one_s) => sum + (one_s ?? 0), 0);
  return {
    jobsAhead: jobs.length,
    calibrationsAhead: calibrations.queued,
    running: present !== undefined || calibrations.running,
    startsIn_s: reason === null ? Math.max(wait_s, (until_ms - now_ms) / 1000) : null,
    takes_s: pace && takes_s(job, pace),
    paceJobs: pace?.jobs ?? 0,
    reason: reason ?? (pace === null ? NO_PACE : null),
  };
}

const NO_PACE = 'no job has ended on this device yet that would tell how long they take';

function whyUnknown(
  jobs: number,
  pace: Pace | null,
  waits: readonly (number | null)[],
  holds: readonly JobHold[],
): string | null {
  const held = holds.find(({ until_ms }) => until_ms === null);
  if (held !== undefined) return `it would be held: ${held.detail}`;
  if (jobs >= AHEAD_MAX) return `at least ${AHEAD_MAX} jobs are before it`;
  if (!waits.includes(null)) return null;
  return pace === null ? NO_PACE : 'a calibration is before it, and none has ended on this device yet';
}

async function jobsAhead(store: Pick<Store, 'jobs'>, job: AdmittedRelaxJob): Promise<AdmittedRelaxJob[]> {
  const ahead: AdmittedRelaxJob[] = [];
  for await (const row of new Candidates(job.device.id, store.jobs).inOrder()) {
    if (row.priority < JobPriority[job.priority] || ahead.length >= AHEAD_MAX) break;
    ahead.push(row.request as unknown as AdmittedRelaxJob);
  }
  return ahead;
}

/** Of its priority or above: they are older. */
async function calibrationsAhead(
  store: Pick<Store, 'calibrations'>,
  job: AdmittedRelaxJob,
): Promise<{ queued: number; running: boolean; left_s: (number | null)[] }> {
  const device = job.device.id;
  const of = (state: 'queued' | 'running' | 'succeeded', limit: number) =>
    store.calibrations.list({ device, state, limit });
  const waiting = (await of('queued', 500)).filter(({ priority }) => priority >= JobPriority[job.priority]);
  const present = await of('running', 1);
  if (waiting.length + present.length === 0) return { queued: 0, running: false, left_s: [] };
  const one_s = calibrationTakes_s(await of('succeeded', 5));
  // Of the one that runs all of it: at the latest means at the latest.
  const left_s = [...waiting, ...present].map(() => one_s);
  return { queued: waiting.length, running: present.length > 0, left_s };
}

/** Of the job that runs: as its device says, else what is left of what such a job takes. */
function left_s(row: JobRow, pace: Pace, parts: QueueForecastParts): number {
  const { phase, eta_s = null } = parts.progressOf(row.id) ?? {};
  if ((phase === 'relaxing' || phase === 'reading') && eta_s !== null) return eta_s;
  const ran_s = (parts.now_ms - (row.startedAt_ms ?? parts.now_ms)) / 1000;
  return Math.max(0, takes_s(row.request as unknown as AdmittedRelaxJob, pace) - ran_s);
}
