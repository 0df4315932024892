import { expect, it } from 'vitest';
import type { JobAttempt, JobLogLine } from '../store/index.ts';
import { jobTiming } from './timing.ts';

const attempt = (startedAt_ms: number, finishedAt_ms: number | null): JobAttempt => ({
  startedAt_ms,
  finishedAt_ms,
  state: finishedAt_ms === null ? 'running' : 'failed',
  cause: null,
});

it('shares the time out between waits and attempts', () => {
  const job = {
    createdAt_ms: 1000,
    finishedAt_ms: 9000,
    result: null,
    attempts: [attempt(2000, 4000), attempt(6000, 9000)],
  };
  const line = (at_ms: number, phase?: string): JobLogLine => ({
    at_ms,
    message: 'x',
    fields: phase === undefined ? {} : { phase },
  });
  const log = [
    { attempt: 2, lines: [line(6000), line(6500, 'programming'), line(7000, 'relaxing'), line(8900)] },
  ];
  const timing = jobTiming(job, log, 20_000);
  expect([timing.total_s, timing.waited_s, timing.ran_s, timing.device]).toEqual([8, 3, 5, null]);
  expect(timing.attempts.map((of) => [of.waited_s, of.duration_s])).toEqual([
    [1, 2],
    [2, 3],
  ]);
  expect(timing.attempts.map(({ phases }) => phases)).toEqual([
    [],
    [
      { phase: 'programming', startedAt_ms: 6500, duration_s: 0.5 },
      { phase: 'relaxing', startedAt_ms: 7000, duration_s: 2 },
    ],
  ]);
});

it('counts a running attempt until now, and no negative time when the clock was set back', () => {
  const running = { createdAt_ms: 1000, finishedAt_ms: null, result: null, attempts: [attempt(2000, null)] };
  expect(jobTiming(running, [], 5000)).toMatchObject({ total_s: 4, waited_s: 1, ran_s: 3 });
  const timing = jobTiming(running, [], 500);
  expect([timing.total_s, timing.waited_s, timing.ran_s]).toEqual([0, 0, 0]);
});
