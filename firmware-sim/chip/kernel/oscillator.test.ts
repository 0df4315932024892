// The oscillator cell: kernel against oracle bit for bit, the bounds of its integers, and what a step is made of.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  phase,
  randomCodes,
  referenceProgram,
  schedule,
  seededRandom,
} from '../../../test/support/core-programs.ts';
import { kernelPair } from '../../../test/support/kernel-pair.ts';
import { oscillatorCell } from '../dynamics.ts';
import type { OscillatorCell } from '../dynamics.ts';
import { effectiveStep, oneMinusExp, stepOfEffective, voltageCode } from './oscillator.ts';
import { voltageReadout } from './oscillator-oracle.ts';

const { expectSameBits } = kernelPair(130);

function cellOf(qualityFactor: number, resonance_Hz?: number): OscillatorCell {
  const dynamics = { kind: 'oscillator', qualityFactor, ...(resonance_Hz && { resonance_Hz }) } as const;
  const cell = oscillatorCell(dynamics);
  if (!cell) throw new Error('not an oscillator');
  return cell;
}

describe('the kernel computes what the oracle computes', () => {
  it('on random cells, programs, schedules and block sizes', () => {
    const shape = fc.record({
      units: fc.integer({ min: 1, max: 45 }),
      samples: fc.integer({ min: 1, max: 20 }),
      step_ns: fc.integer({ min: 1, max: 12 }),
      firstSample: fc.integer({ min: 0, max: 2 ** 32 - 21 }),
      seed: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      codes: fc.integer({ min: 0, max: 2 ** 31 }),
      couplingSize: fc.constantFrom(0, 60, 2047),
      steps: fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 })),
      qualityFactor: fc.constantFrom(0.01, 0.1, 1, 3, 10),
      resonance_Hz: fc.constantFrom(undefined, 50_000, 2_000_000),
      readout: fc.constantFrom('flux' as const, 'voltage' as const),
    });
    fc.assert(
      fc.property(shape, (s) => {
        const random = seededRandom(s.codes);
        const program = referenceProgram(s.units, {
          couplingCode: randomCodes((s.units * (s.units - 1)) / 2, s.couplingSize, random),
          biasCode: randomCodes(s.units, 2047, random),
          j2Code: randomCodes(s.units, 2047, random),
          j4Code: randomCodes(s.units, 1023, random).map((code) => code + 1024),
        });
        const code = randomCodes(s.units, 2047, random);
        const field = { code, scale_E0: 2e-2, from_q15: 32768, to_q15: -9000 };
        const [first, second] = s.steps;
        const run = schedule(
          [
            phase(first, { field, readAtStep: [0, first] }),
            phase(second, { coupled: true, noiseTemperatureCode: 4095, readAtStep: [second] }),
          ],
          s,
        );
        const { state } = expectSameBits(program, run, cellOf(s.qualityFactor, s.resonance_Hz));
        expect(state.some((x) => x !== 0)).toBe(true);
      }),
      { seed: 20_252, numRuns: 80 },
    );
  });

  it('at 129 units, more columns than one partial sum of full codes', () => {
    const random = seededRandom(129);
    const couplingCode = randomCodes((129 * 128) / 2, 2047, random);
    const run = schedule([phase(2), phase(3, { coupled: true })], { samples: 3, step_ns: 3 });
    expectSameBits(referenceProgram(129, { couplingCode }), run, cellOf(1));
  });

  it('driven against both rails, where the flux stops and the voltage is 0', () => {
    for (const sign of [1, -1]) {
      const program = referenceProgram(8);
      const code = new Int16Array(8).fill(2000 * sign);
      const field = { code, scale_E0: 0.1, from_q15: 32768, to_q15: 32768 };
      const run = schedule([phase(200, { field, readAtStep: [200] })], { step_ns: 20, samples: 2 });
      const { state, velocity } = expectSameBits(program, run, cellOf(1));
      expect(state.every((x) => x === sign * 2 ** 28)).toBe(true);
      expect(velocity.every((w) => w === 0)).toBe(true);
    }
  });

  it('converts voltages alike, and clamps them to the range of the converter', () => {
    const plan = {
      finenessBits: 0,
      decayMultiplier: 0,
      voltageMultiplier: 12_345_678,
      voltageShift: 40,
      readout: 'voltage' as const,
    };
    for (const w of [0, 1, -1, 44_531, 44_532, -44_532, 12_345_678, -98_765_432, 2 ** 28, -(2 ** 28)]) {
      expect(voltageCode(plan, w)).toBe(voltageReadout(plan, w));
    }
    expect(voltageCode(plan, 2 ** 28)).toBe(2047);
    expect(voltageCode(plan, -(2 ** 28))).toBe(-2047);
  });
});

describe('the step of a cell', () => {
  it('sums 1 - exp(-u) to the last bits', () => {
    for (const u of [1e-9, 1e-4, 0.0156, 0.0157, 0.3, 1, 7, 40, 100]) {
      expect(Math.abs(oneMinusExp(u) / -Math.expm1(-u) - 1)).toBeLessThan(1e-14);
    }
    expect(oneMinusExp(0)).toBe(0);
  });

  it('has the overdamped step for light cells and dt^2 / 2m for heavy ones', () => {
    expect(effectiveStep(cellOf(1e-3), 1e-3)).toBe(1e-3);
    const heavy = cellOf(100);
    expect(heavy.mass).toBe(5000);
    expect(effectiveStep(heavy, 1e-2) / (1e-4 / 1e4)).toBeCloseTo(1, 6);
  });

  it('finds the longest stable step', () => {
    for (const q of [1e-3, 0.1, 1, 10, 1000]) {
      const cell = cellOf(q);
      expect(effectiveStep(cell, stepOfEffective(cell, 0.04))).toBeCloseTo(0.04, 9);
    }
    expect(stepOfEffective(cellOf(1e-3), 0.04)).toBeCloseTo(0.04, 9);
  });
});
