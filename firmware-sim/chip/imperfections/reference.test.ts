// The converter reference, seen through the core: it passes everything that a state passes behind the unit, and nothing else.
import { describe, expect, it } from 'vitest';
import { createTwinCore } from '../index.ts';
import type { CoreRun } from '../index.ts';
import { CoreRefusal } from '../analog-core.ts';
import { profileWith, rms } from '../../../test/support/chip-profiles.ts';
import type { Faults } from '../../../test/support/chip-profiles.ts';
import { harmonicProgram, phase, schedule } from '../../../test/support/core-programs.ts';

const UNITS = 128;
const LEVELS = [-1.5, 0, 0.75];
const reading = (changes: Partial<CoreRun> = {}): CoreRun => ({
  seed: 5n,
  firstSample: 0,
  samples: 200,
  step_ns: 1,
  phases: [],
  reference: { units: UNITS, level_x: LEVELS },
  ...changes,
});

async function codesOf(faults: Faults, run: CoreRun = reading(), units = UNITS): Promise<Int16Array> {
  const core = await createTwinCore({ units, threads: 1, profile: profileWith(faults) });
  try {
    core.check(run);
    return await core.run(run);
  } finally {
    await core.close();
  }
}

/** Means over the samples, [level][unit], in x. */
function means_x(codes: Int16Array, samples = 200): Float64Array {
  const means = new Float64Array(LEVELS.length * UNITS);
  codes.forEach((code, k) => (means[k % means.length] += code));
  return means.map((sum) => sum / (1024 * samples));
}

/** Gain of each unit: the difference of the two outer levels over what it should be. */
async function gains(faults: Faults): Promise<Float64Array> {
  const means = means_x(await codesOf(faults));
  return means
    .subarray(0, UNITS)
    .map((low, unit) => (means[2 * UNITS + unit] - low) / (LEVELS[2] - LEVELS[0]));
}

describe('the reference', () => {
  it('gives its level on an ideal chip, in every channel and sample', async () => {
    const codes = await codesOf({});
    expect(codes).toHaveLength(200 * 3 * UNITS);
    expect(codes.every((code, k) => code === LEVELS[Math.floor(k / UNITS) % 3] * 1024)).toBe(true);
  });

  it.each([-0.02, 0.05])('of a readout gain of 1 %d shows that gain', async (common_ratio) => {
    const g = await gains({ readout: { gain: { common_ratio } } });
    expect(Math.max(...g.map((value) => Math.abs(value - 1 - common_ratio)))).toBeLessThan(5e-4);
  });

  it('with an error of its own shows the product of both: nothing at this end can tell them apart', async () => {
    const faults = { gain: { common_ratio: -0.02 }, reference: { error_ratio: 0.01 } };
    const g = await gains({ readout: faults });
    expect(Math.max(...g.map((value) => Math.abs(value - 0.98 * 1.01)))).toBeLessThan(5e-4);
  });

  it('shows the gain that each unit has when it is read, its droop included', async () => {
    const readout = { gain: { spread_ratio: 0.03 }, droop: { rate_perMicrosecond: 0.02, conversion_ns: 10 } };
    const g = await gains({ readout });
    const undrooped = g.map((value, unit) => value / Math.exp(-unit * 0.01 * 0.02) - 1);
    expect(Math.abs(rms(undrooped) / 0.03 - 1)).toBeLessThan(4 / Math.sqrt(2 * UNITS));
    // The states of a run are read with the same gains.
    const program = harmonicProgram(UNITS);
    const run = schedule([phase(400, { readAtStep: [200, 400] })], { samples: 64, step_ns: 5, seed: 3n });
    const [plain, read] = [{}, { readout }].map(async (faults) => {
      const core = await createTwinCore({ units: UNITS, threads: 1, profile: profileWith(faults) });
      core.load(program);
      const codes = await core.run(run);
      await core.close();
      return codes;
    });
    const [xy, xx] = [new Float64Array(UNITS), new Float64Array(UNITS)];
    const y = await read;
    (await plain).forEach((x, k) => {
      xy[k % UNITS] += x * y[k];
      xx[k % UNITS] += x * x;
    });
    const differences = xy.map((sum, unit) => sum / xx[unit] - g[unit]);
    expect(rms(differences)).toBeLessThan(0.002); // 3 % is what the gains differ by; rounding leaves 0.1 %
  });

  it('has the noise and the offset of the readout, and a noise of its own', async () => {
    const faults = { readout: { noise: { rms_x: 0.01 }, offset: { common_x: 0.02, spread_x: 0.01 } } };
    const codes = await codesOf(faults);
    const means = means_x(codes);
    const offsets = means.subarray(UNITS, 2 * UNITS);
    expect(Math.abs(offsets.reduce((a, b) => a + b) / UNITS - 0.02)).toBeLessThan(
      (4 * 0.01) / Math.sqrt(UNITS),
    );
    const noise = Float64Array.from(codes, (code, k) => code / 1024 - means[k % means.length]);
    const expected = Math.hypot(0.01, 2 ** -10 / Math.sqrt(12)) * Math.sqrt(199 / 200);
    expect(Math.abs(rms(noise) / expected - 1)).toBeLessThan(4 / Math.sqrt(2 * codes.length));
    // Same seed, sample, read and unit as in a run: the noise must not be the same.
    const core = await createTwinCore({ units: UNITS, threads: 1, profile: profileWith(faults) });
    core.load({
      ...harmonicProgram(UNITS),
      scale: { ...harmonicProgram(UNITS).scale, noiseTemperature_E0: 1e-12 },
    });
    const still = await core.run(
      schedule([phase(10, { readAtStep: [1, 2, 3] })], { samples: 200, seed: 5n }),
    );
    await core.close();
    let covariance = 0;
    still.forEach((code, k) => (covariance += (code / 1024 - offsets[k % UNITS]) * noise[k]));
    expect(Math.abs(covariance / still.length)).toBeLessThan((4 * 1e-4) / Math.sqrt(still.length));
  });

  it('delivers 0 for a dead unit, and the level for one that stands still', async () => {
    const means = means_x(
      await codesOf({ units: { dead: { units: [3] }, stuck: { units: [4], level_x: 1 } } }),
    );
    expect([3, UNITS + 3, 2 * UNITS + 3].map((k) => means[k])).toEqual([0, 0, 0]);
    expect([4, UNITS + 4, 2 * UNITS + 4].map((k) => means[k])).toEqual(LEVELS);
  });

  it('saturates where the converter does', async () => {
    const means = means_x(await codesOf({ readout: { adc: { range_x: 1 } } }));
    expect([means[0], means[2 * UNITS]]).toEqual([-1, 0.75]);
  });

  it('does not depend on batches', async () => {
    const faults = { readout: { noise: { rms_x: 0.05 } } };
    const whole = await codesOf(faults);
    const tail = await codesOf(faults, reading({ firstSample: 150, samples: 50 }));
    expect(tail).toEqual(whole.subarray(150 * 3 * UNITS));
  });

  it.each<[string, Partial<CoreRun>]>([
    ['more units than the core has', { reference: { units: UNITS + 1, level_x: [0] } }],
    ['no units', { reference: { units: 0, level_x: [0] } }],
    ['no level', { reference: { units: 1, level_x: [] } }],
    ['a level beyond the rails', { reference: { units: 1, level_x: [2.01] } }],
    ['a level that is none', { reference: { units: 1, level_x: [NaN] } }],
    ['no samples', { samples: 0 }],
    ['a schedule beside it', { phases: [phase(10)] }],
    ['a seed of 65 bits', { seed: 1n << 64n }],
  ])('refuses %s', async (_what, changes) => {
    const core = await createTwinCore({ units: UNITS, threads: 1 });
    expect(() => core.check(reading(changes))).toThrow(CoreRefusal);
    await expect(core.run(reading(changes))).rejects.toThrow(CoreRefusal);
    await core.close();
  });
});
