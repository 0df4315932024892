import { describe, expect, it } from 'vitest';
import { clockScaleRange, scaleClock } from './clock-scale.ts';
import { heat_kT } from './energy.ts';
import { emptyModel } from './model.ts';
import { dequantise, quantise, type ProgramRanges } from './quantise.ts';

const RANGES: ProgramRanges = {
  coupling: { fullScaleMin_E0: 1e-6, fullScaleMax_E0: 16 },
  bias: { fullScaleMin_E0: 1e-6, fullScaleMax_E0: 16 },
  j2: { fullScaleMin_E0: 0.5, fullScaleMax_E0: 16 },
  j4: { fullScaleMin_E0: 1e-6, fullScaleMax_E0: 10 },
  noiseTemperature: { fullScaleMin_E0: 1e-6, fullScaleMax_E0: 4 },
  stateScale: 2 ** -10,
};
const model = emptyModel(3);
model.couplings.set([0, 0.5, -1, 0.5, 0, 0.25, -1, 0.25, 0]);
const program = quantise(model, RANGES);

describe('a program on a faster clock', () => {
  it('has the same codes, with every energy and kT raised', () => {
    const fast = scaleClock(program, 4, RANGES);
    expect({ ...fast, scale: null }).toEqual({ ...program, scale: null });
    const [slowModel, fastModel] = [dequantise(program), dequantise(fast)];
    expect(fastModel.noiseTemperature_E0 / slowModel.noiseTemperature_E0).toBeCloseTo(4, 12);
    expect(fastModel.couplings[2] / slowModel.couplings[2]).toBeCloseTo(4, 12);
    expect(fastModel.j2[0]).toBeCloseTo(4, 12);
    const [on, end] = [
      [0.1, -0.4, 0.3],
      [0.8, -0.7, 0.2],
    ];
    expect(heat_kT(fastModel, on, end)).toBeCloseTo(heat_kT(slowModel, on, end), 12);
  });

  it('goes as far as the full scales do, and says which one ends it', () => {
    const range = clockScaleRange(program, RANGES);
    // j4 and j2 of 1 have a full scale of 1.25 (a little more: the largest code is a whole one).
    expect(range.maxBy).toBe('j4');
    expect(range.max).toBeCloseTo(10 / (2047 / 1637), 6);
    expect(range.minBy).toBe('j2');
    expect(range.min).toBeCloseTo(0.5 / (2047 / 1637), 6);
    for (const lambda of [range.min, range.max]) {
      const { scale } = scaleClock(program, lambda, RANGES);
      expect(scale.j4_E0 * 2047).toBeLessThanOrEqual(10);
      expect(scale.j2_E0 * 2047).toBeGreaterThanOrEqual(0.5);
    }
  });

  it('is limited by kT too, and not by blocks of zeros', () => {
    const cold = { ...RANGES, noiseTemperature: { fullScaleMin_E0: 1e-6, fullScaleMax_E0: 0.25 } };
    expect(clockScaleRange(quantise(model, cold), cold).maxBy).toBe('noiseTemperature');
    const bias = { fullScaleMin_E0: 1, fullScaleMax_E0: 1 };
    expect(clockScaleRange(quantise(model, { ...RANGES, bias }), { ...RANGES, bias }).max).toBeGreaterThan(7);
    const { scale } = scaleClock(quantise(model, { ...RANGES, bias }), 3, { ...RANGES, bias });
    expect(scale.bias_E0 * 2047).toBeCloseTo(1, 9);
    expect(clockScaleRange(program, { stateScale: 1 })).toEqual({
      min: 0,
      max: Infinity,
      minBy: null,
      maxBy: null,
    });
  });
});
