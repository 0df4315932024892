// The thermometer on states drawn exactly from the quartic Boltzmann law: unbiased, with error bars that mean what they
// say, and able to tell a faulty unit from an unlucky one.
import { describe, expect, it } from 'vitest';
import { quarticHolds } from '../../../test/support/quartic-holds.ts';
import { mean, variance } from '../../physics/index.ts';
import { CalibrationError } from '../errors.ts';
import { estimateHold } from './hold-estimator.ts';

const NOMINAL_E0 = 0.1;

describe('estimateHold', () => {
  it('is unbiased with honest error bars, common and per unit (200 repeats)', () => {
    const common_z: number[] = [];
    const unit_z: number[] = [];
    for (let seed = 1; seed <= 200; seed++) {
      const data = quarticHolds({
        seed,
        holds: 100,
        reads: 3,
        units: 12,
        kT: () => NOMINAL_E0,
        memory: 0.25,
      });
      const estimate = estimateHold(data);
      common_z.push((estimate.noiseTemperature_E0 - NOMINAL_E0) / estimate.stderr_E0);
      estimate.unit_E0.forEach((kT, i) => {
        const stderr = estimate.unitStderr_E0[i];
        if (kT !== null && stderr !== null) unit_z.push((kT - NOMINAL_E0) / stderr);
      });
    }
    // Bounds are about four standard errors of a mean of 200 and of variances of 200 and 2400 values.
    expect(Math.abs(mean(common_z))).toBeLessThan(0.28);
    expect(variance(common_z)).toBeGreaterThan(0.65);
    expect(variance(common_z)).toBeLessThan(1.45);
    expect(unit_z).toHaveLength(2400);
    expect(variance(unit_z)).toBeGreaterThan(0.88);
    expect(variance(unit_z)).toBeLessThan(1.18);
  });

  it.each([0.9, 1.1])('recovers a planted noise temperature of %f at N = 64', (ratio) => {
    const data = quarticHolds({
      seed: 7,
      holds: 200,
      reads: 11,
      units: 64,
      kT: () => ratio * NOMINAL_E0,
      memory: 0.25,
    });
    const estimate = estimateHold(data);
    expect(estimate.stderr_E0 / NOMINAL_E0).toBeLessThan(0.008);
    expect(Math.abs(estimate.noiseTemperature_E0 / NOMINAL_E0 - ratio)).toBeLessThan(0.015);
    expect(estimate.flagged).toEqual([]);
    expect(estimate.chiSquare.pValue).toBeGreaterThan(1e-3);
  });

  it('raises false alarms on whole chips about as rarely as it promises', () => {
    let alarms = 0;
    for (let seed = 1; seed <= 100; seed++) {
      const data = quarticHolds({ seed, holds: 200, reads: 1, units: 64, kT: () => NOMINAL_E0 });
      if (estimateHold(data).flagged.length > 0) alarms++;
    }
    // 1 expected; the skewness of <x^2> makes it a little more.
    expect(alarms).toBeLessThanOrEqual(6);
  });

  it('names dead, offset and deviating units, and keeps them out of the common value', () => {
    const data = quarticHolds({
      seed: 3,
      holds: 200,
      reads: 11,
      units: 32,
      kT: (unit) => (unit === 5 ? 1.6 : unit === 6 ? 0.5 : 1) * NOMINAL_E0,
      memory: 0.25,
    });
    for (let k = 0; k < data.holds * data.reads; k++) {
      data.codes[k * 32 + 9] = -2047;
      data.codes[k * 32 + 11] += 100;
    }
    const estimate = estimateHold(data);
    expect(estimate.flagged.map(({ unit, quality }) => [unit, quality])).toEqual([
      [5, 'deviates'],
      [6, 'deviates'],
      [9, 'dead'],
      [11, 'offset'],
    ]);
    expect(estimate.flagged[0].reason).toContain('above');
    expect(estimate.flagged[1].reason).toContain('below');
    expect(estimate.unit_E0[9]).toBeNull();
    expect(estimate.quality.filter((q) => q === 'ok')).toHaveLength(28);
    expect(Math.abs(estimate.noiseTemperature_E0 / NOMINAL_E0 - 1)).toBeLessThan(0.02);
    expect(estimate.chiSquare.pValue).toBeLessThan(1e-6);
  });

  it('takes off what the rounding of a coarse readout adds', () => {
    // The same states through both readouts, so that only the rounding differs.
    const through = (stateScale: number): number => {
      const options = { seed: 4, holds: 400, reads: 4, units: 64, kT: () => NOMINAL_E0, stateScale };
      return estimateHold(quarticHolds(options)).noiseTemperature_E0;
    };
    // Without the correction <x^2> would be 3.2 % and kT 3.7 % too high.
    expect(Math.abs(through(2 ** -3) / through(2 ** -10) - 1)).toBeLessThan(0.003);
  });

  it('uses each unit with its own J2 and J4', () => {
    const data = quarticHolds({
      seed: 5,
      holds: 200,
      reads: 8,
      units: 30,
      kT: () => NOMINAL_E0,
      j2: (unit) => 0.5 + (unit % 3) * 0.5,
      j4: (unit) => 0.5 + (unit % 2),
    });
    const estimate = estimateHold(data);
    expect(estimate.flagged).toEqual([]);
    expect(Math.abs(estimate.noiseTemperature_E0 - NOMINAL_E0)).toBeLessThan(4 * estimate.stderr_E0);
    expect(estimate.chiSquare.pValue).toBeGreaterThan(1e-3);
  });

  it('finds the correlation inside the holds, and an error bar that agrees with the restarts', () => {
    const options = { seed: 6, holds: 200, reads: 21, units: 64, kT: () => NOMINAL_E0, memory: 0.25 };
    const { correlation, stderr_E0 } = estimateHold(quarticHolds(options));
    // rho(l) = memory^l, so 1 + 2 sum rho = (1 + m)/(1 - m).
    expect(correlation?.time_reads).toBeCloseTo(1.25 / 0.75, 1);
    expect(correlation?.trusted).toBe(true);
    expect((correlation?.stderr_E0 ?? 0) / stderr_E0).toBeGreaterThan(0.8);
    expect((correlation?.stderr_E0 ?? 0) / stderr_E0).toBeLessThan(1.25);
    // A memory as long as the hold: the window cannot close, and the figure is not to be trusted.
    expect(estimateHold(quarticHolds({ ...options, memory: 0.95 })).correlation?.trusted).toBe(false);
    expect(estimateHold(quarticHolds({ ...options, reads: 1 })).correlation).toBeNull();
  });

  it('gives no temperature without an error bar, or without a living unit', () => {
    const few = quarticHolds({ seed: 1, holds: 9, reads: 1, units: 4, kT: () => NOMINAL_E0 });
    expect(() => estimateHold(few)).toThrow(CalibrationError);
    const dark = quarticHolds({ seed: 1, holds: 20, reads: 1, units: 4, kT: () => NOMINAL_E0 });
    dark.codes.fill(0);
    expect(() => estimateHold(dark)).toThrow(/none of 4 units/);
  });
});
