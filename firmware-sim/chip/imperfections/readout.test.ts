// Errors of the readout, seen through the core: the same seed on an ideal chip gives the same states, so every difference of
// the codes is the readout's.
import { describe, expect, it } from 'vitest';
import { codesOf, field, means_x, rms } from '../../../test/support/chip-profiles.ts';
import type { Faults } from '../../../test/support/chip-profiles.ts';
import { harmonicProgram, phase, schedule } from '../../../test/support/core-programs.ts';

const UNITS = 256;
const SAMPLES = 64;
const program = harmonicProgram(UNITS);
const readAtStep = [100, 200, 300, 400];
const run = schedule([phase(400, { readAtStep })], { samples: SAMPLES, step_ns: 5, seed: 3n });
const ideal = codesOf({}, program, run);

/** Slope of the delivered codes of each unit over those of the ideal chip. */
async function slopes(faults: Faults): Promise<Float64Array> {
  const [x, y] = [await ideal, await codesOf(faults, program, run)];
  const xy = new Float64Array(UNITS);
  const xx = new Float64Array(UNITS);
  x.forEach((code, at) => {
    xy[at % UNITS] += code * y[at];
    xx[at % UNITS] += code * code;
  });
  return xy.map((sum, unit) => sum / xx[unit]);
}

async function differences(faults: Faults): Promise<Float64Array> {
  const [x, y] = [await ideal, await codesOf(faults, program, run)];
  return Float64Array.from(y, (code, at) => code - x[at]);
}

describe('readout gain', () => {
  it.each([0.01, 0.04])('spread %d over the units', async (spread_ratio) => {
    const g = await slopes({ readout: { gain: { spread_ratio } } });
    // 256 values: a standard error of 1/sqrt(512) = 4.4 % of their s.d.
    expect(Math.abs(rms(g.map((s) => s - 1)) / spread_ratio - 1)).toBeLessThan(4 * 0.044);
  });
  it.each([-0.05, 0.1])('common error %d', async (common_ratio) => {
    const g = await slopes({ readout: { gain: { common_ratio } } });
    expect(Math.max(...g.map((s) => Math.abs(s - 1 - common_ratio)))).toBeLessThan(1e-3);
  });
  it('another seed is another chip', async () => {
    const [a, b] = await Promise.all(
      [0, 1].map((seed) => slopes({ readout: { gain: { spread_ratio: 0.04, seed } } })),
    );
    expect(rms(a.map((s, unit) => s - b[unit])) / 0.04 / Math.SQRT2).toBeGreaterThan(0.8);
  });
});

describe('readout offset', () => {
  it.each([0.01, 0.05])('spread %d over the units', async (spread_x) => {
    const codes = await differences({ readout: { offset: { spread_x, common_x: 0.1 } } });
    const mean = new Float64Array(UNITS);
    codes.forEach((d, at) => (mean[at % UNITS] += d / 1024 / (SAMPLES * 4)));
    const centre = mean.reduce((a, b) => a + b) / UNITS;
    expect(Math.abs(centre - 0.1)).toBeLessThan((4 * spread_x) / 16);
    expect(Math.abs(rms(mean.map((m) => m - centre)) / spread_x - 1)).toBeLessThan(4 * 0.044);
  });
});

describe('readout noise', () => {
  it.each([0.004, 0.03])('of %d rms, new at every read', async (rms_x) => {
    const d = await differences({ readout: { noise: { rms_x } } });
    // Two roundings add 1/12 each; 65536 values: 0.28 % of the rms.
    const expected = Math.sqrt((rms_x * 1024) ** 2 + 1 / 6);
    expect(Math.abs(rms(d) / expected - 1)).toBeLessThan(0.015);
    let lagged = 0;
    for (let at = UNITS; at < d.length; at++) lagged += d[at] * d[at - UNITS];
    expect(Math.abs(lagged / (d.length - UNITS) / expected ** 2)).toBeLessThan(4 / 256);
  });
  it('does not depend on batches', async () => {
    const faults: Faults = { readout: { noise: { rms_x: 0.02 } } };
    const whole = await codesOf(faults, program, run);
    const part = await codesOf(faults, program, { ...run, firstSample: 40, samples: 24 });
    expect(part).toEqual(whole.slice(40 * 4 * UNITS));
  });
});

describe('droop', () => {
  it.each([0.05, 0.5])('rate %d / us: units that are converted later read less', async (rate) => {
    const g = await slopes({ readout: { droop: { rate_perMicrosecond: rate, conversion_ns: 10 } } });
    for (const unit of [0, 100, 255]) {
      expect(Math.abs(g[unit] - Math.exp(-rate * 0.01 * unit))).toBeLessThan(2e-3);
    }
  });
});

describe('converter', () => {
  it.each([2, 8])('integral non-linearity of %d codes: the bow', async (inl_codes) => {
    const [x, d] = [await ideal, await differences({ readout: { adc: { inl_codes } } })];
    let sum = 0;
    let exact = 0;
    x.forEach((code, at) => {
      const u = code / 2048;
      sum += d[at] * Math.sign(code);
      exact += 4 * inl_codes * Math.abs(u) * (1 - Math.abs(u));
    });
    // Rounding of 65536 differences of at most 1 code.
    expect(Math.abs(sum - exact) / x.length).toBeLessThan(4 * (0.5 / 256));
  });
  it.each([0.05, 0.2])('differential non-linearity of %d: codes next door', async (dnl_codes) => {
    const d = await differences({ readout: { adc: { dnl_codes } } });
    expect(d.every((step) => Math.abs(step) <= 1)).toBe(true);
    // A threshold moved by t gives |t| of a code to its neighbour: E|t| = sqrt(2/pi) dnl / sqrt(2). About 900 thresholds.
    const share = d.filter((step) => step !== 0).length / d.length;
    expect(Math.abs(share / (Math.sqrt(1 / Math.PI) * dnl_codes) - 1)).toBeLessThan(4 * 0.035);
  });
  it.each([0.25, 0.4])('range %d: saturation', async (range_x) => {
    const [x, y] = [await ideal, await codesOf({ readout: { adc: { range_x } } }, program, run)];
    const limit = Math.floor(range_x * 1024);
    expect(x.some((code) => Math.abs(code) > limit)).toBe(true);
    expect(y).toEqual(x.map((code) => Math.max(-limit, Math.min(limit, code))));
  });
});

describe('broken units', () => {
  const pushed = schedule(
    [phase(400, { field: field(new Int16Array(UNITS).fill(1000)), readAtStep: [200, 400] })],
    { samples: 16, step_ns: 5, seed: 5n },
  );
  it.each([0.005, 0.05])('a share of %d is dead: always the code 0', async (share) => {
    const faults: Faults = { units: { dead: { share, units: [3] } }, readout: { offset: { common_x: 0.1 } } };
    const codes = await codesOf(faults, program, pushed);
    const dead = Array.from({ length: UNITS }, (_, unit) => unit).filter((unit) =>
      codes.every((code, at) => at % UNITS !== unit || code === 0),
    );
    expect(dead).toContain(3);
    expect(dead.length - Math.floor(share * UNITS)).toBeGreaterThanOrEqual(0);
    expect(dead.length - Math.floor(share * UNITS)).toBeLessThanOrEqual(1);
  });
  it.each([
    [0.02, 0.5],
    [0.1, 1.25],
  ])('a share of %d is stuck at +-%d', async (share, level_x) => {
    const mean = means_x(await codesOf({ units: { stuck: { share, level_x } } }, program, pushed), UNITS);
    const stuck = mean.filter((m) => Math.abs(Math.abs(m) - level_x) < 1e-9);
    expect(stuck.length).toBe(Math.floor(share * UNITS));
    expect(new Set(stuck).size).toBe(2);
  });
});
