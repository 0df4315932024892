import { describe, expect, it } from 'vitest';
import { emptyModel, quantise } from '../../physics/index.ts';
import { CAPABILITIES } from '../../../test/fakes/relax-device.ts';
import { checkSchedule, normalise } from '../admission.ts';
import { scheduleFlaws } from '../dry-run/schedule-flaws.ts';
import { JobError } from '../errors.ts';
import type { RelaxJobRequest } from '../request.ts';

const request = (change: object = {}): RelaxJobRequest => ({
  ...{ mode: 'relax', model: `sha256:${'0'.repeat(64)}`, device: { id: 'd' } },
  ...{ relax: { duration_s: 2.5e-6 }, samples: { count: 100 } },
  ...change,
});

function refused(work: () => unknown): string[] {
  try {
    work();
  } catch (error) {
    if (error instanceof JobError) return error.errors.map(({ pointer }) => pointer);
    throw error;
  }
  return [];
}

describe('dithering in a request', () => {
  it('is kept as asked for, and absent where it was not', () => {
    expect(normalise(request({ mitigation: { dither: 16 } })).mitigation).toEqual({ dither: 16 });
    for (const mitigation of [undefined, {}, { dither: null }])
      expect(normalise(request({ mitigation }))).not.toHaveProperty('mitigation');
    expect(normalise(request())).toEqual(normalise(request({ mitigation: {}, clock: { scale: 1 } })));
  });

  it.each<[string, object]>([
    ['one rounding', { mitigation: { dither: 1 } }],
    ['more than 64', { mitigation: { dither: 65 } }],
    ['a part of one', { mitigation: { dither: 2.5 } }],
    ['none that is a number', { mitigation: { dither: NaN } }],
    ['more roundings than samples', { mitigation: { dither: 16 }, samples: { count: 15 } }],
    ['a target as well', { mitigation: { dither: 16 }, samples: { count: 100, targetEss: 50 } }],
  ])('is refused with %s', (_name, change) => {
    expect(refused(() => normalise(request(change)))).toEqual(['/mitigation/dither']);
  });

  it('may have more samples than one run, as long as each rounding has not', () => {
    const program = quantise(emptyModel(4), CAPABILITIES.ranges);
    const check = (count: number, dither: number): string[] =>
      refused(() =>
        checkSchedule(
          normalise(request({ samples: { count }, mitigation: { dither } })),
          program,
          CAPABILITIES,
        ),
      );
    expect(check(20_000, 2)).toEqual([]);
    expect(check(20_001, 2)).toEqual(['/samples/count']);
  });
});

describe('a clock in a request', () => {
  const ranges = {
    ...CAPABILITIES.ranges,
    j2: { fullScaleMin_E0: 0.5, fullScaleMax_E0: 16 },
    noiseTemperature: { fullScaleMin_E0: 0, fullScaleMax_E0: 1 },
  };
  const capabilities = { ...CAPABILITIES, ranges };
  const program = quantise(emptyModel(4), ranges);
  const check = (change: object): string[] =>
    refused(() => checkSchedule(normalise(request(change)), program, capabilities));

  it.each([0, -1, NaN, Infinity])('is refused at a scale of %d', (scale) => {
    expect(refused(() => normalise(request({ clock: { scale } })))).toEqual(['/clock/scale']);
  });

  it('passes where the device can follow', () => {
    for (const scale of [0.5, 2, 4, 5]) expect(check({ clock: { scale } })).toEqual([]);
  });

  it.each<[string, object, string]>([
    ['kT has no such full scale', { clock: { scale: 8.2 }, relax: { duration_s: 8.2e-6 } }, '/clock/scale'],
    ['J2 has no such small one', { clock: { scale: 0.25 } }, '/clock/scale'],
    [
      'the step would be too long',
      { clock: { scale: 5 }, step_s: 4e-9, relax: { duration_s: 4e-6 } },
      '/clock/scale',
    ],
    ['its times are between steps', { clock: { scale: 3 } }, '/relax/duration_s'],
  ])('is refused where %s', (_name, change, pointer) => {
    expect(check(change)).toEqual([pointer]);
  });

  it('is refused with what would be allowed, and told with all else that is wrong', () => {
    const job = normalise(request({ clock: { scale: 20 }, samples: { count: 10_001 } }));
    const flaws = [...scheduleFlaws(job, program, capabilities)].flatMap(({ errors }) => errors);
    expect(flaws.map(({ pointer }) => pointer)).toEqual(['/samples/count', '/clock/scale']);
    const { min, max } = flaws[1].allowed as { min: number; max: number };
    expect(min).toBeCloseTo(0.4, 2);
    expect(max).toBeCloseTo(8, 1);
  });
});
