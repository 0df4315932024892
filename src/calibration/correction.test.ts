// Corrections against a chip that is written down here: what it makes of the corrected model must be the model.
import { describe, expect, it } from 'vitest';
import { randomPairs } from '../../test/support/fast-run.ts';
import { gaussianFrom } from '../../test/support/gaussian.ts';
import { emptyModel, type Model } from '../physics/index.ts';
import { canCorrect, correctModel } from './correction.ts';
import { NOTHING_KNOWN, type ChipKnowledge } from './knowledge.ts';
import { shrunk } from './shrink.ts';

const UNITS = 12;
const model: Model = {
  ...emptyModel(UNITS),
  couplings: randomPairs(UNITS, 0.3, 4),
  biases: Float64Array.from({ length: UNITS }, (_, i) => 0.1 * i),
};

function drawn(sd: number, seed: number, length = UNITS): Float64Array {
  const normal = gaussianFrom(seed);
  return Float64Array.from({ length }, () => 1 + sd * normal());
}

/** Known without error, so that nothing is pulled anywhere. */
function chip(): Required<{ [K in keyof ChipKnowledge]: NonNullable<ChipKnowledge[K]> }> {
  const map_ratio = drawn(0.03, 1, UNITS * UNITS);
  for (let i = 0; i < UNITS; i++)
    for (let j = 0; j < i; j++) map_ratio[i * UNITS + j] = map_ratio[j * UNITS + i];
  const none = (): Float64Array => new Float64Array(UNITS);
  return {
    readout: {
      gain_ratio: drawn(0.02, 2),
      offset_x: none(),
      noise_x: none(),
      gainStderr_ratio: none(),
      gainUncertainty_ratio: 0.001,
    },
    noiseTemperature: { common_ratio: 1.2, unit_ratio: drawn(0.03, 3) },
    potential: {
      j2_ratio: drawn(0.02, 4),
      j4_ratio: drawn(0.02, 5),
      offset_E0: drawn(0.02, 6).map((v) => v - 1),
      stderr: { j2_ratio: none(), j4_ratio: none(), offset_E0: none(), correlation: none() },
    },
    mobility: { common_ratio: 1.01 },
    coupling: { common_ratio: 0.9, map_ratio },
    mask: { dead: [], stuck: [], missing: [] },
  };
}

/** What the chip makes of what is written into it. */
function asBuilt(written: Model, known: ReturnType<typeof chip>): Model {
  const { coupling, potential } = known;
  return {
    ...written,
    couplings: written.couplings.map((J, k) => J * coupling.common_ratio * (coupling.map_ratio?.[k] ?? 1)),
    biases: written.biases.map((b, i) => b + potential.offset_E0[i]),
    j2: written.j2.map((v, i) => v * potential.j2_ratio[i]),
    j4: written.j4.map((v, i) => v * potential.j4_ratio[i]),
  };
}

describe('a correction', () => {
  it('makes the chip do what the model says', () => {
    const known = chip();
    const { model: written, noiseTemperature_ratio, report } = correctModel(model, known);
    const built = asBuilt(written, known);
    for (const block of ['couplings', 'biases', 'j2', 'j4'] as const)
      built[block].forEach((value, k) => expect(value).toBeCloseTo(model[block][k], 12));
    expect(noiseTemperature_ratio * known.noiseTemperature.common_ratio).toBeCloseTo(1, 12);
    expect(written.noiseTemperature_E0).toBe(model.noiseTemperature_E0);
    expect(report).toMatchObject({ refused: [], leftUnits: [], leftPairs: { count: 0 } });
    expect(report.applied).toEqual([
      'coupling-gain',
      'coupling-map',
      'potential',
      'force-offset',
      'noise-temperature',
    ]);
  });

  it('leaves a model alone about whose chip nothing is known', () => {
    const { model: written, noiseTemperature_ratio, report } = correctModel(model, NOTHING_KNOWN);
    expect(written).toEqual(model);
    expect(noiseTemperature_ratio).toBe(1);
    expect(report.applied).toEqual([]);
    expect(canCorrect(NOTHING_KNOWN)).toBe(false);
  });

  it('refuses what the headroom does not hold, and says what it would have been', () => {
    const known = {
      ...chip(),
      coupling: { common_ratio: 0.7, map_ratio: null },
      noiseTemperature: { common_ratio: 1.5, unit_ratio: drawn(0, 1) },
    };
    const { model: written, noiseTemperature_ratio, report } = correctModel(model, known);
    expect(written.couplings).toEqual(model.couplings);
    expect(noiseTemperature_ratio).toBe(1);
    expect(report.refused.map(({ part }) => part)).toEqual(['coupling-gain', 'noise-temperature']);
    expect(report.refused[0].reason).toContain('1.429');
    expect(report.refused[0].reason).toContain('0.75 to 1.25');
  });

  it('names single couplings and units beyond it, and gives them the common correction alone', () => {
    const known = chip();
    known.coupling.map_ratio?.set([0.3], 1);
    known.coupling.map_ratio?.set([0.3], UNITS);
    known.coupling.map_ratio?.set([0], 2);
    known.coupling.map_ratio?.set([0], 2 * UNITS);
    known.mask = { dead: [], stuck: [], missing: [[0, 2]] };
    known.potential.j4_ratio[5] = 2;
    const { model: written, report } = correctModel(model, known);
    expect(report.leftPairs).toEqual({ count: 1, first: [[0, 1]] });
    expect(report.leftUnits).toEqual([5]);
    expect(written.couplings[1]).toBeCloseTo(model.couplings[1] / 0.9, 12);
    expect(written.j4[5]).toBe(1);
  });

  it('knows nothing of units beyond those that were measured', () => {
    const larger = emptyModel(UNITS + 1);
    const { model: written, report } = correctModel(larger, chip());
    expect(written.j2).toEqual(larger.j2);
    expect(report.applied).toEqual(['coupling-gain']);
  });
});

describe('shrunk values', () => {
  it('are nearer to the truth than what was measured, and never worse than the mean', () => {
    const normal = gaussianFrom(8);
    const n = 4000;
    const truth = Float64Array.from({ length: n }, () => 1 + 0.03 * normal());
    const measured = truth.map((v) => v + 0.03 * normal());
    const rms = (v: ArrayLike<number>): number =>
      Math.sqrt(truth.reduce((sum, t, k) => sum + (v[k] - t) ** 2, 0) / n);
    const best = shrunk(measured, new Float64Array(n).fill(0.03));
    // sqrt(1/2) of the error; its own standard error is 1 %.
    expect(rms(best) / 0.03).toBeGreaterThan(0.67);
    expect(rms(best) / 0.03).toBeLessThan(0.75);
  });

  it('leave what is far off and what has no error bar as it is', () => {
    const values = [1, 1.01, 0.99, 1.02, 0.98, 0, NaN];
    const out = shrunk(
      values,
      values.map(() => 0.1),
    );
    expect(out[5]).toBe(0);
    expect(out[6]).toBeNaN();
    expect(out[3]).toBeCloseTo(1, 2);
  });
});
