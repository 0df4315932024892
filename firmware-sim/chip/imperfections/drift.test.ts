// 1/f drift: the law of its increments over any elapsed time, its magnitude, and its effect on a core whose clock goes on.
import { describe, expect, it } from 'vitest';
import { field, means_x, profileWith, quiet, rms, settled } from '../../../test/support/chip-profiles.ts';
import type { Faults } from '../../../test/support/chip-profiles.ts';
import { createTwinCore } from '../index.ts';
import { decay } from './draws.ts';
import { advanceDrift, driftValues, startDrift } from './drift.ts';

const UNITS = 2048;
const SEED = 5;
const DAY_S = 86_400;
const settings = (octaves: number) =>
  profileWith({ drift: { shortest_s: 1, octaves, readoutGain_ratio: 0.01 } }).drift;

function gains(octaves: number, times_s: number[]): Float64Array {
  const drift = settings(octaves);
  let state = startDrift(drift, SEED, UNITS);
  for (const time_s of times_s) state = advanceDrift(state, drift, SEED, UNITS, time_s);
  return driftValues(state, drift, UNITS).readoutGain_ratio;
}

/** Mean square of what changed from `a` to `b`, over 1e-4 (the variance of the profile). */
const change = (a: Float64Array, b: Float64Array): number => rms(a.map((v, k) => v - b[k])) ** 2 / 1e-4;
/** Exact: mean over octaves of 2 (1 - exp(-elapsed / tau)). */
function exactChange(octaves: number, elapsed_s: number): number {
  let sum = 0;
  for (let k = 0; k < octaves; k++) sum += 2 * (1 - Math.exp(-elapsed_s / 2 ** k));
  return sum / octaves;
}

describe('the law', () => {
  /** Relative standard error of a mean square over the units. */
  const error = Math.sqrt(2 / UNITS);

  it('is stationary, at the start and after a day', () => {
    for (const times of [[], [1], [DAY_S], [1, 2, 3, 3, DAY_S]]) {
      expect(Math.abs(rms(gains(10, times)) ** 2 / 1e-4 - 1)).toBeLessThan(4 * error);
    }
  });

  it.each([0.01, 1, 30, 1000, DAY_S])('moves by the exact amount in %d s, in one step', (elapsed_s) => {
    const moved = change(gains(10, []), gains(10, [elapsed_s]));
    expect(Math.abs(moved / exactChange(10, elapsed_s) - 1)).toBeLessThan(4 * error);
  });

  it('moves by the same amount in many steps', () => {
    const steps = Array.from({ length: 20 }, (_, k) => 1.5 * (k + 1));
    expect(Math.abs(change(gains(10, []), gains(10, steps)) / exactChange(10, 30) - 1)).toBeLessThan(
      4 * error,
    );
  });

  it('is 1/f: equal changes for equal ratios of time, inside the band', () => {
    // S(f) = c / f has <(y(t) - y(0))^2> growing with log t: the same increment from 8 to 32 s as from 32 to 128 s.
    const at = [8, 32, 128].map((elapsed_s) => exactChange(14, elapsed_s));
    expect((at[2] - at[1]) / (at[1] - at[0])).toBeCloseTo(1, 1);
    const [a, b] = [8, 128].map((elapsed_s) => change(gains(14, []), gains(14, [elapsed_s])));
    expect(Math.abs((b - a) / (at[2] - at[0]) - 1)).toBeLessThan(0.15);
  });

  it('repeats itself for the same seed and times, and stands still without time', () => {
    expect(gains(8, [3, 9])).toEqual(gains(8, [3, 9]));
    expect(gains(8, [3, 3, 2])).toEqual(gains(8, [3]));
    expect(gains(8, [3])).not.toEqual(gains(8, [4]));
  });

  it('decays by an exponential that no engine can disagree about', () => {
    for (const t of [0, 1e-9, 0.05, 1, 3.7, 30, 600]) {
      expect(Math.abs(decay(t) / Math.exp(-t) - 1)).toBeLessThan(1e-12);
    }
    expect(decay(1e6)).toBe(0);
  });
});

describe('a core that drifts', () => {
  const UNITS_CORE = 64;
  const push = field(new Int16Array(UNITS_CORE).fill(1600));

  /** Means of each unit now and 1000 s later. */
  async function twice(faults: Faults, coupled = false): Promise<[Float64Array, Float64Array]> {
    let now_s = 0;
    const program = quiet(UNITS_CORE);
    program.couplingCode.fill(100);
    program.scale.coupling_E0 = 1e-4;
    const profile = profileWith(faults);
    const core = await createTwinCore({ units: UNITS_CORE, threads: 1, profile, deviceTime_s: () => now_s });
    try {
      core.load(program);
      const run = settled({ field: push, coupled });
      const first = await core.run(run);
      expect(await core.run(run)).toEqual(first);
      now_s = 1000;
      return [means_x(first, UNITS_CORE), means_x(await core.run(run), UNITS_CORE)];
    } finally {
      await core.close();
    }
  }
  const drift = { shortest_s: 1, octaves: 6 };
  /** 1000 s are more than all correlation times: two independent values. */
  const apart = Math.SQRT2;
  const bound = 4 / Math.sqrt(2 * UNITS_CORE);

  it.each([0.01, 0.05])('readout gains by %d', async (readoutGain_ratio) => {
    const [a, b] = await twice({ drift: { ...drift, readoutGain_ratio } });
    const found = rms(a.map((x, k) => (b[k] - x) / 0.8)) / apart;
    expect(Math.abs(found / readoutGain_ratio - 1)).toBeLessThan(bound);
  });

  it.each([0.01, 0.05])('readout offsets by %d', async (readoutOffset_x) => {
    const [a, b] = await twice({ drift: { ...drift, readoutOffset_x } });
    expect(Math.abs(rms(a.map((x, k) => b[k] - x)) / apart / readoutOffset_x - 1)).toBeLessThan(bound);
  });

  it.each([0.02, 0.05])('forces by %d E0', async (offset_E0) => {
    const [a, b] = await twice({ drift: { ...drift, offset_E0 } });
    expect(Math.abs((2 * rms(a.map((x, k) => b[k] - x))) / apart / offset_E0 - 1)).toBeLessThan(bound);
  });

  it.each([0.02, 0.05])('the common gain of the couplings by %d', async (couplingGain_ratio) => {
    const faults = { drift: { ...drift, couplingGain_ratio } };
    const [a, b] = await twice(faults, true);
    const settings = profileWith(faults).drift;
    const start = startDrift(settings, 7, UNITS_CORE);
    const later = advanceDrift(start, settings, 7, UNITS_CORE, 1000);
    // All units alike: (2 + 63 J g) x = f.
    [start, later].forEach((state, k) => {
      const gain = 1 + driftValues(state, settings, UNITS_CORE).couplingGain_ratio;
      const exact = 1.6 / (2 + 0.63 * gain);
      expect(Math.abs(gain - 1)).toBeGreaterThan(0.001);
      expect(Math.abs([a, b][k].reduce((s, x) => s + x) / UNITS_CORE - exact)).toBeLessThan(2e-4);
    });
  });

  it.each([0.02, 0.05])('the common noise temperature by %d', async (noiseTemperature_ratio) => {
    const faults = { drift: { ...drift, noiseTemperature_ratio } };
    const settings = profileWith(faults).drift;
    const core = async (profile: Faults): Promise<Float64Array> => {
      const made = await createTwinCore({ units: UNITS_CORE, threads: 1, profile: profileWith(profile) });
      const program = { ...quiet(UNITS_CORE) };
      program.scale.noiseTemperature_E0 = 0.1 / 1638;
      made.load(program);
      const codes = await made.run(settled());
      await made.close();
      return Float64Array.from(codes);
    };
    const [ideal, drifted] = await Promise.all([core({}), core(faults)]);
    const start = driftValues(startDrift(settings, 7, UNITS_CORE), settings, UNITS_CORE);
    // The same random numbers in a linear well: x^2 scales with kT, up to the rounding of codes.
    const ratio = (rms(drifted) / rms(ideal)) ** 2;
    expect(Math.abs(start.noiseTemperature_ratio)).toBeGreaterThan(0.002);
    expect(Math.abs(ratio - 1 - start.noiseTemperature_ratio)).toBeLessThan(5e-4);
  });
});
