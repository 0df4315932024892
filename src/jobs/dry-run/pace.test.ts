import { describe, expect, it } from 'vitest';
import type { JobRow } from '../../store/index.ts';
import { normalise } from '../admission.ts';
import { calibrationTakes_s, paceOf, schedule_s, takes_s } from './pace.ts';

const job = (count: number, relax = {}) =>
  normalise({
    mode: 'relax',
    model: `sha256:${'0'.repeat(64)}`,
    device: { id: 'd' },
    relax: { duration_s: 2e-6, ...relax },
    samples: { count },
  });

/** A job that made `samples` of at most `count` in `took_ms`. */
function ended(count: number, took_ms: number, samples = count) {
  const attempts = [{ startedAt_ms: 1_000, finishedAt_ms: 1_000 + took_ms, state: 'succeeded', cause: null }];
  const result = { samples: { shape: [samples, 2, 4] } };
  return { attempts, request: job(count), result } as unknown as Pick<
    JobRow,
    'attempts' | 'request' | 'result'
  >;
}

describe('the schedule of a job', () => {
  it('has the preparation and runs to the last read, for every sample', () => {
    expect(schedule_s(job(10))).toBeCloseTo(10 * 4e-6, 15);
    const short = job(10, { readAt_s: [5e-7, 1e-6], initial: { kind: 'thermal', prepare_s: 0 } });
    expect(schedule_s(short)).toBeCloseTo(10 * 1e-6, 15);
    expect(schedule_s({ ...short, clock: { scale: 4 } })).toBeCloseTo(2.5 * 1e-6, 15);
  });
});

describe('the pace of a device', () => {
  it('is nothing where no job has ended', () => {
    expect(paceOf([])).toBeNull();
    expect(paceOf([{ ...ended(10, 5), result: null }])).toBeNull();
  });

  it('is time over schedule, by the samples that were made, and no job takes less than any did', () => {
    const pace = paceOf([ended(1_000, 400), ended(5_000, 600, 1_500)]);
    expect(pace).toMatchObject({ jobs: 2, least_s: 0.4 });
    expect(pace?.slowdown_ratio).toBeCloseTo(1 / (2_500 * 4e-6), 9);
    expect(takes_s(job(10_000), pace ?? never())).toBeCloseTo(4, 9);
    expect(takes_s(job(1), pace ?? never())).toBe(0.4);
  });
});

describe('the time of a calibration', () => {
  it('is the mean of those that ended', () => {
    expect(calibrationTakes_s([])).toBeNull();
    const took = (s: number) => ({ startedAt_ms: 5_000, finishedAt_ms: 5_000 + s * 1_000 });
    expect(calibrationTakes_s([took(2), took(4), { startedAt_ms: 1, finishedAt_ms: null }])).toBe(3);
  });
});

function never(): never {
  throw new Error('there is no pace');
}
