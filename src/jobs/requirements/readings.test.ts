// Requirements as they are sent, and as they are held against what was measured.
import { describe, expect, it } from 'vitest';
import type { CalibrationRow } from '../../store/index.ts';
import type { RelaxDevice } from '../device-port.ts';
import { conditionsOf } from './conditions.ts';
import { readRequirements, unmetText, wantsCalibration, type Conditions } from './readings.ts';
import { requireFlaws, type JobRequire, type OnUnmet } from './require.ts';
import { requirementUnmet } from './unmet.ts';

const NOW_MS = Date.parse('2026-11-25T12:00:00Z');
const missing = { code: 'not-calibrated', message: 'it was never measured', remedy: 'Calibrate it.' };
const conditions: Conditions = {
  noise: { calibration: 'C1', ratio: 1.052, stderr_ratio: 0.0031, endedAt_ms: NOW_MS - 60_000 },
  die: { temperature_C: 54.5 },
};

const pointers = (require: JobRequire | undefined, onUnmet: OnUnmet = 'wait'): string[] =>
  requireFlaws({ ...(require !== undefined && { require }), onUnmet }).map(({ pointer }) => pointer);

describe('a requirement as it was sent', () => {
  it('is fine with one member or all', () => {
    expect(pointers(undefined)).toEqual([]);
    expect(pointers({ maxDieTemperature_C: -20 })).toEqual([]);
    const all = {
      noiseTemperature: [1, 1] as [number, number],
      maxCalibrationAge_s: 1,
      maxDieTemperature_C: 0,
    };
    expect(pointers(all, 'recalibrate')).toEqual([]);
  });

  it.each<[string, unknown]>([
    ['/require', {}],
    ['/require', { noiseTemperature: undefined }],
    ['/require/noiseTemperature', { noiseTemperature: [1.02, 0.98] }],
    ['/require/noiseTemperature', { noiseTemperature: [0, 1] }],
    ['/require/noiseTemperature', { noiseTemperature: [1] }],
    ['/require/noiseTemperature', { noiseTemperature: [NaN, 1] }],
    ['/require/noiseTemperature', { noiseTemperature: [1, Infinity] }],
    ['/require/maxCalibrationAge_s', { maxCalibrationAge_s: 0 }],
    ['/require/maxCalibrationAge_s', { maxCalibrationAge_s: Infinity }],
    ['/require/maxDieTemperature_C', { maxDieTemperature_C: NaN }],
  ])('is wrong at %s: %j', (pointer, require) => {
    expect(pointers(require as JobRequire)).toEqual([pointer]);
  });

  it('cannot be helped by a calibration that measures nothing of it', () => {
    expect(pointers(undefined, 'recalibrate')).toEqual(['/onUnmet']);
    expect(pointers({ maxDieTemperature_C: 50 }, 'recalibrate')).toEqual(['/onUnmet']);
  });
});

describe('a reading', () => {
  it('is met up to the ends of what is required', () => {
    const met = (require: JobRequire): boolean => readRequirements(require, conditions, NOW_MS).met;
    expect(met({ noiseTemperature: [1.052, 1.052] })).toBe(true);
    expect(met({ noiseTemperature: [0.98, 1.051] })).toBe(false);
    expect(met({ noiseTemperature: [1.053, 1.1] })).toBe(false);
    expect(met({ maxCalibrationAge_s: 60 })).toBe(true);
    expect(met({ maxCalibrationAge_s: 59.9 })).toBe(false);
    expect(met({ maxDieTemperature_C: 54.5 })).toBe(true);
    expect(met({ maxDieTemperature_C: 54 })).toBe(false);
    expect(met({ maxDieTemperature_C: 60, maxCalibrationAge_s: 1 })).toBe(false);
  });

  it('says what was measured, how well, and by which calibration', () => {
    const all = {
      noiseTemperature: [0.98, 1.02] as [number, number],
      maxCalibrationAge_s: 90,
      maxDieTemperature_C: 50,
    };
    const readings = readRequirements(all, conditions, NOW_MS);
    expect(readings).toEqual({
      at: '2026-11-25T12:00:00.000Z',
      met: false,
      readings: [
        {
          requirement: 'noiseTemperature',
          met: false,
          required: [0.98, 1.02],
          measured: 1.052,
          stderr: 0.0031,
          calibration: 'C1',
          reason: null,
        },
        {
          requirement: 'maxCalibrationAge_s',
          met: true,
          required: 90,
          measured: 60,
          stderr: null,
          calibration: 'C1',
          reason: null,
        },
        {
          requirement: 'maxDieTemperature_C',
          met: false,
          required: 50,
          measured: 54.5,
          stderr: null,
          calibration: null,
          reason: null,
        },
      ],
    });
    expect(unmetText(readings)).toBe(
      'noiseTemperature is 1.052 +- 0.0031, required is 0.98 to 1.02; maxDieTemperature_C is 54.5, required is at most 50',
    );
    expect(wantsCalibration(readings)).toBe(true);
  });

  it('of a calibration from a clock that is ahead is new, not younger', () => {
    const [age] = readRequirements({ maxCalibrationAge_s: 5 }, conditions, NOW_MS - 120_000).readings;
    expect(age).toMatchObject({ measured: 0, met: true });
  });

  it('that cannot be had is not met, and a calibration helps where one measures it', () => {
    const blind: Conditions = {
      noise: missing,
      die: { ...missing, code: 'stale', remedy: 'Look at the line.' },
    };
    const noise = readRequirements({ noiseTemperature: [0.5, 2] }, blind, NOW_MS);
    expect(noise.readings[0]).toMatchObject({ met: false, measured: null, reason: missing });
    expect(wantsCalibration(noise)).toBe(true);
    const die = readRequirements({ maxDieTemperature_C: 99 }, blind, NOW_MS);
    expect(die.met || wantsCalibration(die)).toBe(false);
    const error = requirementUnmet(
      readRequirements({ maxDieTemperature_C: 9, maxCalibrationAge_s: 9 }, blind, 0),
    );
    expect(error).toMatchObject({
      code: 'requirement-unmet',
      retryable: true,
      remedy: 'Calibrate it. Look at the line.',
      errors: [
        { pointer: '/require/maxCalibrationAge_s', allowed: 9 },
        { pointer: '/require/maxDieTemperature_C', allowed: 9 },
      ],
    });
    expect(error.message).toMatch(
      /^maxCalibrationAge_s cannot be read \(it was never measured\), required is at most 9;/,
    );
    expect(error.measured).toHaveLength(2);
  });

  it('of a calibration without a number is none', () => {
    const without: Conditions = {
      ...conditions,
      noise: { calibration: 'C2', ratio: null, stderr_ratio: null, endedAt_ms: 0 },
    };
    expect(readRequirements({ noiseTemperature: [0.5, 2] }, without, NOW_MS).readings[0]).toMatchObject({
      met: false,
      measured: null,
      calibration: 'C2',
      reason: { code: 'no-value' },
    });
  });
});

describe('the conditions of a device', () => {
  const fresh = { at_ms: NOW_MS, uptime_s: 1, values: { dieTemperature_C: 41 } };
  const device = (change: object = {}): Pick<RelaxDevice, 'id' | 'identity' | 'telemetry'> => ({
    id: 'chip-0',
    identity: { uid: 'cafe' },
    telemetry: { status: { latest: fresh, reason: null }, readNow: () => Promise.resolve(null) },
    ...change,
  });
  const row = { id: 'C1', finishedAt_ms: 5, values: { noiseTemperature_ratio: 1.01 }, stderr: {} };
  const store = (current: object | null) => ({
    activeCalibrations: { current: () => Promise.resolve(current as CalibrationRow | null) } as never,
    drift: { latest: () => Promise.resolve([]), events: () => Promise.resolve([]) } as never,
  });

  it('are the active calibration and the latest reading', async () => {
    expect(await conditionsOf(device(), store(row), NOW_MS)).toEqual({
      noise: { calibration: 'C1', ratio: 1.01, stderr_ratio: null, endedAt_ms: 5 },
      die: { temperature_C: 41 },
      drift: expect.objectContaining({ code: 'drift-not-watched' }) as object,
    });
  });

  it.each<[string, object]>([
    ['no telemetry', { telemetry: undefined }],
    ['no such sensor', { telemetry: { status: { latest: { ...fresh, values: {} }, reason: null } } }],
    [
      'a sensor that gives nothing',
      { telemetry: { status: { latest: { ...fresh, values: { dieTemperature_C: null } }, reason: null } } },
    ],
  ])('without a die temperature say so: %s', async (_name, change) => {
    expect((await conditionsOf(device(change), store(null), NOW_MS)).die).toMatchObject({
      code: 'no-sensors',
    });
  });

  it('with a reading that is old, or of a chip that nobody knows, have the reason of that', async () => {
    const stale = { telemetry: { status: { latest: fresh, reason: missing } } };
    expect((await conditionsOf(device(stale), store(null), NOW_MS)).die).toBe(missing);
    const unknown = await conditionsOf(device({ identity: null }), store(row), NOW_MS);
    expect(unknown.noise).toMatchObject({ code: 'not-connected' });
    expect((await conditionsOf(device(), store(null), NOW_MS)).noise).toMatchObject({
      code: 'not-calibrated',
    });
  });
});
