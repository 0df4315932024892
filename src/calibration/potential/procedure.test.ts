// Calibration `potential` on a twin with planted J2, J4 and offsets, behind a readout with errors of its own.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { knownReadout, unwatched, zScores } from '../../../test/support/calibration-known.ts';
import { profileWith } from '../../../test/support/chip-profiles.ts';
import { truthOf } from '../../../test/support/chip-truth.ts';
import { connectTwin, type ConnectedTwin } from '../../../test/support/connected-twin.ts';
import { twinCapabilities } from '../../../test/support/device-facts.ts';
import type { JsonObject } from '../json.ts';
import { potential } from './procedure.ts';

const UNITS = 24;
const profile = profileWith({
  readout: {
    gain: { common_ratio: -0.03, spread_ratio: 0.02 },
    offset: { common_x: 0.01, spread_x: 0.01 },
    noise: { rms_x: 0.01 },
  },
  potential: {
    j2: { common_ratio: 0.05, spread_ratio: 0.03 },
    j4: { common_ratio: -0.06, spread_ratio: 0.03 },
    offset: { common_E0: 0.01, spread_E0: 0.03 },
  },
  noise: { temperature: { common_ratio: 0.08, spread_ratio: 0.02 } },
  units: { dead: { units: [4] }, stuck: { units: [11], level_x: 0.5 } },
});
const truth = truthOf(profile, UNITS);

let twin: ConnectedTwin;
beforeAll(async () => {
  twin = await connectTwin({ units: UNITS, profile });
});
afterAll(() => twin.close());

describe('calibration potential', () => {
  it('finds what was planted, with honest errors, and names the units that do not move', async () => {
    const progress: { done: number; total: number }[] = [];
    const { values, stderr, device } = await potential.run(
      twin.device,
      { restarts: 100, seed: 11 },
      { ...unwatched(knownReadout(truth)), onProgress: (p) => progress.push(p) },
    );
    const perUnit = values['perUnit'] as JsonObject;
    const errors = stderr['perUnit'] as JsonObject;
    for (const [name, planted] of Object.entries({
      j2_ratio: truth.j2_ratio,
      j4_ratio: truth.j4_ratio,
      offset_E0: truth.offset_E0,
      noiseTemperature_ratio: truth.noiseTemperature_ratio,
    })) {
      const z = zScores(perUnit[name], errors[name], planted);
      expect(z).toHaveLength(UNITS - 2);
      // chi-square of 22 degrees, four standard errors wide; a planted 3 % is 3 of these errors.
      const chi = z.reduce((sum, each) => sum + each * each, 0);
      expect(Math.abs(chi - 22), name).toBeLessThan(4 * Math.sqrt(44));
    }
    expect(values['flagged']).toMatchObject([
      { unit: 4, quality: 'dead' },
      { unit: 11, quality: 'stuck' },
    ]);
    expect(values['assumes']).toEqual({ fieldGain: 1 });
    expect(stderr['j2_ratio']).toBeLessThan(0.004);
    expect(progress.at(-1)).toEqual({ done: 700, total: 700 });
    expect(device.backend).toBe('twin');
    expect(JSON.parse(JSON.stringify({ values, stderr }))).toEqual({ values, stderr });
  });

  it('says what it assumes where nothing is known', async () => {
    const { values } = await potential.run(twin.device, { restarts: 30, record_timeUnits: 2 }, unwatched());
    expect(values['assumes']).toEqual({
      readoutGain: 1,
      readoutOffset_x: 0,
      readoutNoise_x: 0,
      fieldGain: 1,
    });
  });
});

describe('its options', () => {
  const check = (options: JsonObject) => (): void =>
    potential.check(options, twinCapabilities({ unitsMax: 64 }));

  it.each([
    ['/restarts', { restarts: 10 }],
    ['/fields_E0', { fields_E0: [1] }],
    ['/fields_E0', { fields_E0: [1, 1] }],
    ['/fields_E0', { fields_E0: [1, 20] }],
    ['/fields_E0', { fields_E0: [1, 'x'] }],
    ['/fields_E0', { fields_E0: 3 }],
    ['/units', { units: 65 }],
    ['/record_timeUnits', { record_timeUnits: -1 }],
    ['/seed', { seed: 1.5 }],
    ['/field', { field: 1 }],
  ])('refuses %s and says what is allowed', (pointer, options) => {
    expect(check(options)).toThrow(
      expect.objectContaining({ name: 'CalibrationError', code: 'bad-option', pointer }) as Error,
    );
  });

  it('reads less densely where the record is small, and costs what the schedules last', () => {
    const small = twinCapabilities({ unitsMax: 64, recordBytesMax: 20 * 96 });
    expect(() => potential.check({}, small)).not.toThrow();
    expect(() => potential.check({}, twinCapabilities({ unitsMax: 64, recordBytesMax: 96 }))).toThrow(
      /no two reads/,
    );
    expect(potential.cost_s?.({}, twinCapabilities({ unitsMax: 64 }))).toBeCloseTo(7 * 160 * 20e-6, 6);
  });
});
