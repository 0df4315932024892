// Die temperature in the samples of a core: each coefficient moves its own statistic by what it says, at two magnitudes,
// and a chip whose coefficients are zero has the bits of one that knows no temperature.
import { describe, expect, it } from 'vitest';
import { field, means_x, profileWith, quiet, rms, settled } from '../../../test/support/chip-profiles.ts';
import { createTwinCore } from '../index.ts';
import type { CoreProgram, CoreRun } from '../index.ts';
import { IDEAL_PROFILE } from '../profile/index.ts';
import { atTemperature, defaultThermal } from './index.ts';
import type { ThermalParameters } from './index.ts';

const UNITS = 64;
const push = field(new Int16Array(UNITS).fill(1600));
type Sensitivity = Partial<ThermalParameters['sensitivity']>;

/** Codes of one run at each of these die temperatures, one core. */
async function codesAt(
  temperatures_C: number[],
  sensitivity: Sensitivity,
  program: CoreProgram,
  run: CoreRun,
): Promise<Int16Array[]> {
  let die_C = 25;
  const profile = profileWith({ thermal: { sensitivity } });
  const core = await createTwinCore({ units: UNITS, threads: 1, profile, dieTemperature_C: () => die_C });
  try {
    core.load(program);
    const all: Int16Array[] = [];
    for (die_C of temperatures_C) all.push(await core.run(run));
    return all;
  } finally {
    await core.close();
  }
}
const mean = (values: Float64Array): number => values.reduce((sum, v) => sum + v, 0) / values.length;

describe('the temperature of the die', () => {
  it.each([0.001, 0.004])('moves <x^2> of an uncoupled unit by %d of kT per degree', async (coefficient) => {
    const program = quiet(UNITS);
    program.scale.noiseTemperature_E0 = 0.1 / 1638;
    const sensitivity = { noiseTemperature_ratio_per_C: coefficient };
    const [cool, warm, hot] = await codesAt([25, 45, 75], sensitivity, program, settled());
    // The same random numbers in a linear well: x^2 scales with kT, up to the rounding of codes.
    expect(Math.abs((rms(warm) / rms(cool)) ** 2 - (1 + 20 * coefficient))).toBeLessThan(5e-4);
    expect(Math.abs((rms(hot) / rms(cool)) ** 2 - (1 + 50 * coefficient))).toBeLessThan(5e-4);
  });

  it.each([-0.001, 0.003])('moves the gain of all couplings by %d per degree', async (coefficient) => {
    const program = quiet(UNITS);
    program.couplingCode.fill(100);
    program.scale.coupling_E0 = 1e-4;
    const sensitivity = { couplingGain_ratio_per_C: coefficient };
    const run = settled({ field: push, coupled: true });
    const codes = await codesAt([25, 75], sensitivity, program, run);
    // All units alike: (2 + 63 J g) x = f.
    [1, 1 + 50 * coefficient].forEach((gain, at) => {
      expect(Math.abs(mean(means_x(codes[at], UNITS)) - 1.6 / (2 + 0.63 * gain))).toBeLessThan(2e-4);
    });
  });

  it.each([0.001, 0.004])('moves the force on every unit by %d E0 per degree', async (coefficient) => {
    const sensitivity = { offset_E0_per_C: coefficient };
    const [cool, hot] = await codesAt([25, 75], sensitivity, quiet(UNITS), settled({ field: push }));
    const moved = mean(means_x(hot, UNITS)) - mean(means_x(cool, UNITS));
    expect(Math.abs(moved - (-50 * coefficient) / 2)).toBeLessThan(2e-4);
  });

  it('counts from the reference of the profile', async () => {
    const sensitivity = { reference_C: 60, offset_E0_per_C: 0.004 };
    const [at] = await codesAt([60], sensitivity, quiet(UNITS), settled({ field: push }));
    expect(Math.abs(mean(means_x(at, UNITS)) - 0.8)).toBeLessThan(2e-4);
  });
});

describe('a chip that does not know its temperature', () => {
  it('has the bits of the kernel alone, however warm it is', async () => {
    const run = settled({ field: push });
    const [warm] = await codesAt([150], {}, quiet(UNITS), run);
    const ideal = await createTwinCore({ units: UNITS, threads: 1, profile: IDEAL_PROFILE });
    ideal.load(quiet(UNITS));
    expect(warm).toEqual(await ideal.run(run));
    await ideal.close();
  });

  it('keeps its drift as it is', () => {
    expect(atTemperature(null, defaultThermal.sensitivity, 90, 4)).toBeNull();
  });
});

it('temperature and drift multiply gains and add forces', () => {
  const drift = {
    couplingGain_ratio: 0.1,
    noiseTemperature_ratio: -0.2,
    readoutGain_ratio: Float64Array.of(0.01, 0.02),
    readoutOffset_x: Float64Array.of(0, 0.5),
    offset_E0: Float64Array.of(0.3, -0.1),
  };
  const sensitivity = {
    reference_C: 30,
    couplingGain_ratio_per_C: 0.01,
    offset_E0_per_C: 0.02,
    noiseTemperature_ratio_per_C: 0.03,
  };
  const both = atTemperature(drift, sensitivity, 40, 2);
  expect(both?.couplingGain_ratio).toBeCloseTo(1.1 * 1.1 - 1, 12);
  expect(both?.noiseTemperature_ratio).toBeCloseTo(0.8 * 1.3 - 1, 12);
  expect([...(both?.offset_E0 ?? [])].map((v) => v.toFixed(9))).toEqual(['0.500000000', '0.100000000']);
  expect(both?.readoutGain_ratio).toBe(drift.readoutGain_ratio);
});
