import { describe, expect, it } from 'vitest';
import { seededUniform } from '../../test/support/seeded-random.ts';
import { emptyModel, type Model } from './model.ts';
import { dequantise, quantise, type ProgramRanges } from './quantise.ts';
import { measureRounding } from './rounding.ts';

const wide: ProgramRanges = {
  coupling: { fullScaleMin_E0: 0, fullScaleMax_E0: 1 },
  bias: { fullScaleMin_E0: 0, fullScaleMax_E0: 1 },
  stateScale: 2 ** -10,
};

function modelOf(units: number, largest_E0: number): Model {
  const random = seededUniform(11);
  const model = emptyModel(units);
  for (let i = 0; i < units; i++) {
    model.biases[i] = (random() - 0.5) * largest_E0;
    for (let j = i + 1; j < units; j++)
      model.couplings[i * units + j] = model.couplings[j * units + i] = (random() - 0.5) * 2 * largest_E0;
  }
  return model;
}

describe('the rounding of a model', () => {
  it('is what dequantise shows, with the pair where it is worst', () => {
    const model = modelOf(30, 0.5);
    const { program, blocks, flaws } = measureRounding(model, wide);
    expect(flaws).toEqual([]);
    expect(program).toEqual(quantise(model, wide));
    const real = dequantise(quantise(model, wide));
    let [squares, values, worst, largest] = [0, 0, 0, 0];
    let pair: number[] = [];
    for (let i = 0; i < 30; i++)
      for (let j = i + 1; j < 30; j++) {
        const at = i * 30 + j;
        const error = Math.abs(model.couplings[at] - real.couplings[at]);
        squares += error ** 2;
        values += model.couplings[at] ** 2;
        largest = Math.max(largest, Math.abs(model.couplings[at]));
        if (error > worst) [worst, pair] = [error, [i, j]];
      }
    const { error } = blocks.coupling;
    expect(error?.rms_E0).toBeCloseTo(Math.sqrt(squares / 435), 14);
    expect(error?.rms_ratio).toBeCloseTo(Math.sqrt(squares / values), 12);
    expect(error?.max_E0).toBe(worst);
    expect(error?.max_ratio).toBe(worst / largest);
    expect(error?.worst).toEqual(pair);
    // Half a code at most, and the rms of a uniform error within its own scatter (435 values: 3.4 %).
    const code_E0 = program?.scale.coupling_E0 ?? NaN;
    expect(error?.max_E0).toBeLessThanOrEqual(code_E0 / 2);
    expect(Math.abs((error?.rms_E0 ?? NaN) / (code_E0 / Math.sqrt(12)) - 1)).toBeLessThan(4 * 0.034);
  });

  it('is nothing in blocks of one value, and of zeros', () => {
    const { blocks } = measureRounding(emptyModel(4), wide);
    for (const name of ['coupling', 'bias'] as const)
      expect(blocks[name].error).toMatchObject({ rms_E0: 0, rms_ratio: 0, max_E0: 0, max_ratio: 0 });
    for (const name of ['j2', 'j4', 'noiseTemperature'] as const)
      expect(blocks[name].error?.max_ratio).toBeLessThan(1e-15);
    expect(blocks.noiseTemperature.error?.worst).toEqual([]);
    expect(measureRounding(emptyModel(1), wide).blocks.coupling.error?.worst).toEqual([]);
  });

  it('counts what becomes zero', () => {
    const model = modelOf(3, 0.5);
    model.couplings[1] = model.couplings[3] = 1e-5;
    expect(measureRounding(model, wide).blocks.coupling.lost).toBe(1);
  });

  it('names every block that does not fit, as quantise says it, and still measures the others', () => {
    const model = modelOf(5, 0.5);
    model.couplings[1] = model.couplings[5] = -1;
    model.couplings[2] = model.couplings[10] = 0.9;
    model.biases[4] = 2;
    const { flaws, program, blocks } = measureRounding(model, wide);
    expect(program).toBeNull();
    expect(flaws.map(({ code, pointer }) => [code, pointer])).toEqual([
      ['coupling-out-of-range', '/couplings/0/1'],
      ['bias-out-of-range', '/biases/4'],
    ]);
    expect(() => quantise(model, wide)).toThrow(flaws[0].message);
    expect(blocks.coupling).toMatchObject({ limit_E0: 0.8, beyond: 2, error: null });
    expect(blocks.coupling.beyondMax_E0).toBeCloseTo(0.2, 12);
    expect(blocks.bias).toMatchObject({ beyond: 1, error: null });
    expect(blocks.j2.error).not.toBeNull();
    expect(blocks.j2.limit_E0).toBeNull();
  });

  it('knows a J4 without a floor and a kT that no code reaches', () => {
    const model = emptyModel(2);
    model.j4[1] = 1e-9;
    model.noiseTemperature_E0 = 5;
    const ranges = { ...wide, noiseTemperature: { fullScaleMin_E0: 0, fullScaleMax_E0: 1 } };
    expect(measureRounding(model, ranges).flaws.map(({ pointer }) => pointer)).toEqual(['/j4/1']);
    model.j4[1] = 1;
    const { flaws, blocks } = measureRounding(model, ranges);
    expect(flaws.map(({ pointer }) => pointer)).toEqual(['/noiseTemperature_E0']);
    expect(blocks.noiseTemperature).toMatchObject({ limit_E0: 1, beyond: 1, beyondMax_E0: 4, error: null });
  });

  it('is not measured of what is no model', () => {
    const model = emptyModel(2);
    model.biases[0] = NaN;
    expect(() => measureRounding(model, wide)).toThrow(
      expect.objectContaining({ code: 'not-finite' }) as Error,
    );
  });
});
