// The coupling procedures on a twin with planted gains, missing couplings and broken units, end to end over link and firmware.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadProfile } from '../../../firmware-sim/chip/index.ts';
import { knownReadout, unwatched } from '../../../test/support/calibration-known.ts';
import { profileWith } from '../../../test/support/chip-profiles.ts';
import { standingStill, truthOf } from '../../../test/support/chip-truth.ts';
import { connectTwin, type ConnectedTwin } from '../../../test/support/connected-twin.ts';
import { couplingTruth } from '../../../test/support/coupling-truth.ts';
import { twinCapabilities } from '../../../test/support/device-facts.ts';
import { emptyModel, quantise } from '../../physics/index.ts';
import { NOTHING_KNOWN, knowledgeFrom } from '../knowledge.ts';
import type { CalibrationOutcome, JsonObject } from '../procedure.ts';
import { denseProgram } from './drive.ts';
import { couplingGain } from './gain-procedure.ts';
import { couplingMap } from './map-procedure.ts';
import { mask } from './mask-procedure.ts';

const UNITS = 40;
const [DEAD, STUCK] = [7, 21];
const MISSING: [number, number][] = [
  [2, 30],
  [3, 7],
  [5, 6],
  [5, 33],
];
const profile = profileWith({
  readout: {
    gain: { common_ratio: -0.03, spread_ratio: 0.02 },
    offset: { common_x: 0.01, spread_x: 0.01 },
    noise: { rms_x: 0.008 },
  },
  potential: {
    j2: { common_ratio: 0.04, spread_ratio: 0.02 },
    j4: { common_ratio: -0.05, spread_ratio: 0.02 },
    offset: { spread_E0: 0.02 },
  },
  couplings: {
    gain: { common_ratio: -0.1, spread_ratio: 0.06 },
    asymmetry: { spread_ratio: 0.02 },
    missing: { pairs: MISSING },
  },
  noise: { temperature: { common_ratio: 0.2, spread_ratio: 0.03 } },
  timing: { clock_ratio: 0.05 },
  units: { dead: { units: [DEAD] }, stuck: { units: [STUCK], level_x: 0.8 } },
});
const known = knownReadout(truthOf(profile, UNITS));
const truth = couplingTruth(profile, denseProgram(quantise(emptyModel(UNITS)), 0.3, 1));
const works = (unit: number): boolean => unit !== DEAD && unit !== STUCK;

let twin: ConnectedTwin;
beforeAll(async () => {
  twin = await connectTwin({ units: UNITS, profile });
});
afterAll(() => twin.close());

describe('calibration mask', () => {
  it('names dead and stuck units and the missing couplings of the others, and no more', async () => {
    const { values } = await mask.run(twin.device, { seed: 4 }, unwatched(known));
    expect(values).toMatchObject({ dead: [DEAD], stuck: [STUCK], open: [] });
    expect(values['missing']).toEqual(MISSING.filter((pair) => pair.every(works)));
    expect((values['perUnit'] as JsonObject)['quality']).toHaveLength(UNITS);
  });

  it('finds them without knowing the readout, too', async () => {
    const { values } = await mask.run(twin.device, { seed: 5 }, unwatched());
    expect(values['missing']).toEqual(MISSING.filter((pair) => pair.every(works)));
    expect(values['assumes']).toEqual({
      readoutGain: 1,
      readoutOffset_x: 0,
      readoutNoise_x: 0,
      fieldGain: 1,
    });
  });

  it('is not taken in by stuck bits of other couplings, which push in time with a suspect', async () => {
    const worn = standingStill({ ...(await loadProfile('worn')), seed: 3 });
    const { missing, stuckBits } = worn.couplings;
    const couplings = {
      ...worn.couplings,
      missing: { ...missing, share: 0.03 },
      stuckBits: { ...stuckBits, share: 0.03 },
    };
    const chip = await connectTwin({ units: 64, profile: { ...worn, couplings } });
    try {
      const { values } = await mask.run(chip.device, { seed: 1003 }, unwatched());
      const planted = couplingTruth({ ...worn, couplings }, denseProgram(quantise(emptyModel(64)), 0.3, 1));
      expect(planted.missing).toHaveLength(42);
      expect(values).toMatchObject({ missing: planted.missing, open: [] });
    } finally {
      await chip.close();
    }
  });
});

describe('calibration coupling-gain', () => {
  it('finds the common gain within its error, whatever J2, J4, noise temperature and clock are', async () => {
    const missing = MISSING.filter((pair) => pair.every(works));
    const withMask = { ...known, mask: { dead: [DEAD], stuck: [STUCK], missing } };
    const progress: { done: number; total: number }[] = [];
    const { values, stderr } = await couplingGain.run(
      twin.device,
      { seed: 6 },
      { ...unwatched(withMask), onProgress: (p) => progress.push(p) },
    );
    const error = stderr['gain_ratio'] as number;
    expect(error).toBeLessThan(0.005);
    expect(Math.abs((values['gain_ratio'] as number) - 0.9)).toBeLessThan(4 * error);
    expect(values).toMatchObject({ dead: [DEAD], stuck: [STUCK], assumes: { fieldGain: 1 } });
    expect(values['measurement']).toMatchObject({ programs: 1, fields: 31, runs: 8 });
    expect(progress.at(-1)).toEqual({ done: 31 * 205, total: 31 * 205 });
    expect(JSON.parse(JSON.stringify({ values, stderr }))).toEqual({ values, stderr });
  });

  it('adds what its reference may be off by to its error', async () => {
    const readout = known.readout && { ...known.readout, gainUncertainty_ratio: 0.02 };
    const { stderr } = await couplingGain.run(
      twin.device,
      { seed: 6, samples: 40 },
      unwatched({ ...known, readout }),
    );
    expect(stderr['gain_ratio']).toBeGreaterThan(0.9 * 0.02);
  });
});

describe('calibration coupling-map', () => {
  let outcome: CalibrationOutcome;
  beforeAll(async () => {
    outcome = await couplingMap.run(twin.device, { seed: 7 }, unwatched(known));
  });

  it('finds every coupling in both directions, with honest errors', () => {
    const { values, blob = new Uint8Array() } = outcome;
    const gain = values['gain_ratio'] as number;
    const view = new DataView(blob.buffer);
    let [chi, count] = [0, 0];
    for (let k = 0; k < UNITS * UNITS; k++) {
      const [i, j] = [Math.floor(k / UNITS), k % UNITS];
      const value = view.getFloat32(4 * k, true);
      if (i === j || !works(i) || !works(j)) {
        expect(value).toBeNaN();
        continue;
      }
      const stderr = view.getFloat32(4 * (UNITS * UNITS + k), true);
      // 1536 states a unit with about 1.1 E0 of noise in the force, and what couplings 6 % apart do to their row.
      expect(stderr * gain).toBeLessThan(0.08);
      chi += ((value * gain - truth.ratio[k]) / (stderr * gain)) ** 2;
      count += 1;
    }
    expect(count).toBe(38 * 37);
    // Four standard errors of a variance; half as much again above, because a row has a part of its errors in common.
    expect(chi / count).toBeGreaterThan(1 - 4 * Math.sqrt(2 / count));
    expect(chi / count).toBeLessThan(1 + 6 * Math.sqrt(2 / count));
  });

  it('names what stands out, and says how much couplings differ', () => {
    const { values } = outcome;
    const worst = values['worst'] as { element: string; quality: string }[];
    const missing = MISSING.filter((pair) => pair.every(works)).map((pair) => pair.join('-'));
    expect(
      worst
        .slice(0, 3)
        .map(({ element }) => element)
        .sort(),
    ).toEqual(missing.sort());
    expect(values['deviating']).toBe(3);
    // Planted 6 % and 2 %; about four standard errors of the scatter of 703 pairs.
    expect(Math.abs((values['scatter_ratio'] as number) - 0.06)).toBeLessThan(0.01);
    expect(Math.abs((values['asymmetry_ratio'] as number) - 0.02)).toBeLessThan(0.012);
    expect(values['pairError_ratio']).toBeLessThan(0.05);
  });

  it('is knowledge that programs can be corrected with', () => {
    const { coupling } = knowledgeFrom({ 'coupling-map': outcome });
    expect(coupling?.common_ratio).toBe(outcome.values['gain_ratio']);
    expect(coupling?.map_ratio).toHaveLength(UNITS * UNITS);
    expect(coupling?.map_ratio?.[DEAD]).toBe(1);
  });
});

describe('their options', () => {
  it.each([
    ['/units', { units: 3 }],
    ['/units', { units: 65 }],
    ['/samples', { samples: 3 }],
    ['/patterns', { patterns: 10 }],
    ['/settle_timeUnits', { settle_timeUnits: 0.1 }],
    ['/rowForce_E0', { rowForce_E0: 40 }],
    ['/step_timeUnits', { step_timeUnits: 0.1 }],
    ['/seed', { seed: -1 }],
    ['/colour', { colour: 'red' }],
  ])('refuse %s and say what is allowed', (pointer, options) => {
    for (const procedure of [couplingGain, couplingMap, mask])
      expect(() => procedure.check(options, twinCapabilities({ unitsMax: 64 }))).toThrow(
        expect.objectContaining({ name: 'CalibrationError', code: 'bad-option', pointer }),
      );
  });

  it('tell what the schedules add up to', () => {
    const capabilities = twinCapabilities({ unitsMax: 64 });
    expect(couplingGain.cost_s?.({}, capabilities)).toBeCloseTo(31 * 128 * 2.5e-6, 12);
    expect(couplingMap.cost_s?.({}, capabilities)).toBeCloseTo(103 * 128 * 2e-6, 12);
  });

  it('need a device that has said what it is, and units that follow', async () => {
    const away = { id: 'away', capabilities: null, hold: () => Promise.reject(new Error()) };
    const device = { ...away, measure: () => Promise.reject(new Error()) };
    await expect(mask.run(device, {}, unwatched(NOTHING_KNOWN))).rejects.toMatchObject({
      code: 'device-offline',
    });
  });
});
