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

describe('mitigation and clock of a submission', () => {
  const parse = (change: object) =>
    jobSubmission.safeParse({ ...(body({ count: 100 }) as object), ...change });

  it.each([
    {},
    { mitigation: {} },
    { mitigation: { dither: null } },
    { mitigation: { dither: 2 } },
    { mitigation: { dither: 64 }, clock: { scale: 4 } },
    { clock: {} },
    { clock: { scale: 0.5 } },
  ])('may be %j', (change) => {
    const parsed = parse(change);
    expect(parsed.success && parsed.data).toMatchObject(change);
    expect(parsed.success && Object.keys(parsed.data)).toHaveLength(6 + Object.keys(change).length);
  });

  it.each<[string, object]>([
    ['dithering as a number', { mitigation: 16 }],
    ['one rounding', { mitigation: { dither: 1 } }],
    ['too many', { mitigation: { dither: 65 } }],
    ['a part of one', { mitigation: { dither: 2.5 } }],
    ['text', { mitigation: { dither: '16' } }],
    ['a member that nobody knows', { mitigation: { dither: 16, driftCompensation: true } }],
    ['a list', { mitigation: [16] }],
    ['no mitigation at all', { mitigation: null }],
    ['a clock that stands', { clock: { scale: 0 } }],
    ['a clock that goes back', { clock: { scale: -2 } }],
    ['a clock without end', { clock: { scale: Infinity } }],
    ['a clock as a number', { clock: 4 }],
    ['a clock as text', { clock: { scale: '4' } }],
    ['a clock with more', { clock: { scale: 4, speed: 4 } }],
  ])('are refused with %s', (_name, change) => {
    expect(parse(change).success).toBe(false);
  });
});
