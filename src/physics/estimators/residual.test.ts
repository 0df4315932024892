// The noise temperature from what steps do beyond the equation of motion: right after switch-on as in equilibrium, deaf to the
// noise of the readout, with error bars that mean what they say.
import { describe, expect, it } from 'vitest';
import { randomPairs, fastRun } from '../../../test/support/fast-run.ts';
import { emptyModel, type Model } from '../model.ts';
import { mean, variance } from '../statistics.ts';
import { estimateResidualTemperature } from './residual.ts';

const KT_E0 = 0.1;

/** Two growing modes and a bias: a generation run in small. */
function model(): Model {
  const units = 16;
  const biases = Float64Array.from({ length: units }, (_, i) => 0.2 * Math.sin(i));
  return { ...emptyModel(units), couplings: randomPairs(units, 0.45, 5), biases };
}

/** Steps of the integrator that cost less than the error bars: it heats by about their curvature times half a step. */
const run = { gain: 1, samples: 20, reads: 126, spacing: 0.02, dt: 0.0005, seed: 1 };

describe('estimateResidualTemperature', () => {
  it('finds the noise temperature after switch-on, with honest error bars, common and of each unit', () => {
    const [z, unitZ]: [number[], number[]] = [[], []];
    for (let seed = 1; seed <= 40; seed++) {
      const found = estimateResidualTemperature(fastRun(model(), { ...run, seed }), model(), {
        mobility_ratio: 1,
      });
      z.push((found.kT_E0 - KT_E0) / found.stderr_E0);
      for (let i = 0; i < 16; i++) unitZ.push((found.unitKT_E0[i] - KT_E0) / found.unitStderr_E0[i]);
    }
    // Four standard errors of a mean and of a variance, of 40 and of 640.
    expect(Math.abs(mean(z))).toBeLessThan(0.64);
    expect(variance(z)).toBeGreaterThan(0.3);
    expect(variance(z)).toBeLessThan(1.95);
    expect(Math.abs(mean(unitZ))).toBeLessThan(0.2);
    expect(variance(unitZ)).toBeGreaterThan(0.77);
    expect(variance(unitZ)).toBeLessThan(1.3);
  });

  it('takes the noise of the readout off, given or found in neighbouring steps', () => {
    const record = fastRun(model(), { ...run, samples: 100, seed: 3, readoutNoise_x: 0.02 });
    const given = estimateResidualTemperature(record, model(), { mobility_ratio: 1 });
    expect(Math.abs(given.kT_E0 - KT_E0)).toBeLessThan(4 * given.stderr_E0);
    // sigma^2/(mu D) = 0.02: it would have been 20 %.
    expect(given.readout_E0).toBeGreaterThan(0.019);
    expect(given.readout_E0).toBeLessThan(0.021);
    const estimated = estimateResidualTemperature({ ...record, readout: undefined }, model(), {
      mobility_ratio: 1,
    });
    expect(Math.abs(estimated.kT_E0 - KT_E0)).toBeLessThan(4 * estimated.stderr_E0);
    expect(estimated.stderr_E0).toBeGreaterThan(given.stderr_E0);
  });

  it('is in proportion to the inverse of the mobility, and says what its error costs', () => {
    const record = fastRun(model(), { ...run, samples: 100, seed: 6, mobility_ratio: 1.2 });
    const told = estimateResidualTemperature(record, model(), { mobility_ratio: 1.2 });
    expect(Math.abs(told.kT_E0 - KT_E0)).toBeLessThan(4 * told.stderr_E0);
    const unsure = estimateResidualTemperature(record, model(), {
      mobility_ratio: 1.2,
      mobilityStderr_ratio: 0.02,
    });
    expect(unsure.stderr_E0).toBeCloseTo(Math.hypot(told.stderr_E0, 0.02 * told.kT_E0), 9);
  });

  it.each([
    ['/spacing', { spacing: 0.15 }],
    ['/codes', { samples: 2 }],
    ['/reads', { reads: 2 }],
  ])('refuses %s and says what is allowed', (pointer, change) => {
    const record = fastRun(model(), { ...run, reads: 21, dt: 0.01, ...change });
    expect(() => estimateResidualTemperature(record, model(), { mobility_ratio: 1 })).toThrow(
      expect.objectContaining({ code: 'bad-argument', pointer }),
    );
  });

  it.each([
    ['/mobility_ratio', { mobility_ratio: NaN }],
    ['/mobility_ratio', { mobility_ratio: 0 }],
    ['/mobilityStderr_ratio', { mobility_ratio: 1, mobilityStderr_ratio: -1 }],
    ['/readout', { mobility_ratio: 1, readoutNoise: 'given' as const }],
  ])('refuses %s where it is not known', (pointer, options) => {
    const record = { ...fastRun(model(), { ...run, reads: 21, dt: 0.01 }), readout: undefined };
    expect(() => estimateResidualTemperature(record, model(), options)).toThrow(
      expect.objectContaining({ code: 'bad-argument', pointer }),
    );
  });

  it('refuses a model of another size, and a readout said to be noisier than all motion', () => {
    const record = fastRun(model(), { ...run, dt: 0.01 });
    expect(() => estimateResidualTemperature(record, emptyModel(4), { mobility_ratio: 1 })).toThrow(
      /a record of 16 units/,
    );
    const noise_x = new Float64Array(16).fill(0.2);
    const readout = { gain_ratio: new Float64Array(16).fill(1), offset_x: new Float64Array(16), noise_x };
    expect(() => estimateResidualTemperature({ ...record, readout }, model(), { mobility_ratio: 1 })).toThrow(
      /noise of the readout is all/,
    );
  });
});
