// J2, J4, offset and kT from holds drawn exactly from the law of each unit under each force.
import { describe, expect, it } from 'vitest';
import { quarticHolds } from '../../../test/support/quartic-holds.ts';
import { mean, variance } from '../../physics/index.ts';
import { estimatePotential, type SweepData } from './estimator.ts';

const UNITS = 24;
const READOUT = {
  gain_ratio: Float64Array.from({ length: UNITS }, (_, i) => 1 + 0.02 * Math.sin(i)),
  offset_x: Float64Array.from({ length: UNITS }, (_, i) => 0.01 * Math.cos(i)),
  noise_x: new Float64Array(UNITS).fill(0.008),
};
const truth = {
  j2: (i: number): number => 1.01 + 0.03 * Math.sin(2 * i),
  j4: (i: number): number => 0.98 + 0.03 * Math.cos(3 * i),
  offset: (i: number): number => 0.02 * Math.sin(5 * i),
  kT: (i: number): number => 0.1 * (1.05 + 0.03 * Math.cos(i)),
};

function sweep(seed: number, samples = 120, forces = [-5, -2, -1, 0, 1, 2, 5]): SweepData {
  const runs = forces.map((force, k) => {
    const { codes, holds, reads, units, stateScale } = quarticHolds({
      seed: seed * 100 + k,
      holds: samples,
      reads: 4,
      units: UNITS,
      kT: truth.kT,
      j2: truth.j2,
      j4: truth.j4,
      force: (i) => force - truth.offset(i),
      readout: (i) => ({
        gain: READOUT.gain_ratio[i],
        offset_x: READOUT.offset_x[i],
        noise_x: READOUT.noise_x[i],
      }),
    });
    return { codes, samples: holds, reads, units, stateScale, force_E0: new Float64Array(UNITS).fill(force) };
  });
  const ones = new Float64Array(UNITS).fill(1);
  return { runs, readout: READOUT, j2_E0: ones, j4_E0: ones, kT_E0: 0.1 };
}

describe('estimatePotential', () => {
  it('is unbiased with honest error bars for every unit and parameter (12 repeats)', () => {
    const z: Record<'j2_E0' | 'j4_E0' | 'offset_E0' | 'kT_E0', number[]> = {
      j2_E0: [],
      j4_E0: [],
      offset_E0: [],
      kT_E0: [],
    };
    const common_z: number[] = [];
    const chi: number[] = [];
    for (let seed = 1; seed <= 12; seed++) {
      const { units, common, chiSquare } = estimatePotential(sweep(seed));
      units.forEach((unit, i) => {
        if (unit === null) throw new Error(`unit ${i} was not found`);
        z.j2_E0.push((unit.j2_E0 - truth.j2(i)) / unit.stderr.j2_E0);
        z.j4_E0.push((unit.j4_E0 - truth.j4(i)) / unit.stderr.j4_E0);
        z.offset_E0.push((unit.offset_E0 - truth.offset(i)) / unit.stderr.offset_E0);
        z.kT_E0.push((unit.kT_E0 - truth.kT(i)) / unit.stderr.kT_E0);
      });
      const j2 = mean(Float64Array.from({ length: UNITS }, (_, i) => truth.j2(i)));
      common_z.push((common.j2_ratio.value - j2) / common.j2_ratio.stderr);
      chi.push(chiSquare.value / chiSquare.degrees);
    }
    // 288 values each: four standard errors of a mean are 0.24, of a variance 0.33.
    for (const [name, values] of Object.entries(z)) {
      expect(Math.abs(mean(values)), `mean z of ${name}`).toBeLessThan(0.24);
      expect(Math.abs(variance(values) - 1), `variance of z of ${name}`).toBeLessThan(0.33);
    }
    expect(Math.abs(mean(common_z))).toBeLessThan(1.2);
    expect(variance(common_z)).toBeLessThan(3);
    // 96 degrees a repeat: four standard errors of the mean of 12 are 0.17.
    expect(Math.abs(mean(chi) - 1)).toBeLessThan(0.17);
  });

  it('needs the readout: a gain of 1.05 taken for 1 shows in J2, J4 and kT as it must', () => {
    const data = sweep(3, 400);
    const wrong = { ...READOUT, gain_ratio: READOUT.gain_ratio.map((gain) => gain / 1.05) };
    const right = estimatePotential(data).common;
    const scaled = estimatePotential({ ...data, readout: wrong }).common;
    // x read 1.05 times too large: J2 x and J4 x^3 stay the same, x V' grows.
    expect(scaled.j2_ratio.value / right.j2_ratio.value).toBeCloseTo(1 / 1.05, 2);
    expect(scaled.j4_ratio.value / right.j4_ratio.value).toBeCloseTo(1 / 1.05 ** 3, 1);
    expect(scaled.kT_ratio.value / right.kT_ratio.value).toBeCloseTo(1.05, 2);
  });

  it('says of a unit that is dead, stuck, or does not follow the field, which it is', () => {
    const data = sweep(4);
    for (const run of data.runs)
      for (let k = 0; k < run.samples * run.reads; k++) {
        run.codes[k * UNITS + 2] = 0;
        run.codes[k * UNITS + 5] = 819 + (k % 3);
      }
    const still = data.runs[3];
    for (const run of data.runs)
      for (let k = 0; k < run.samples * run.reads; k++) run.codes[k * UNITS + 9] = still.codes[k * UNITS + 9];
    const { quality, reasons, units } = estimatePotential(data);
    expect([quality[2], quality[5], quality[9]]).toEqual(['dead', 'stuck', 'unidentified']);
    expect([units[2], units[5], units[9]]).toEqual([null, null, null]);
    expect(reasons[5]).toContain('scatters');
    expect(quality.filter((q) => q === 'ok')).toHaveLength(UNITS - 3);
  });
});
