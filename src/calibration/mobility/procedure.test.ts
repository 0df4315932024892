// Calibration `mobility` on a twin whose clock is slow, which is a mobility too large.
import { afterEach, describe, expect, it } from 'vitest';
import { knownPotential, unwatched } from '../../../test/support/calibration-known.ts';
import { profileWith } from '../../../test/support/chip-profiles.ts';
import { truthOf } from '../../../test/support/chip-truth.ts';
import { connectTwin, type ConnectedTwin } from '../../../test/support/connected-twin.ts';
import { twinCapabilities } from '../../../test/support/device-facts.ts';
import { mobility } from './procedure.ts';

const UNITS = 32;
let twin: ConnectedTwin | null = null;
afterEach(async () => {
  await twin?.close();
  twin = null;
});

describe('calibration mobility', () => {
  it.each([0.12, -0.08])(
    'finds a planted pace of 1 + %f, and how late the reads are',
    async (clock_ratio) => {
      const profile = profileWith({
        timing: { clock_ratio, switchDelay_ns: 8, readDelay_ns: 20 },
        readout: { gain: { common_ratio: 0.02 }, offset: { spread_x: 0.02 }, noise: { rms_x: 0.01 } },
        potential: { j2: { common_ratio: 0.04 }, offset: { spread_E0: 0.03 } },
        units: { dead: { units: [2] }, stuck: { units: [5], level_x: 0.4 } },
      });
      const truth = truthOf(profile, UNITS);
      twin = await connectTwin({ units: UNITS, profile });
      const { values, stderr } = await mobility.run(
        twin.device,
        { seed: 6 },
        unwatched(knownPotential(truth)),
      );
      const error = stderr['mobility_ratio'] as number;
      expect(error).toBeLessThan(0.01);
      expect(Math.abs((values['mobility_ratio'] as number) - truth.mobility_ratio)).toBeLessThan(4 * error);
      const late = stderr['readDelay_timeUnits'] as number;
      expect(Math.abs((values['readDelay_timeUnits'] as number) - 0.02)).toBeLessThan(4 * late);
      expect(values['flagged']).toMatchObject([
        { unit: 2, quality: 'dead' },
        { unit: 5, quality: 'stuck' },
      ]);
      expect(values['assumes']).toEqual({ noiseTemperature_ratio: 1 });
      expect(JSON.parse(JSON.stringify({ values, stderr }))).toEqual({ values, stderr });
    },
  );
});

describe('its options', () => {
  const capabilities = twinCapabilities({ unitsMax: 64 });
  it.each([
    ['/restarts', { restarts: 1 }],
    ['/field_E0', { field_E0: 0 }],
    ['/readEvery_timeUnits', { readEvery_timeUnits: 5 }],
    ['/record_timeUnits', { record_timeUnits: 0.2 }],
    ['/readEvery_timeUnits', { readEvery_timeUnits: 0.3, record_timeUnits: 1 }],
    ['/step_timeUnits', { step_timeUnits: 0.01 }],
    ['/mobility', { mobility: 1 }],
  ])('refuses %s and says what is allowed', (pointer, options) => {
    expect(() => mobility.check(options, capabilities)).toThrow(
      expect.objectContaining({ code: 'bad-option', pointer }) as Error,
    );
  });

  it('costs what its two runs last', () => {
    expect(mobility.cost_s?.({}, capabilities)).toBeCloseTo(1200 * 4e-6, 9);
  });
});
