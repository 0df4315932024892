// The thermometer on a chip of which readout, J2, J4 and forces are known: unbiased where a plain hold is wrong, and with an
// error bar that includes how well they are known.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { knownPotential, knownReadout, unwatched, zScores } from '../../../test/support/calibration-known.ts';
import { profileWith } from '../../../test/support/chip-profiles.ts';
import { truthOf } from '../../../test/support/chip-truth.ts';
import { connectTwin, type ConnectedTwin } from '../../../test/support/connected-twin.ts';
import { quarticHolds } from '../../../test/support/quartic-holds.ts';
import { mean, variance } from '../../physics/index.ts';
import type { JsonObject } from '../json.ts';
import { estimateHold } from './hold-estimator.ts';
import { noiseTemperature } from './procedure.ts';
import { sensitivityAt, temperatureAt, squareAt } from './unit-law.ts';

const UNITS = 24;
const readout = (i: number) => ({
  gain: 1 + 0.03 * Math.sin(i),
  offset_x: 0.02 * Math.cos(i),
  noise_x: 0.02,
});
const laws = {
  kT: (i: number): number => 0.1 * (1.05 + 0.02 * Math.cos(i)),
  j2: (i: number): number => 1 + 0.03 * Math.sin(2 * i),
  j4: (i: number): number => 1 - 0.03 * Math.sin(3 * i),
  force: (i: number): number => 0.06 * Math.sin(5 * i),
};

describe('estimateHold with knowledge', () => {
  it('takes off gain, offset, noise and force of each unit, with honest errors (20 repeats)', () => {
    const z: number[] = [];
    for (let seed = 1; seed <= 20; seed++) {
      const holds = quarticHolds({ seed, holds: 200, reads: 4, units: UNITS, ...laws, readout });
      const per = (of: (i: number) => number): Float64Array =>
        Float64Array.from({ length: UNITS }, (_, i) => of(i));
      const { unit_E0, unitStderr_E0, quality } = estimateHold({
        ...holds,
        known: {
          readout: {
            gain_ratio: per((i) => readout(i).gain),
            offset_x: per((i) => readout(i).offset_x),
            noise_x: per((i) => readout(i).noise_x),
          },
          force_E0: per(laws.force),
          meanStderr_x: per(() => 0),
        },
      });
      expect(quality).toEqual(Array(UNITS).fill('ok'));
      z.push(...zScores(unit_E0, unitStderr_E0, per(laws.kT)));
    }
    // 480 values: four standard errors of a mean are 0.18, of a variance 0.26.
    expect(Math.abs(mean(z))).toBeLessThan(0.18);
    expect(Math.abs(variance(z) - 1)).toBeLessThan(0.26);
  });
});

describe('sensitivityAt', () => {
  it('says what an error of <x^2>, J2 or J4 does to the temperature', () => {
    const law = { j2: 1, j4: 1, force: 0 };
    const x2 = squareAt(0.1, law);
    const by = sensitivityAt(0.1, law);
    const change = (kT: number | null): number => ((kT ?? NaN) / 0.1 - 1) / 0.01;
    expect(by.secondMoment).toBeCloseTo(change(temperatureAt(x2 * 1.01, law)), 1);
    expect(by.j2).toBeCloseTo(change(temperatureAt(x2, { ...law, j2: 1.01 })), 2);
    expect(by.j4).toBeCloseTo(change(temperatureAt(x2, { ...law, j4: 1.01 })), 2);
    // kT scales with J2 and J4 together.
    expect(by.j2 + by.j4).toBeCloseTo(1, 2);
  });
});

describe('calibration noise-temperature on a known chip', () => {
  const profile = profileWith({
    readout: { gain: { common_ratio: 0.05 }, noise: { rms_x: 0.01 }, offset: { spread_x: 0.01 } },
    potential: { j2: { spread_ratio: 0.03 }, offset: { common_E0: 0.03, spread_E0: 0.02 } },
    noise: { temperature: { common_ratio: 0.1, spread_ratio: 0.02 } },
  });
  const truth = truthOf(profile, UNITS);
  const planted = mean(truth.noiseTemperature_ratio);
  let twin: ConnectedTwin;
  beforeAll(async () => {
    twin = await connectTwin({ units: UNITS, profile });
  });
  afterAll(() => twin.close());
  const options = { seed: 4, holds: 150, record_timeUnits: 10 };

  it('is wrong by the gain as long as it is not known, and says that it assumes it', async () => {
    const { values, stderr } = await noiseTemperature.run(twin.device, options, unwatched());
    const error = (values['noiseTemperature_ratio'] as number) / planted - 1;
    expect(error).toBeGreaterThan(0.08);
    expect(error / (stderr['noiseTemperature_ratio'] as number)).toBeGreaterThan(5);
    expect(values['assumes']).toEqual({ readoutGain: 1 });
  });

  it('finds the planted temperatures once readout and potential are', async () => {
    const known = knownPotential(truth);
    const { values, stderr } = await noiseTemperature.run(twin.device, options, unwatched(known));
    const z =
      ((values['noiseTemperature_ratio'] as number) - planted) / (stderr['noiseTemperature_ratio'] as number);
    // The step of 0.001 adds 0.12 %, a third of the error bar.
    expect(Math.abs(z)).toBeLessThan(4);
    expect(stderr['noiseTemperature_ratio']).toBeLessThan(0.006);
    const units = zScores(
      (values['perUnit'] as JsonObject)['noiseTemperature_ratio'],
      (stderr['perUnit'] as JsonObject)['noiseTemperature_ratio'],
      truth.noiseTemperature_ratio,
    );
    expect(units.reduce((sum, each) => sum + each * each, 0)).toBeLessThan(UNITS + 4 * Math.sqrt(2 * UNITS));
    expect(values['assumes']).toEqual({});
    expect(values['statement']).toContain('converter reference');
  });

  it('passes on how well gain, J2 and J4 are known', async () => {
    const plain = knownReadout(truth);
    const vague = knownPotential(truth);
    const fill = (value: number): Float64Array => new Float64Array(UNITS).fill(value);
    vague.readout = vague.readout && {
      ...vague.readout,
      gainStderr_ratio: fill(0.01),
      gainUncertainty_ratio: 0.004,
    };
    vague.potential = vague.potential && {
      ...vague.potential,
      stderr: { j2_ratio: fill(0.03), j4_ratio: fill(0), offset_E0: fill(0), correlation: fill(0) },
    };
    const [one, other] = [
      await noiseTemperature.run(twin.device, options, unwatched(knownPotential(truth))),
      await noiseTemperature.run(twin.device, options, unwatched(vague)),
    ];
    const error = (result: typeof one): number =>
      ((result.stderr['perUnit'] as JsonObject)['noiseTemperature_ratio'] as number[])[0];
    // 2 * 1.17 * 1 % of the gain and 0.85 * 3 % of J2, on top.
    expect(Math.hypot(error(one), 0.0235 * 1.1, 0.0255 * 1.1)).toBeCloseTo(error(other), 2);
    expect(other.values['systematic_ratio']).toBeCloseTo(0.0094, 3);
    const readoutOnly = await noiseTemperature.run(twin.device, options, unwatched(plain));
    expect(readoutOnly.values['assumes']).toEqual({ j2Ratio: 1, j4Ratio: 1, offset_E0: 0 });
  });
});
