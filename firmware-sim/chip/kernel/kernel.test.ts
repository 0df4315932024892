// The kernel against its oracle, bit for bit: readout codes and final states.
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
import { idealProgram } from '../effective-program.ts';
import { couplingNorms, planRun } from './coefficients.ts';
import { stateCode } from './oracle.ts';
import { philox4x32 } from './philox.ts';
import type { Words4 } from './philox.ts';

const UNITS_MAX = 1296;
const { kernel, expectSameBits } = kernelPair(UNITS_MAX);

describe('Philox4x32-10', () => {
  // Known answers of Random123 (kat_vectors).
  const ones = 0xffffffff;
  const cases: [Words4, [number, number], Words4][] = [
    [
      [0, 0, 0, 0],
      [0, 0],
      [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
    ],
    [
      [ones, ones, ones, ones],
      [ones, ones],
      [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    ],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    ],
  ];
  it.each(cases)('counter %j', (counter, key, words) => {
    expect(philox4x32(counter, key)).toEqual(words);
    expect(kernel.philox(counter, key)).toEqual(words);
  });
});

describe('the kernel computes what the oracle computes', () => {
  it('on random programs, schedules and block sizes', () => {
    const shape = fc.record({
      units: fc.integer({ min: 1, max: 45 }),
      samples: fc.integer({ min: 1, max: 20 }),
      step_ns: fc.integer({ min: 1, max: 12 }),
      firstSample: fc.integer({ min: 0, max: 2 ** 32 - 21 }),
      seed: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      codes: fc.integer({ min: 0, max: 2 ** 31 }),
      couplingSize: fc.constantFrom(0, 1, 60, 2047),
      steps: fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 })),
      ramp: fc.tuple(fc.integer({ min: -32768, max: 32768 }), fc.integer({ min: -32768, max: 32768 })),
      noiseCode: fc.integer({ min: 1, max: 4095 }),
    });
    fc.assert(
      fc.property(shape, (s) => {
        const random = seededRandom(s.codes);
        const pairs = (s.units * (s.units - 1)) / 2;
        const program = referenceProgram(s.units, {
          couplingCode: randomCodes(pairs, s.couplingSize, random),
          biasCode: randomCodes(s.units, 2047, random),
          j2Code: randomCodes(s.units, 2047, random),
          j4Code: randomCodes(s.units, 1023, random).map((code) => code + 1024),
        });
        const field = {
          code: randomCodes(s.units, 2047, random),
          scale_E0: 2e-3,
          from_q15: s.ramp[0],
          to_q15: s.ramp[1],
        };
        const [first, second] = s.steps;
        const run = schedule(
          [
            phase(first, { field, readAtStep: [0, first] }),
            phase(second, { coupled: true, noiseTemperatureCode: s.noiseCode, readAtStep: [0] }),
            phase(first, { coupled: true, field, readAtStep: [first] }),
            phase(second, { readAtStep: [] }),
          ],
          s,
        );
        expectSameBits(program, run);
      }),
      { seed: 20_251, numRuns: 60 },
    );
  });

  // 128 columns are one exact partial sum: sizes at and around its multiples.
  it.each([127, 128, 129, 257])('at %i units', (units) => {
    const random = seededRandom(units);
    const couplingCode = randomCodes((units * (units - 1)) / 2, 2047, random);
    const run = schedule([phase(2), phase(3, { coupled: true })], { samples: 3, step_ns: 3 });
    expectSameBits(referenceProgram(units, { couplingCode }), run);
  });

  it.each([1, -1])('with every coupling code at %i x 2047, 1296 units, from the rails', (sign) => {
    const units = UNITS_MAX;
    const program = referenceProgram(units, {
      couplingCode: new Int16Array((units * (units - 1)) / 2).fill(2047 * sign),
    });
    program.scale.coupling_E0 = 1.5e-5;
    // A force of 80 E0 carries every unit to a rail within five steps of 20 ns.
    const code = new Int16Array(units).fill(2000);
    const field = { code, scale_E0: 0.04, from_q15: 32768, to_q15: 32768 };
    const run = schedule(
      [phase(5, { field, readAtStep: [5] }), phase(1, { coupled: true }), phase(2, { coupled: true })],
      { step_ns: 20, samples: 1 },
    );
    const { codes, state } = expectSameBits(program, run);
    expect(codes.subarray(0, units).every((c) => c === 2047)).toBe(true);
    // The largest possible row sum leaves a unit between the rails (sign 1) or at one (sign -1).
    expect(state.some((x) => Math.abs(x) < 2 ** 28)).toBe(sign === 1);
  });

  it('with random codes of full size at 1296 units', () => {
    const random = seededRandom(7);
    const couplingCode = Int16Array.from({ length: (UNITS_MAX * (UNITS_MAX - 1)) / 2 }, () =>
      random() < 0.5 ? 2047 : -2047,
    );
    const program = referenceProgram(UNITS_MAX, { couplingCode });
    program.scale.coupling_E0 = 1e-5;
    expectSameBits(program, schedule([phase(2), phase(2, { coupled: true })], { step_ns: 10, samples: 2 }));
  });

  it.each([1, -1])('with every term just below its limit, pushing the same way (%i)', (sign) => {
    const units = 30;
    const program = referenceProgram(units, {
      // A star, negative: unit 0 is pushed outwards by all the others at their rail.
      couplingCode: new Int16Array((units * (units - 1)) / 2).fill(-2047, 0, units - 1),
      biasCode: new Int16Array(units).fill(-2047 * sign),
      j2Code: new Int16Array(units).fill(-2047),
      noiseTemperatureCode: 4095,
    });
    // At dt = 0.01 each of these moves a unit by 1.98 to 2.00 in one step: inverted J2, bias, field, couplings.
    program.scale.j2_E0 = 49.9 / 2047;
    program.scale.bias_E0 = 199 / 2047;
    program.scale.coupling_E0 = 99.5 / (2047 * (units - 1));
    program.scale.noiseTemperature_E0 = 5 / 4095;
    const code = new Int16Array(units).fill(2047 * sign);
    const field = { code, scale_E0: 199 / 2047, from_q15: 32768, to_q15: 32768 };
    const phases = [1, 3, 5].map((steps) =>
      phase(steps, { coupled: true, field, noiseTemperatureCode: 4095 }),
    );
    const { state } = expectSameBits(program, schedule(phases, { samples: 9, step_ns: 10 }));
    expect(state.every((x) => x === sign * 2 ** 28)).toBe(true);
  });

  it('gives up between two chunks when told to', () => {
    const program = referenceProgram(8);
    const effective = idealProgram(program);
    const norms = couplingNorms(8, effective.couplingCode);
    const plan = planRun(effective, norms, schedule([phase(1e6)]), 0);
    let asked = 0;
    expect(kernel.runBlock(plan, 0, 1, () => (asked += 1) > 1)).toBeNull();
    expect(asked).toBe(2);
  });
});

describe('state codes', () => {
  it('round to nearest and stay within 14 bits', () => {
    expect([0, 16383, 16384, -16384, -16385, 2 ** 28, -(2 ** 28)].map(stateCode)).toEqual([
      0, 0, 1, 0, -1, 8191, -8191,
    ]);
  });
});
