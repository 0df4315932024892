// Offsets, noise and gains of channels whose truth is known, with honest errors also where nothing dithers the converter.
import { describe, expect, it } from 'vitest';
import { quarticHolds } from '../../../test/support/quartic-holds.ts';
import { referenceReads } from '../../../test/support/reference-reads.ts';
import { mean, variance } from '../../physics/index.ts';
import { estimateGains } from './gain-estimator.ts';
import { estimateOffsets, roundingError_codes } from './offset-estimator.ts';
import { estimateTwoHolds } from './two-holds.ts';

const UNITS = 40;
const gain = (i: number): number => 0.99 + 0.03 * Math.sin(i);
const offset_x = (i: number): number => 0.004 + 0.012 * Math.cos(2 * i);
const channels = { units: UNITS, gain, offset_x };

describe('estimateOffsets', () => {
  it('finds offset and noise of every channel, with errors that mean what they say', () => {
    const offset_z: number[] = [];
    const noise_z: number[] = [];
    for (let seed = 1; seed <= 20; seed++) {
      const block = referenceReads({ ...channels, seed, samples: 200, levels_x: [0], noise_x: 0.008 });
      const found = estimateOffsets(block);
      for (let i = 0; i < UNITS; i++) {
        offset_z.push((found.offset_x[i] - offset_x(i)) / found.offsetStderr_x[i]);
        noise_z.push((found.noise_x[i] - 0.008) / found.noiseStderr_x[i]);
      }
      expect(found.quality).toEqual(Array(UNITS).fill('ok'));
    }
    // 800 values each: four standard errors of a mean are 0.14, of a variance 0.2.
    for (const z of [offset_z, noise_z]) {
      expect(Math.abs(mean(z))).toBeLessThan(0.14);
      expect(Math.abs(variance(z) - 1)).toBeLessThan(0.2);
    }
  });

  it('allows for the rounding that no noise averages out', () => {
    const block = referenceReads({ ...channels, seed: 1, samples: 50, levels_x: [0], noise_x: 0 });
    const { offset_x: found, offsetStderr_x, noise_x } = estimateOffsets(block);
    const z = Array.from(found, (value, i) => (value - offset_x(i)) / offsetStderr_x[i]);
    expect(Math.max(...z.map(Math.abs))).toBeLessThanOrEqual(Math.sqrt(3) + 1e-9);
    expect(variance(z)).toBeGreaterThan(0.4);
    expect(noise_x.every((noise) => noise === 0)).toBe(true);
    // Half a code of noise leaves 0.7 % of the rounding, 0.3 codes 17 %.
    expect(roundingError_codes(0.5)).toBeLessThan(0.003);
    expect(roundingError_codes(0)).toBeCloseTo(1 / Math.sqrt(12), 12);
  });

  it('tells a channel that delivers nothing, and one that is noisier, from the others', () => {
    const block = referenceReads({ ...channels, seed: 3, samples: 300, levels_x: [0], noise_x: 0.008 });
    for (let k = 0; k < block.samples; k++) {
      block.codes[k * UNITS + 7] = 0;
      block.codes[k * UNITS + 9] *= 3;
    }
    const { quality, reasons, common } = estimateOffsets(block);
    expect(quality.flatMap((word, i) => (word === 'ok' ? [] : [[i, word]]))).toEqual([
      [7, 'dead'],
      [9, 'deviates'],
    ]);
    expect(reasons[9]).toContain('standard errors from the others');
    expect(common.noise_x).toBeGreaterThan(0.008);
  });
});

describe('estimateGains', () => {
  const levels_x = [-0.4, -0.2, 0.2, 0.4];

  it('finds the gain of every channel with honest errors, with noise and without', () => {
    const z: number[] = [];
    for (let seed = 1; seed <= 20; seed++) {
      const block = referenceReads({ ...channels, seed, samples: 100, levels_x, noise_x: 0.008 });
      const { gain_ratio, gainStderr_ratio, offset_x: passes } = estimateGains(block, levels_x);
      for (let i = 0; i < UNITS; i++) {
        z.push((gain_ratio[i] - gain(i)) / gainStderr_ratio[i]);
        expect(Math.abs(passes[i] - offset_x(i))).toBeLessThan(0.003);
      }
    }
    expect(Math.abs(mean(z))).toBeLessThan(0.14);
    expect(Math.abs(variance(z) - 1)).toBeLessThan(0.2);
    const still = estimateGains(
      referenceReads({ ...channels, seed: 1, samples: 30, levels_x, noise_x: 0 }),
      levels_x,
    );
    const silent = Array.from(still.gain_ratio, (g, i) => (g - gain(i)) / still.gainStderr_ratio[i]);
    expect(Math.max(...silent.map(Math.abs))).toBeLessThan(4);
  });

  it('gives no gain to a channel that does not follow', () => {
    const block = referenceReads({ ...channels, seed: 1, samples: 60, levels_x, noise_x: 0.008 });
    for (let k = 0; k < block.samples * block.reads; k++) block.codes[k * UNITS + 3] = 12 + (k % 2);
    const { quality, gain_ratio, reasons, common } = estimateGains(block, levels_x);
    expect(quality[3]).toBe('dead');
    expect(gain_ratio[3]).toBeNaN();
    expect(reasons[3]).toContain('do not follow');
    const truth = mean(Float64Array.from({ length: UNITS - 1 }, (_, i) => gain(i < 3 ? i : i + 1)));
    expect(Math.abs(common.gain_ratio - truth)).toBeLessThan(4 * common.gainStderr_ratio);
  });
});

describe('estimateTwoHolds', () => {
  it('tells a readout offset from a force by how J2 changes the means', () => {
    const force_E0 = (i: number): number => 0.03 * Math.sin(3 * i);
    const hold = (seed: number, j2_E0: number) => {
      const { codes, holds, reads, units, stateScale } = quarticHolds({
        seed,
        holds: 300,
        reads: 12,
        units: 16,
        kT: () => 0.1,
        j2: () => j2_E0,
        force: (i) => -force_E0(i),
        readout: (i) => ({ gain: 1, offset_x: offset_x(i), noise_x: 0.005 }),
      });
      return { codes, samples: holds, reads, units, stateScale, j2_E0, j4_E0: 1 };
    };
    const found = estimateTwoHolds(hold(1, 1), hold(2, 3), 0.1);
    const offset_z = Array.from(found.offset_x, (x, i) => (x - offset_x(i)) / found.offsetStderr_x[i]);
    const force_z = Array.from(found.force_E0, (f, i) => (f - force_E0(i)) / found.forceStderr_E0[i]);
    // Chi-square of 16 degrees, four standard errors wide.
    for (const z of [offset_z, force_z])
      expect(z.reduce((sum, each) => sum + each * each, 0)).toBeLessThan(16 + 4 * Math.sqrt(32));
    expect(Math.max(...found.offsetStderr_x)).toBeLessThan(0.01);
    expect(found.dead).not.toContain(true);
  });
});
