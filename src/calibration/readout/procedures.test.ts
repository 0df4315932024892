// Calibrations `readout-offset` and `readout-gain` on twins with planted channels, with a converter reference and without.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { unwatched, zScores } from '../../../test/support/calibration-known.ts';
import { profileWith } from '../../../test/support/chip-profiles.ts';
import { truthOf } from '../../../test/support/chip-truth.ts';
import { connectTwin, type ConnectedTwin } from '../../../test/support/connected-twin.ts';
import { twinCapabilities } from '../../../test/support/device-facts.ts';
import type { JsonObject } from '../json.ts';
import type { ReferenceDevice } from '../procedure.ts';
import { readoutGain } from './gain-procedure.ts';
import { readoutOffset } from './offset-procedure.ts';

const UNITS = 32;
const profile = profileWith({
  readout: {
    gain: { common_ratio: -0.02, spread_ratio: 0.02 },
    offset: { common_x: 0.005, spread_x: 0.012 },
    noise: { rms_x: 0.008 },
    droop: { rate_perMicrosecond: 0.001, conversion_ns: 10 },
  },
  potential: { offset: { common_E0: 0.01, spread_E0: 0.02 } },
  units: { dead: { units: [3] }, stuck: { units: [8], level_x: 0.5 } },
});
const truth = truthOf(profile, UNITS);
const chi = (z: readonly number[]): number => z.reduce((sum, each) => sum + each * each, 0);
const perUnit = (of: JsonObject, name: string): unknown => (of['perUnit'] as JsonObject)[name];

let twin: ConnectedTwin;
beforeAll(async () => {
  twin = await connectTwin({ units: UNITS, profile });
});
afterAll(() => twin.close());

/** The same twin, as if it had no reference. */
function withoutReference(): ReferenceDevice {
  const { device } = twin;
  const { capabilities } = device;
  return {
    id: device.id,
    capabilities: capabilities && { ...capabilities, reference: null },
    hold: (...asked) => device.hold(...asked),
    measure: (...asked) => device.measure(...asked),
    readReference: () => Promise.reject(new Error('there is no reference')),
  };
}

describe('calibration readout-offset', () => {
  it('finds offset and noise of every channel from the reference, stuck units or not', async () => {
    const { values, stderr } = await readoutOffset.run(twin.device, { seed: 2 }, unwatched());
    const z = zScores(perUnit(values, 'offset_x'), perUnit(stderr, 'offset_x'), truth.readoutOffset_x);
    expect(z).toHaveLength(UNITS - 1);
    expect(Math.abs(chi(z) - 31)).toBeLessThan(4 * Math.sqrt(62));
    expect(values['noise_x']).toBeCloseTo(0.008, 3);
    expect(values['flagged']).toMatchObject([{ unit: 3, quality: 'dead' }]);
    expect(values).toMatchObject({ method: 'reference', assumes: {} });
  });

  it('without a reference tells it from the constant force by two holds', async () => {
    const { values, stderr } = await readoutOffset.run(withoutReference(), { seed: 2 }, unwatched());
    expect(values).toMatchObject({
      method: 'two-holds',
      noise_x: null,
      assumes: { readoutGain: 1, readoutNoise_x: 0 },
    });
    // Unit 8 stands still: what a stuck unit shows is an offset here, and only the sweep tells.
    const but = (list: unknown): (number | null)[] =>
      (list as (number | null)[]).map((v, i) => (i === 8 ? null : v));
    for (const [name, planted] of [
      ['offset_x', truth.readoutOffset_x],
      ['offset_E0', truth.offset_E0],
    ] as const) {
      const z = zScores(but(perUnit(values, name)), perUnit(stderr, name), planted);
      expect(z).toHaveLength(UNITS - 2);
      expect(chi(z), name).toBeLessThan(30 + 4 * Math.sqrt(60));
    }
  });
});

describe('calibration readout-gain', () => {
  it('finds the gain of every channel, droop included, and states the uncertainty of the reference', async () => {
    const { values, stderr } = await readoutGain.run(twin.device, { seed: 3 }, unwatched());
    const z = zScores(perUnit(values, 'gain_ratio'), perUnit(stderr, 'gain_ratio'), truth.readoutGain_ratio);
    expect(z).toHaveLength(UNITS - 1);
    expect(Math.abs(chi(z) - 31)).toBeLessThan(4 * Math.sqrt(62));
    expect(values['reference']).toEqual({ uncertainty_ratio: 0.001 });
    expect(values['flagged']).toMatchObject([{ unit: 3, quality: 'dead' }]);
    expect(JSON.parse(JSON.stringify({ values, stderr }))).toEqual({ values, stderr });
  });

  it('needs a reference, and says what is lost without one', async () => {
    const capabilities = twinCapabilities({ reference: null });
    expect(() => readoutGain.check({}, capabilities)).toThrow(
      expect.objectContaining({
        code: 'no-reference',
        remedy: expect.stringContaining('told apart') as string,
      }) as Error,
    );
    await expect(readoutGain.run(withoutReference(), {}, unwatched())).rejects.toMatchObject({
      code: 'no-reference',
    });
  });
});

describe('their options', () => {
  const capabilities = twinCapabilities({
    unitsMax: 64,
    reference: { level_max_x: 1.5, uncertainty_ratio: 1e-3 },
  });
  it.each([
    ['/reads', { reads: 3 }],
    ['/levels_x', { levels_x: [0.1] }],
    ['/levels_x', { levels_x: [0.1, 2] }],
    ['/seed', { seed: -1 }],
    ['/restarts', { restarts: 3 }],
  ])('refuses %s and says what is allowed', (pointer, options) => {
    const refused = expect.objectContaining({ code: 'bad-option', pointer }) as Error;
    expect(() => readoutGain.check(options, capabilities)).toThrow(refused);
  });

  it('costs no device time with a reference, and two holds without', () => {
    expect(readoutGain.cost_s?.({}, capabilities)).toBe(0);
    expect(readoutOffset.cost_s?.({}, capabilities)).toBe(0);
    expect(readoutOffset.cost_s?.({}, { ...capabilities, reference: null })).toBeCloseTo(200 * 20e-6, 6);
    expect(() => readoutOffset.check({ reads: 10 }, capabilities)).toThrow(/reads/);
  });
});
