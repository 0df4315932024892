// Chips with faults, and programs with holes: the kernel against its oracle, bit for bit, on everything an effective
// program can hold (asymmetric and fractional couplings, factors, offsets, coloured noise, frozen units) and on masks.
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
import type { CoreRun } from '../analog-core.ts';
import { oscillatorCell } from '../dynamics.ts';
import { idealProgram, type EffectiveProgram } from '../effective-program.ts';
import { ImperfectChip } from '../imperfections/imperfect-chip.ts';
import { loadProfile } from '../profile/index.ts';

const UNITS_MAX = 200;
const { expectSameBitsOf } = kernelPair(UNITS_MAX);
const oscillator = oscillatorCell({ kind: 'oscillator', qualityFactor: 1 }) ?? undefined;

/** A random chip on a random program. */
function randomEffective(units: number, fractionBits: number, seed: number): EffectiveProgram {
  const random = seededRandom(seed);
  const pairs = (units * (units - 1)) / 2;
  const program = referenceProgram(units, {
    couplingCode: randomCodes(pairs, 2047, random),
    biasCode: randomCodes(units, 2000, random),
  });
  const around1 = (spread: number): Float64Array =>
    Float64Array.from({ length: units }, () => 1 + spread * (2 * random() - 1));
  const couplingCode = randomCodes(units * units, 2047 * 2 ** fractionBits, random);
  for (let i = 0; i < units; i++) couplingCode[i * units + i] = 0;
  return {
    ...idealProgram(program),
    couplingCode,
    couplingFractionBits: fractionBits,
    couplingFactor: around1(0.1),
    biasCode: Float64Array.from(program.biasCode, (code) => code + random()),
    offset_E0: around1(0.5).map((x) => x - 1),
    j2Factor: around1(0.1),
    j4Factor: around1(0.1),
    noiseAmplitudeFactor: around1(0.2),
    noiseMemory_q15: Int32Array.from({ length: units }, () => Math.floor(random() * 32_768)),
    frozen: Uint8Array.from({ length: units }, () => (random() < 0.2 ? 1 : 0)),
    frozenState: Float64Array.from({ length: units }, () => 4 * random() - 2),
    field: (code) => ({ code, factor: around1(0.1) }),
  };
}

function runOf(units: number, samples: number, seed: number): CoreRun {
  const code = randomCodes(units, 2047, seededRandom(seed));
  const field = { code, scale_E0: 1e-3, from_q15: 32_768, to_q15: -12_345 };
  return schedule(
    [phase(3, { field, readAtStep: [0, 3] }), phase(6, { coupled: true, readAtStep: [1, 6] })],
    {
      samples,
      step_ns: 2,
      seed: BigInt(seed),
    },
  );
}

describe('the kernel computes what the oracle computes on a chip with faults', () => {
  it.each([
    ['overdamped', undefined],
    ['oscillator', oscillator],
  ])('of any kind, %s', (_name, cell) => {
    const shape = fc.record({
      units: fc.integer({ min: 1, max: 45 }),
      samples: fc.integer({ min: 1, max: 20 }),
      fractionBits: fc.integer({ min: 0, max: 4 }),
      seed: fc.integer({ min: 0, max: 2 ** 31 }),
    });
    fc.assert(
      fc.property(shape, ({ units, samples, fractionBits, seed }) => {
        const effective = randomEffective(units, fractionBits, seed);
        const { state } = expectSameBitsOf(effective, runOf(units, samples, seed), cell);
        effective.frozen.forEach((frozen, unit) => {
          if (frozen) expect(state[unit]).toBe(Math.round(effective.frozenState[unit] * 2 ** 27));
        });
      }),
      { seed: 20_261, numRuns: 60 },
    );
  });

  it.each([0, 2, 4])('at 200 units with %i fraction bits, several exact blocks to a row', (fractionBits) => {
    expectSameBitsOf(randomEffective(UNITS_MAX, fractionBits, 9), runOf(UNITS_MAX, 5, 9));
  });

  it.each(['typical', 'hot', 'worn'])('of the shipped profile %s', async (name) => {
    const units = 96;
    const chip = new ImperfectChip(await loadProfile(name), units);
    const program = referenceProgram(units, {
      couplingCode: randomCodes((units * (units - 1)) / 2, 2047, seededRandom(5)),
    });
    const run = runOf(units, 4, 5);
    const effective = chip.effective(program, chip.couplings(program), run.step_ns, null);
    expectSameBitsOf(effective, run);
  });
});

describe('masks', () => {
  /** Hidden units see everything, visible units only hidden ones: the shape of the paper's network. */
  const masks: [name: string, isBond: (i: number, j: number) => boolean][] = [
    ['a hidden layer', (_i, j) => j >= 120],
    ['two islands', (i, j) => i < 70 === j < 70],
    ['neighbours only', (i, j) => j - i === 1],
    ['no bond at all', () => false],
  ];
  it.each(masks)('%s', (_name, isBond) => {
    const units = 197;
    const random = seededRandom(11);
    const couplingCode = randomCodes((units * (units - 1)) / 2, 2047, random);
    let at = 0;
    for (let i = 0; i < units; i++)
      for (let j = i + 1; j < units; j++, at++) if (!isBond(i, j)) couplingCode[at] = 0;
    for (const samples of [1, 3, 17])
      expectSameBitsOf(idealProgram(referenceProgram(units, { couplingCode })), runOf(units, samples, 12));
  });
});
