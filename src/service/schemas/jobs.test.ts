import { describe, expect, it } from 'vitest';
import { jobSubmission } from './jobs.ts';

const body = (samples: unknown): unknown => ({
  model: `sha256:${'0'.repeat(64)}`,
  device: { id: 'd' },
  relax: { duration_s: 1e-6 },
  samples,
});

describe('samples of a submission', () => {
  it.each([
    { count: 10 },
    { count: 10, targetEss: null },
    { count: 10, targetEss: 1 },
    { count: 10, targetEss: 9.5 },
  ])('may be %j', (samples) => {
    expect(jobSubmission.parse(body(samples)).samples).toEqual(samples);
  });

  it.each<[string, unknown]>([
    ['no object', 10],
    ['no count', { targetEss: 10 }],
    ['a target as text', { count: 10, targetEss: '10' }],
    ['a target below 1', { count: 10, targetEss: 0.5 }],
    ['a target that is no number', { count: 10, targetEss: NaN }],
    ['a target without end', { count: 10, targetEss: Infinity }],
    ['a list', { count: 10, targetEss: [10] }],
    ['an object', { count: 10, targetEss: { value: 10 } }],
    ['a truth', { count: 10, targetEss: true }],
    ['a member that nobody knows', { count: 10, targetEss: 5, targetESS: 5 }],
    ['a name in other letters', { count: 10, targetEѕs: 5 }],
  ])('are refused with %s', (_name, samples) => {
    expect(jobSubmission.safeParse(body(samples)).success).toBe(false);
  });
});
