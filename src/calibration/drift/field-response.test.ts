// The couplings that act, from where driven units stand, against a simulation in double precision of a chip whose couplings,
// forces and temperature are not what was programmed.
import { describe, expect, it } from 'vitest';
import { gaussianFrom } from '../../../test/support/gaussian.ts';
import { pairCount } from '../../physics/index.ts';
import { FieldResponseSums, type FieldResponse } from './field-response.ts';
import { placeOf } from './pairs.ts';
import { drivePatterns, forceOf, hadamardOrder } from './patterns.ts';

const UNITS = 8;
const STATE_SCALE = 2 ** -10;
const STEP = 0.02;

interface Chip {
  couplings: Float64Array;
  force_E0: Float64Array;
  kT_E0: number;
}

/** Euler-Maruyama from 0 under the field, in codes at the last times. */
function driven(chip: Chip, field: Float64Array, samples: number, gaussian: () => number): Int16Array {
  const codes = new Int16Array(samples * 2 * UNITS);
  const kick = Math.sqrt(2 * chip.kT_E0 * STEP);
  const x = new Float64Array(UNITS);
  const force = new Float64Array(UNITS);
  for (let k = 0; k < samples; k++) {
    x.fill(0);
    for (let step = 1; step <= 200; step++) {
      for (let i = 0; i < UNITS; i++) {
        force[i] = field[i] + chip.force_E0[i] - 2 * x[i] - 4 * x[i] ** 3;
        for (let j = 0; j < UNITS; j++) force[i] -= chip.couplings[i * UNITS + j] * x[j];
      }
      for (let i = 0; i < UNITS; i++) x[i] += STEP * force[i] + kick * gaussian();
      if (step === 160 || step === 200)
        codes.set(
          x.map((value) => Math.round(value / STATE_SCALE)),
          (k * 2 + (step === 200 ? 1 : 0)) * UNITS,
        );
    }
  }
  return codes;
}

function measure(chip: Chip, samples: number, seed: number): FieldResponse {
  const patterns = drivePatterns(UNITS);
  const sums = new FieldResponseSums(patterns, {
    j2: new Float64Array(UNITS).fill(1),
    j4: new Float64Array(UNITS).fill(1),
    biases: new Float64Array(UNITS),
  });
  const gaussian = gaussianFrom(seed);
  patterns.forEach((pattern, k) => {
    expect(sums.missing).toBe(k);
    const codes = driven(chip, forceOf(pattern, 6), samples, gaussian);
    sums.add(k, { codes, samples, reads: 2, stateScale: STATE_SCALE });
  });
  expect(sums.missing).toBeNull();
  return sums.solve();
}

function chipOf(seed: number): Chip {
  const gaussian = gaussianFrom(seed);
  const couplings = new Float64Array(UNITS * UNITS);
  for (let i = 0; i < UNITS; i++)
    for (let j = i + 1; j < UNITS; j++)
      couplings[i * UNITS + j] = couplings[j * UNITS + i] = 0.2 * gaussian();
  return { couplings, force_E0: Float64Array.from({ length: UNITS }, () => 0.1 * gaussian()), kT_E0: 0.12 };
}

describe('driven-field probe', () => {
  it('finds couplings and forces within honest errors, whatever the temperature', () => {
    const chip = chipOf(81);
    const found = measure(chip, 400, 82);
    let [chi, offsets] = [0, 0];
    for (let i = 0; i < UNITS; i++) {
      offsets += ((found.offset_E0[i] - chip.force_E0[i]) / found.offsetStderr_E0[i]) ** 2;
      for (let j = i + 1; j < UNITS; j++) {
        const k = placeOf(i, j, UNITS);
        chi += ((found.coupling_E0[k] - chip.couplings[i * UNITS + j]) / found.couplingStderr_E0[k]) ** 2;
      }
    }
    const pairs = pairCount(UNITS);
    expect(Math.abs(chi / pairs - 1)).toBeLessThan(4 * Math.sqrt(2 / pairs));
    expect(Math.abs(offsets / UNITS - 1)).toBeLessThan(4 * Math.sqrt(2 / UNITS));
    const asymmetry = found.asymmetry_z.reduce((sum, z) => sum + z * z, 0) / pairs;
    expect(Math.abs(asymmetry - 1)).toBeLessThan(4 * Math.sqrt(2 / pairs));
    expect(Math.max(...found.couplingStderr_E0)).toBeLessThan(0.03);
    expect(found.samples).toBe(400 * 16);
  });

  it('sees one coupling move and the others stay', () => {
    const before = chipOf(83);
    const after = { ...before, couplings: Float64Array.from(before.couplings) };
    after.couplings[3 * UNITS + 7] += 0.2;
    after.couplings[7 * UNITS + 3] += 0.2;
    const [a, b] = [measure(before, 300, 84), measure(after, 300, 85)];
    const z = a.coupling_E0.map(
      (value, k) => (b.coupling_E0[k] - value) / Math.hypot(a.couplingStderr_E0[k], b.couplingStderr_E0[k]),
    );
    const moved = placeOf(3, 7, UNITS);
    expect(z[moved]).toBeGreaterThan(5);
    z.forEach((value, k) => {
      if (k !== moved) expect(Math.abs(value)).toBeLessThan(4);
    });
  });

  it('refuses too few samples and incomplete rounds', () => {
    const sums = new FieldResponseSums(drivePatterns(2), {
      j2: new Float64Array(2).fill(1),
      j4: new Float64Array(2).fill(1),
      biases: new Float64Array(2),
    });
    const run = { codes: new Int16Array(18), samples: 9, reads: 1, stateScale: STATE_SCALE };
    expect(() => sums.add(0, run)).toThrow('9 samples');
    expect(() => sums.solve()).toThrow('pattern 0 is missing');
  });
});

describe('patterns', () => {
  it('leave every unit free in half of them and put every pair in all combinations', () => {
    for (const units of [2, 8, 13, 64]) {
      const patterns = drivePatterns(units);
      expect(patterns).toHaveLength(2 * hadamardOrder(units));
      for (let i = 0; i < units; i++)
        expect(patterns.filter((pattern) => pattern[i] === 0)).toHaveLength(patterns.length / 2);
      for (let i = 0; i < units; i++)
        for (let j = 0; j < i; j++) {
          expect(patterns.some((p) => p[i] === 0 && p[j] !== 0)).toBe(true);
          expect(patterns.some((p) => p[i] !== 0 && p[j] === 0)).toBe(true);
          expect(patterns.reduce((sum, p) => sum + p[i] * p[j], 0)).toBe(0);
        }
    }
  });
});
