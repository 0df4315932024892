// Training end to end: the figures of the reference sets, and pictures that a plain simulation relaxes out of noise.
import { describe, expect, it } from 'vitest';
import { gaussianFrom } from '../../test/support/gaussian.ts';
import {
  bestPrototype,
  dequantise,
  heat_kT,
  quantise,
  summarise,
  validateModel,
  type Model,
} from '../physics/index.ts';
import { digits, glyphs } from './training-set.ts';
import { trainModel, type TrainingProgress } from './train.ts';

/** Euler-Maruyama in float64: t_f uncoupled from x = 0, then t_f coupled. */
function relax(
  model: Model,
  runs: number,
  seed: number,
  dt: number,
): { on: Float64Array; end: Float64Array }[] {
  const next = gaussianFrom(seed);
  const { units, couplings, biases } = model;
  const steps = Math.round(2.5 / dt);
  const kick = Math.sqrt(2 * model.noiseTemperature_E0 * dt);
  return Array.from({ length: runs }, () => {
    const x = new Float64Array(units);
    const force = new Float64Array(units);
    let on = x.slice();
    for (let k = 0; k < 2 * steps; k++) {
      if (k === steps) on = x.slice();
      for (let i = 0; i < units; i++) {
        let sum = 2 * x[i] + 4 * x[i] ** 3;
        if (k >= steps) {
          sum += biases[i];
          for (let j = 0; j < units; j++) sum += couplings[i * units + j] * x[j];
        }
        force[i] = -sum;
      }
      for (let i = 0; i < units; i++) x[i] += dt * force[i] + kick * next();
    }
    return { on, end: x };
  });
}

describe('training sets', () => {
  it('are the digits 0, 1, 2 on the scale of MNIST', () => {
    const set = digits();
    expect(set.labels).toEqual(['0', '1', '2']);
    expect(set.images.map((i) => i.length)).toEqual([784, 784, 784]);
    expect(set.images[0][0]).toBeCloseTo(-0.13066 / 0.3081, 12);
    expect(Math.max(...set.images[2])).toBeCloseTo((1 - 0.13066) / 0.3081, 12);
    expect(set.digest).toMatch(/^[0-9a-f]{64}$/);
  });

  it('are three glyphs of zero mean and unit variance', () => {
    for (const image of glyphs().images) {
      const { mean, sd } = summarise(image);
      expect(mean).toBeCloseTo(0, 12);
      expect((sd * sd * 63) / 64).toBeCloseTo(1, 12);
    }
  });
});

describe('glyphs, 64 visible units', () => {
  const result = trainModel({ data: 'glyphs', tolerance: 1e-10 });

  it('has the reference couplings', () => {
    validateModel(result.model);
    // Reference with sampled moments: -3.80, -3.60, -3.29; largest |J| 0.391.
    [-3.8, -3.6, -3.29].forEach((v, k) => expect(Math.abs(result.eigenvalues_E0[k] - v)).toBeLessThan(0.02));
    expect(result.coupling.max_E0).toBeCloseTo(0.391, 2);
    expect(result.stability_E0).toBeCloseTo(2.4905, 4);
    expect(result.warnings).toEqual([]);
  });

  it('relaxes from noise to pictures, also in device codes', () => {
    const model = dequantise(quantise(result.model));
    const runs = relax(model, 200, 31, 0.005);
    const heat = summarise(runs.map(({ on, end }) => heat_kT(model, on, end)));
    const c = summarise(runs.map(({ end }) => bestPrototype(end, result.prototypes).correlation));
    // Reference at 2000 runs: Q = 73.3 kT, c = 0.848; 1 % of Q for the step. Four standard errors.
    expect(Math.abs(heat.mean - 73.3)).toBeLessThan(4 * heat.stderr + 0.8);
    expect(heat.stderr).toBeLessThan(1.5);
    expect(Math.abs(c.mean - 0.848)).toBeLessThan(4 * c.stderr + 0.003);
    expect(c.stderr).toBeLessThan(0.012);
  });

  it('gives the same bits twice', () => {
    expect(trainModel({ data: 'glyphs', tolerance: 1e-10 }).model).toEqual(result.model);
  });

  it('with 32 hidden units has the reference loss, and no visible-visible bonds', () => {
    const paper = trainModel({ data: 'glyphs', architecture: 'paper' });
    expect(paper.excessLossPerStep).toBeCloseTo(-0.393, 2);
    expect(paper.model.units).toBe(96);
    expect(paper.model.couplings.slice(0, 64).every((v) => v === 0)).toBe(true);
    expect(paper.model.biases.slice(0, 64).every((v) => v === 0)).toBe(true);
    expect(paper.coupling.bonds).toBe(64 * 32 + (32 * 31) / 2);
  });
});

describe('digits, 784 visible units', () => {
  it('has the reference couplings, and progress that only rises', () => {
    const seen: TrainingProgress[] = [];
    const result = trainModel({ tolerance: 1e-4 }, (p) => seen.push(p));
    // At the minimum (docs/physics.md). An earlier solve with sampled moments had -4.67, -4.55, -3.67, rms 0.0102, largest 0.061.
    [-4.661, -4.543, -3.572].forEach((v, k) =>
      expect(Math.abs(result.eigenvalues_E0[k] - v)).toBeLessThan(0.003),
    );
    expect(result.eigenvalues_E0[3]).toBeGreaterThan(-0.1);
    expect(Math.abs(result.coupling.rms_E0 / 0.0102 - 1)).toBeLessThan(0.03);
    expect(Math.abs(result.coupling.max_E0 / 0.061 - 1)).toBeLessThan(0.03);
    expect(result.metadata).toMatchObject({ data: 'digits', visibleUnits: 784, fieldAmplitude_E0: 2 });
    const shares = seen.map((p) => p.share);
    expect(shares.every((s, k) => k === 0 || s >= shares[k - 1])).toBe(true);
    expect(shares.at(-1)).toBe(1);
  });
});
