// Where the time of a job went, from the times that are stored with it. Pure.
import type { JobLogLine, JobRow } from '../store/index.ts';
import type { JobResult } from './request.ts';

export interface AttemptTiming {
  /** Counted from 1. */
  attempt: number;
  startedAt_ms: number;
  finishedAt_ms: number | null;
  /** Since the submission, or the end of the attempt before. */
  waited_s: number;
  duration_s: number;
  phases: { phase: string; startedAt_ms: number; duration_s: number }[];
}

export interface JobTiming {
  total_s: number;
  waited_s: number;
  ran_s: number;
  attempts: AttemptTiming[];
  /** What the device measured of the attempt that succeeded. */
  device: Pick<JobResult['timing'], 'upload_s' | 'relax_s' | 'total_s'> | null;
}

type Timed = Pick<JobRow, 'attempts' | 'createdAt_ms' | 'finishedAt_ms' | 'result'>;

/**
 * @param log the kept lines of the attempts; those that name a phase in their fields begin it
 * @param now_ms ends what has not ended. A clock that was set back makes no negative times.
 */
export function jobTiming(
  job: Timed,
  log: readonly { attempt: number; lines: readonly JobLogLine[] }[],
  now_ms: number,
): JobTiming {
  const end_ms = job.finishedAt_ms ?? now_ms;
  let before_ms = job.createdAt_ms;
  const attempts = job.attempts.map(({ startedAt_ms, finishedAt_ms }, k): AttemptTiming => {
    const until_ms = finishedAt_ms ?? now_ms;
    const lines = log.find(({ attempt }) => attempt === k + 1)?.lines ?? [];
    const waited_s = between_s(before_ms, startedAt_ms);
    before_ms = until_ms;
    return {
      attempt: k + 1,
      startedAt_ms,
      finishedAt_ms,
      waited_s,
      duration_s: between_s(startedAt_ms, until_ms),
      phases: phasesOf(lines, until_ms),
    };
  });
  const total_s = between_s(job.createdAt_ms, end_ms);
  const ran_s = attempts.reduce((sum, { duration_s }) => sum + duration_s, 0);
  const {
    upload_s,
    relax_s,
    total_s: onDevice_s,
  } = (job.result as unknown as JobResult | null)?.timing ?? {};
  return {
    total_s,
    waited_s: Math.max(0, total_s - ran_s),
    ran_s,
    attempts,
    device:
      upload_s === undefined || relax_s === undefined || onDevice_s === undefined
        ? null
        : { upload_s, relax_s, total_s: onDevice_s },
  };
}

function phasesOf(lines: readonly JobLogLine[], end_ms: number): AttemptTiming['phases'] {
  const begun = lines.filter((line) => typeof line.fields['phase'] === 'string');
  return begun.map((line, k) => ({
    phase: line.fields['phase'] as string,
    startedAt_ms: line.at_ms,
    duration_s: between_s(line.at_ms, begun[k + 1]?.at_ms ?? end_ms),
  }));
}

const between_s = (from_ms: number, to_ms: number): number => Math.max(0, to_ms - from_ms) / 1000;
