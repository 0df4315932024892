// How long jobs take on a device, by those that ended on it lately. Pure. Schedules are in device time, and what a job takes
// is more: a chip is waited for by its line, a twin has to compute its seconds.
import type { CalibrationRow, JobRow } from '../../store/index.ts';
import type { AdmittedRelaxJob, JobResult } from '../request.ts';

export interface Pace {
  /** Jobs that were looked at. */
  readonly jobs: number;
  /** Seconds that took, over seconds of schedule. */
  readonly slowdown_ratio: number;
  /** No job took less, s. */
  readonly least_s: number;
}

/** Device time of the schedule of a job, s: every sample has its preparation and runs to its last read. */
export function schedule_s({ relax, samples, clock }: AdmittedRelaxJob, count = samples.count): number {
  const one_s = relax.initial.prepare_s + (relax.readAt_s.at(-1) ?? relax.duration_s);
  return (count * one_s) / (clock?.scale ?? 1);
}

/** Null: none has ended on this device yet. */
export function paceOf(ended: readonly Pick<JobRow, 'attempts' | 'request' | 'result'>[]): Pace | null {
  let [took_s, asked_s, least_s, jobs] = [0, 0, Infinity, 0];
  for (const { attempts, request, result } of ended) {
    const last = attempts.at(-1);
    if (last === undefined || last.finishedAt_ms === null || result === null) continue;
    // A job that stopped early made fewer samples than it was allowed.
    const [samples] = (result as unknown as JobResult).samples.shape;
    const one_s = Math.max(0, last.finishedAt_ms - last.startedAt_ms) / 1000;
    took_s += one_s;
    asked_s += schedule_s(request as unknown as AdmittedRelaxJob, samples);
    least_s = Math.min(least_s, one_s);
    jobs += 1;
  }
  return jobs === 0 || asked_s === 0 ? null : { jobs, slowdown_ratio: took_s / asked_s, least_s };
}

/** What a job takes at this pace, s; with a target for the most samples. */
export function takes_s(job: AdmittedRelaxJob, pace: Pace): number {
  return Math.max(pace.least_s, pace.slowdown_ratio * schedule_s(job));
}

/** Mean of those that succeeded, s; null: there is none. */
export function calibrationTakes_s(
  ended: readonly Pick<CalibrationRow, 'startedAt_ms' | 'finishedAt_ms'>[],
): number | null {
  const took_s = ended.flatMap(({ startedAt_ms, finishedAt_ms }) =>
    startedAt_ms === null || finishedAt_ms === null ? [] : [Math.max(0, finishedAt_ms - startedAt_ms) / 1000],
  );
  return took_s.length === 0 ? null : took_s.reduce((sum, one_s) => sum + one_s, 0) / took_s.length;
}
