// Energy, forces, heat, thermometer and estimators against exact values, identities and independent formulas.
import { describe, expect, it } from 'vitest';
import { gaussianFrom } from '../../test/support/gaussian.ts';
import { forces, heat_kT, heatOfSamples_kT, heatSummary_kT, potentialEnergy } from './energy.ts';
import {
  equilibriumMoments,
  noiseTemperatureEstimate,
  noiseTemperatureFromSecondMoment,
  secondMomentSlope,
} from './equilibrium.ts';
import { emptyModel } from './model.ts';
import { bestPrototype, pearson } from './prototypes.ts';
import {
  autocorrelationTime,
  batchMeans,
  mean,
  standardError,
  variance,
  wilsonInterval,
} from './statistics.ts';

const model = emptyModel(3);
model.couplings.set([0, 0.5, -1, 0.5, 0, 2, -1, 2, 0]);
model.biases.set([0.1, -0.2, 0.3]);
model.j2.set([1, -0.5, 2]);

describe('energy', () => {
  const x = [1, -2, 0.5];
  it('counts every pair once', () => {
    const single = 1 * 1 + 1 + 0.1 + (-0.5 * 4 + 16 + 0.4) + (2 * 0.25 + 0.0625 + 0.15);
    const pairs = 0.5 * -2 + -1 * 0.5 + 2 * -1;
    expect(potentialEnergy(model, x)).toBeCloseTo(single + pairs, 12);
  });

  it('has forces that are its negative gradient', () => {
    const force = forces(model, x);
    for (let i = 0; i < 3; i++) {
      const up = x.with(i, x[i] + 1e-5);
      const down = x.with(i, x[i] - 1e-5);
      const slope = (potentialEnergy(model, up) - potentialEnergy(model, down)) / 2e-5;
      expect(force[i]).toBeCloseTo(-slope, 7);
    }
  });

  it('gives heat as the energy lost, in kT', () => {
    expect(heat_kT(model, x, [0, 0, 0])).toBeCloseTo(potentialEnergy(model, x) / 0.1, 10);
    const codes = Int16Array.of(2, -4, 1, 0, 0, 0);
    const heat = heatOfSamples_kT(
      model,
      codes,
      { units: 3, reads: 2, samples: 1 },
      { stateScale: 0.5, switchOnRead: 0, endRead: 1 },
    );
    expect(heat[0]).toBeCloseTo(heat_kT(model, x, [0, 0, 0]), 10);
    expect(heatSummary_kT([1, 2, 3])).toEqual({ n: 3, mean: 2, sd: 1, stderr: 1 / Math.sqrt(3) });
  });

  it('refuses a state of another size', () => {
    expect(() => forces(model, [1])).toThrow(expect.objectContaining({ code: 'wrong-shape' }));
  });
});

describe('one uncoupled unit in equilibrium', () => {
  it.each([
    [0.08, 0.033723, 0.003138],
    [0.09, 0.037346, 0.003827],
    [0.1, 0.040878, 0.004561],
    [0.11, 0.044326, 0.005337],
    [0.12, 0.047697, 0.006152],
  ])('kT = %f', (kT, x2, x4) => {
    const moments = equilibriumMoments(kT, 1, 1);
    expect(moments.x2.toFixed(6)).toBe(x2.toFixed(6));
    expect(moments.x4.toFixed(6)).toBe(x4.toFixed(6));
    expect(2 * moments.x2 + 4 * moments.x4).toBeCloseTo(kT, 13); // virial identity
    expect(2 * moments.x4 + 4 * moments.x6).toBeCloseTo(3 * kT * moments.x2, 13);
  });

  it('is Gaussian without J4 and holds the virial identity in two wells', () => {
    expect(equilibriumMoments(0.1, 1, 0).x2).toBeCloseTo(0.05, 14);
    const { x2, x4 } = equilibriumMoments(0.02, -1, 1);
    expect(-2 * x2 + 4 * x4).toBeCloseTo(0.02, 13);
    expect(() => equilibriumMoments(0.1, -1, 0)).toThrow(/no floor/);
  });

  it('is a thermometer with an error bar', () => {
    for (const [kT, j2, j4] of [
      [0.1, 1, 1],
      [0.02, 0, 1],
      [3, 0.2, 2],
      [0.1, 1, 0],
    ])
      expect(noiseTemperatureFromSecondMoment(equilibriumMoments(kT, j2, j4).x2, j2, j4) / kT).toBeCloseTo(
        1,
        11,
      );
    const slope = (equilibriumMoments(0.1001, 1, 1).x2 - equilibriumMoments(0.0999, 1, 1).x2) / 0.0002;
    expect(secondMomentSlope(0.1, 1, 1)).toBeCloseTo(slope, 6);
    expect((slope * 0.1) / 0.040878).toBeCloseTo(0.853, 3); // d ln<x^2>/d ln kT at the working point
    const estimate = noiseTemperatureEstimate(0.040878, 0.0004, 1, 1);
    expect(estimate.stderr_E0).toBeCloseTo(0.0004 / slope, 6);
    expect(() => noiseTemperatureFromSecondMoment(-1, 1, 1)).toThrow(/no noise temperature/);
  });
});

describe('statistics', () => {
  it('finds the correlation time of an AR(1) series', () => {
    const next = gaussianFrom(7);
    const rho = 0.8; // tau = (1 + rho)/(1 - rho) = 9
    const series = new Float64Array(200_000);
    for (let k = 1; k < series.length; k++)
      series[k] = rho * series[k - 1] + Math.sqrt(1 - rho * rho) * next();
    const found = autocorrelationTime(series);
    expect(found.time).toBeGreaterThan(8);
    expect(found.time).toBeLessThan(10);
    expect(found.trusted).toBe(true);
    expect(found.stderr / batchMeans(series, 40).stderr).toBeGreaterThan(0.6);
    expect(found.stderr / batchMeans(series, 40).stderr).toBeLessThan(1.6);
    expect(autocorrelationTime(series.subarray(0, 200)).trusted).toBe(false);
  });

  it('takes independent values as they are', () => {
    const next = gaussianFrom(3);
    const series = Float64Array.from({ length: 10_000 }, next);
    expect(Math.abs(autocorrelationTime(series).time - 1)).toBeLessThan(0.1);
    expect(autocorrelationTime([1, 1, 1]).time).toBe(1);
  });

  it('has moments with n - 1', () => {
    expect(mean([1, 2, 6])).toBe(3);
    expect(variance([1, 2, 6])).toBe(7);
    expect(standardError([1, 2, 6])).toBeCloseTo(Math.sqrt(7 / 3), 14);
    expect(() => variance([1])).toThrow(/2 needed/);
  });

  it('gives the Wilson interval', () => {
    const { low, high } = wilsonInterval(8, 10);
    expect(low).toBeCloseTo(0.4902, 4); // Wilson 1927, 95 %
    expect(high).toBeCloseTo(0.9433, 4);
    expect(wilsonInterval(0, 10).low).toBe(0);
    expect(() => wilsonInterval(2, 1)).toThrow(/no share/);
  });
});

describe('prototypes', () => {
  it('chooses by |Pearson| and marks inverted pictures', () => {
    const prototypes = [
      [1, 0, 0, 1],
      [1, 2, 3, 4],
    ];
    expect(bestPrototype([-2, -4, -6, -8], prototypes)).toEqual({ index: 1, correlation: 1, inverted: true });
    expect(pearson([1, 1], [1, 2])).toBe(0);
    expect(() => bestPrototype([1], [])).toThrow(/no prototypes/);
  });
});
