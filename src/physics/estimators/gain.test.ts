// The gain of the couplings from runs of plain double precision: right out of equilibrium, with an error bar that means what
// it says, and deaf to the noise of the readout.
import { describe, expect, it } from 'vitest';
import { randomPairs, fastRun } from '../../../test/support/fast-run.ts';
import { emptyModel, type Model } from '../model.ts';
import { mean, variance } from '../statistics.ts';
import { estimateGain } from './gain.ts';

/** Two growing modes and a bias: a generation run in small. */
function model(): Model {
  const units = 16;
  const biases = Float64Array.from({ length: units }, (_, i) => 0.2 * Math.sin(i));
  return { ...emptyModel(units), couplings: randomPairs(units, 0.45, 5), biases };
}

describe('estimateGain', () => {
  it.each([1, 0.9])('recovers a gain of %f from runs after switch-on, with an honest error bar', (gain) => {
    const z: number[] = [];
    /** Error bars over sqrt(2 kT/(mu T <h.h>)). */
    const ratios: number[] = [];
    for (let seed = 1; seed <= 60; seed++) {
      const record = fastRun(model(), { gain, samples: 20, reads: 126, spacing: 0.02, dt: 0.005, seed });
      const estimate = estimateGain(record, model());
      ratios.push(estimate.stderr_ratio / Math.sqrt((2 * 0.1) / (20 * 2.5 * estimate.signal_E02)));
      z.push((estimate.gain_ratio - gain) / estimate.stderr_ratio);
    }
    expect(mean(ratios)).toBeGreaterThan(0.8);
    expect(mean(ratios)).toBeLessThan(1.2);
    // Four standard errors of a mean and of a variance of 60.
    expect(Math.abs(mean(z))).toBeLessThan(0.52);
    expect(variance(z)).toBeGreaterThan(0.4);
    expect(variance(z)).toBeLessThan(1.75);
  });

  it('takes the noise of the readout off, and would be wrong otherwise', () => {
    const soft = { ...model(), j4: new Float64Array(16).fill(0.1), biases: new Float64Array(16) };
    const noisy = {
      gain: 1,
      samples: 600,
      reads: 126,
      spacing: 0.02,
      dt: 0.005,
      seed: 3,
      readoutNoise_x: 0.2,
    };
    const record = fastRun(soft, noisy);
    const known = estimateGain(record, soft);
    expect(Math.abs(known.gain_ratio - 1)).toBeLessThan(4 * known.stderr_ratio);
    const blind = estimateGain({ ...record, readout: undefined }, soft);
    expect(blind.gain_ratio).toBeLessThan(1 - 4 * known.stderr_ratio);
  });

  it('sees through the gain and the offset of each unit of the readout', () => {
    const readout = {
      gain_ratio: Float64Array.from({ length: 16 }, (_, i) => 1 + 0.03 * Math.cos(3 * i)),
      offset_x: Float64Array.from({ length: 16 }, (_, i) => 0.02 * Math.cos(5 * i)),
    };
    const record = fastRun(model(), {
      gain: 1,
      samples: 100,
      reads: 126,
      spacing: 0.02,
      dt: 0.005,
      seed: 4,
      ...readout,
    });
    const { gain_ratio, stderr_ratio } = estimateGain(record, model());
    expect(Math.abs(gain_ratio - 1)).toBeLessThan(4 * stderr_ratio);
  });

  it('needs the mobility of the chip, which sets the pace of the record', () => {
    const fast = {
      gain: 1,
      samples: 100,
      reads: 126,
      spacing: 0.02,
      dt: 0.005,
      seed: 6,
      mobility_ratio: 1.2,
    };
    const record = fastRun(model(), fast);
    const told = estimateGain(record, model(), { mobility_ratio: 1.2 });
    expect(Math.abs(told.gain_ratio - 1)).toBeLessThan(4 * told.stderr_ratio);
  });

  it.each([
    ['/spacing', { spacing: 0.25 }],
    ['/codes', { samples: 2 }],
    ['/reads', { reads: 2 }],
  ])('refuses %s and says what is allowed', (pointer, change) => {
    const options = { gain: 1, samples: 20, reads: 21, spacing: 0.02, dt: 0.01, seed: 1, ...change };
    const record = fastRun(model(), options);
    expect(() => estimateGain(record, model())).toThrow(
      expect.objectContaining({ code: 'bad-argument', pointer }),
    );
  });

  it('gives no gain of couplings that are not there, nor of a model of another size', () => {
    const record = fastRun(model(), { gain: 1, samples: 20, reads: 60, spacing: 0.02, dt: 0.01, seed: 1 });
    expect(() => estimateGain(record, emptyModel(16))).toThrow(/push nothing/);
    expect(() => estimateGain(record, emptyModel(4))).toThrow(/a record of 16 units/);
  });
});
