// Measurements as schedules: phases one to one, fields as images, and what is refused before the device is asked.
import { describe, expect, it } from 'vitest';
import { plainProgram, twinCapabilities } from '../../test/support/device-facts.ts';
import { decodeFieldImage } from '../physics/index.ts';
import { DeviceError } from './errors.ts';
import { planMeasure } from './measure-schedule.ts';
import type { DeviceCapabilities, MeasurePhase, MeasureRequest } from './types.ts';

const capabilities = twinCapabilities();
const program = plainProgram(4);
const forces = (value: number): Float64Array => new Float64Array(4).fill(value);
const hold = (changes: Partial<MeasurePhase> = {}): MeasurePhase => ({
  duration_s: 1e-6,
  coupled: false,
  readAt_s: [1e-6],
  ...changes,
});
const request = (phases: MeasurePhase[], changes: Partial<MeasureRequest> = {}): MeasureRequest => ({
  program,
  samples: 10,
  phases,
  ...changes,
});

describe('planMeasure', () => {
  it('keeps the phases, names each field once, and counts reads from the start of the schedule', () => {
    const plan = planMeasure(
      request([
        { duration_s: 2e-6, coupled: false, field: { force_E0: forces(0.5) } },
        hold({
          field: { force_E0: forces(0.5), from_ratio: 1, to_ratio: -0.5 },
          readEvery_s: 4e-7,
          readAt_s: [0],
        }),
        hold({
          coupled: true,
          field: { force_E0: forces(-2) },
          noiseTemperature_ratio: 0.5,
          readAt_s: [0, 8e-7],
        }),
      ]),
      capabilities,
    );
    const [up, down] = plan.fields;
    expect(plan.fields).toHaveLength(2);
    const own = program.noiseTemperatureCode;
    const half = Math.round(own / 2);
    expect(plan.phases).toEqual([
      {
        duration_ns: 2000,
        coupled: false,
        field: { id: up.id, from_ratio: 1, to_ratio: 1 },
        noiseTemperatureCode: own,
      },
      {
        duration_ns: 1000,
        coupled: false,
        field: { id: up.id, from_ratio: 1, to_ratio: -0.5 },
        readAt_ns: [0],
        readEvery_ns: 400,
        noiseTemperatureCode: own,
      },
      {
        duration_ns: 1000,
        coupled: true,
        field: { id: down.id, from_ratio: 1, to_ratio: 1 },
        readAt_ns: [0, 800],
        noiseTemperatureCode: half,
      },
    ]);
    expect(plan.reads.map(({ time_s }) => Math.round(time_s * 1e9))).toEqual([2000, 2400, 2800, 3000, 3800]);
    expect(new Set(plan.reads.map(({ label }) => label))).toEqual(new Set(['read']));
    expect(plan).toMatchObject({ samples: 10, step_ns: 1, recordBytes: 5 * 6, noiseTemperatureCode: half });
    expect(plan.noiseTemperature_ratio).toBe(half / own);
    const { code, scale_E0 } = decodeFieldImage(down.bytes);
    expect(code[2] * scale_E0).toBeCloseTo(-2, 12);
  });

  it('reads a moment once that both kinds of reads name', () => {
    const plan = planMeasure(request([hold({ readEvery_s: 5e-7, readAt_s: [5e-7, 6e-7] })]), capabilities);
    expect(plan.reads.map(({ time_s }) => time_s)).toEqual([5e-7, 6e-7, 1e-6]);
  });

  const bad: [string, MeasureRequest, string, Partial<DeviceCapabilities>?][] = [
    ['no phases', request([]), '/phases'],
    ['too many phases', request(Array.from({ length: 5 }, () => hold())), '/phases'],
    ['no reads', request([hold({ readAt_s: undefined })]), '/phases'],
    ['no samples', request([hold()], { samples: 0 }), '/samples'],
    ['a time between two steps', request([hold({ duration_s: 1.5e-9 })]), '/phases/0/duration_s'],
    ['no time', request([hold(), hold({ duration_s: 0 })]), '/phases/1/duration_s'],
    ['a time that is none', request([hold({ duration_s: NaN })]), '/phases/0/duration_s'],
    ['a phase too long', request([hold({ duration_s: 2 })]), '/phases/0/duration_s'],
    ['a read behind its phase', request([hold({ readAt_s: [2e-6] })]), '/phases/0/readAt_s/0'],
    ['a read before its phase', request([hold({ readAt_s: [-1e-9] })]), '/phases/0/readAt_s/0'],
    ['reads that do not ascend', request([hold({ readAt_s: [5e-7, 5e-7] })]), '/phases/0/readAt_s/1'],
    ['three single reads', request([hold({ readAt_s: [1e-7, 2e-7, 3e-7] })]), '/phases/0/readAt_s'],
    ['a spacing beyond the phase', request([hold({ readEvery_s: 2e-6 })]), '/phases/0/readEvery_s'],
    ['a spacing of nothing', request([hold({ readEvery_s: 0 })]), '/phases/0/readEvery_s'],
    [
      'more reads than a record holds, without counting them all',
      request([hold({ duration_s: 1, readEvery_s: 1e-9, readAt_s: undefined })]),
      '/phases/0/readEvery_s',
    ],
    [
      'one read more than a record holds',
      request([hold({ readEvery_s: 1e-7, readAt_s: [0] })]),
      '/phases',
      { recordBytesMax: 10 * 6 },
    ],
    [
      'forces for other units',
      request([hold({ field: { force_E0: new Float64Array(3) } })]),
      '/phases/0/field/force_E0',
    ],
    [
      'a force that is no number',
      request([hold({ field: { force_E0: Float64Array.of(0, 0, NaN, 0) } })]),
      '/phases/0/field/force_E0/2',
    ],
    [
      'a force that the device has not',
      request([hold({ field: { force_E0: Float64Array.of(0, 3, 0, 0) } })]),
      '/phases/0/field/force_E0/1',
      { ranges: { ...capabilities.ranges, field: { fullScaleMin_E0: 0.1, fullScaleMax_E0: 2 } } },
    ],
    [
      'a ramp beyond the field',
      request([hold({ field: { force_E0: forces(1), to_ratio: 1.01 } })]),
      '/phases/0/field/to_ratio',
    ],
    [
      'a ramp from nowhere',
      request([hold({ field: { force_E0: forces(1), from_ratio: NaN } })]),
      '/phases/0/field/from_ratio',
    ],
    [
      'more fields than slots',
      request([hold({ field: { force_E0: forces(1) } }), hold({ field: { force_E0: forces(-1) } })]),
      '/phases',
      { fieldSlots: 1 },
    ],
    ['no noise', request([hold({ noiseTemperature_ratio: 0 })]), '/phases/0/noiseTemperature_ratio'],
    ['a step that the device has not', request([hold()], { step_s: 1e-7 }), '/step_s'],
    ['a seed of 65 bits', request([hold()], { seed: 1n << 64n }), '/seed'],
  ];
  it.each(bad)('refuses %s, and says where', (_what, wrong, pointer, changes) => {
    const plan = (): unknown => planMeasure(wrong, { ...capabilities, ...changes });
    expect(plan).toThrow(DeviceError);
    expect(plan).toThrow(expect.objectContaining({ code: 'out-of-range', pointer }));
  });

  it('refuses a seed on a device that draws its own noise', () => {
    const chip = twinCapabilities({ seed: false });
    expect(() => planMeasure(request([hold()], { seed: 1n }), chip)).toThrow(
      expect.objectContaining({ code: 'refused', pointer: '/seed' }),
    );
  });
});
