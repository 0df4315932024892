// The path ratio against the probabilities that it is the ratio of, against a process whose reversal is known (equilibrium is its
// own), and against exact partition functions.
import { describe, expect, it } from 'vitest';
import { gaussianFrom } from '../../test/support/gaussian.ts';
import {
  emptyModel,
  forces,
  meanExponential,
  pathRatio,
  potentialEnergy,
  summarise,
  type Model,
  type PathRatio,
  type RecordedPath,
} from './index.ts';

const KT = 0.1;

/** A model with couplings J_ij = values in the order of pairs, and biases. */
function modelWith(units: number, pairs: readonly number[], biases: readonly number[] = []): Model {
  const model = emptyModel(units);
  let at = 0;
  for (let i = 0; i < units; i++)
    for (let j = i + 1; j < units; j++, at++)
      model.couplings[i * units + j] = model.couplings[j * units + i] = pairs[at] ?? 0;
  biases.forEach((b, i) => (model.biases[i] = b));
  return model;
}

const scaled = (model: Model, share: number): Model => ({
  ...model,
  couplings: model.couplings.map((j) => share * j),
  biases: model.biases.map((b) => share * b),
});

/** Euler-Maruyama in float64, by the definition. */
function simulate(
  model: Model,
  from: Float64Array,
  { steps, step, drive }: { steps: number; step: number; drive?: RecordedPath['drive'] },
  next: () => number,
): RecordedPath {
  const { units } = model;
  const states = new Float64Array((steps + 1) * units);
  states.set(from);
  for (let k = 0; k < steps; k++) {
    const x = states.subarray(k * units, (k + 1) * units);
    const force = forces(model, x);
    for (let i = 0; i < units; i++) {
      const driven = force[i] + (drive === undefined ? 0 : drive.share[k] * drive.force_E0[i]);
      states[(k + 1) * units + i] = x[i] + step * driven + Math.sqrt(2 * KT * step) * next();
    }
  }
  return { units, states, step, ...(drive !== undefined && { drive }) };
}

/** -ln of the Gaussian of one step, without its constant. */
const cost = (moved: number, force: number, step: number): number =>
  (moved - step * force) ** 2 / (4 * KT * step);

describe('the path ratio', () => {
  const model = modelWith(3, [0.8, -0.5, 0.3], [0.2, 0, -0.1]);
  const drive = {
    force_E0: Float64Array.of(1, -2, 0.5),
    share: Float64Array.from({ length: 50 }, (_, k) => 1 - k / 50),
  };
  const path = simulate(
    emptyModel(3),
    Float64Array.of(0.3, -0.4, 0),
    { steps: 50, step: 0.01, drive },
    gaussianFrom(3),
  );

  it('is the difference of the logarithms of the probabilities, step by step', () => {
    let expected = 0;
    for (let k = 0; k < 50; k++) {
      const before = path.states.subarray(k * 3, (k + 1) * 3);
      const after = path.states.subarray((k + 1) * 3, (k + 2) * 3);
      const [f0, f1] = [forces(emptyModel(3), before), forces(model, after)];
      for (let i = 0; i < 3; i++) {
        const driven = f0[i] + drive.share[k] * drive.force_E0[i];
        expected += cost(before[i] - after[i], f1[i], 0.01) - cost(after[i] - before[i], driven, 0.01);
      }
    }
    const { ratio_kT, heatLike_kT, forceSquared_kT } = pathRatio(path, emptyModel(3), model);
    expect(ratio_kT).toBeCloseTo(expected, 9);
    expect(heatLike_kT + forceSquared_kT).toBe(ratio_kT);
  });

  it.each([
    ['another number of units', () => pathRatio(path, emptyModel(2), emptyModel(2)), 'wrong-shape'],
    [
      'half a state',
      () => pathRatio({ ...path, states: path.states.subarray(1) }, model, model),
      'wrong-shape',
    ],
    [
      'one state',
      () => pathRatio({ ...path, states: path.states.subarray(0, 3) }, model, model),
      'wrong-shape',
    ],
    ['a step of 0', () => pathRatio({ ...path, step: 0 }, model, model), 'bad-argument'],
    [
      'a drive that is too short',
      () => pathRatio({ ...path, drive: { ...drive, share: new Float64Array(49) } }, model, model),
      'wrong-shape',
    ],
    [
      'two temperatures',
      () => pathRatio(path, { ...model, noiseTemperature_E0: 0.2 }, model),
      'bad-argument',
    ],
  ])('refuses %s', (_what, call, code) => {
    expect(call).toThrow(expect.objectContaining({ code }));
  });
});

describe('equilibrium, which is its own reversal', () => {
  const truth = modelWith(4, [0.9, -0.6, 0.4, 0.2, -0.8, 0.5], [0.3, 0, -0.2, 0.1]);
  const STEP = 0.002;
  const next = gaussianFrom(17);
  const settled = simulate(truth, new Float64Array(4), { steps: 2500, step: STEP }, next);
  let start = settled.states.slice(-4);
  const paths = Array.from({ length: 1200 }, () => {
    const path = simulate(truth, start, { steps: 500, step: STEP }, next);
    start = path.states.slice(-4);
    return path;
  });
  /** Mean over the paths with all of theta times a share. */
  const at = (share: number, of: keyof PathRatio) =>
    summarise(paths.map((path) => pathRatio(path, truth, scaled(truth, share))[of]));
  /** A parabola through three shares: where it is least, path by path common, with its error. */
  const vertex = (of: keyof PathRatio) => {
    const values = [0.5, 1, 1.5].map((share) =>
      paths.map((p) => pathRatio(p, truth, scaled(truth, share))[of]),
    );
    const slope = summarise(values[0].map((low, k) => values[2][k] - low));
    const curvature = summarise(values[0].map((low, k) => 4 * (low - 2 * values[1][k] + values[2][k])));
    return { at: 1 - slope.mean / curvature.mean, error: slope.stderr / curvature.mean, slope, curvature };
  };

  it('has the least mean ratio at the true couplings', () => {
    const found = vertex('ratio_kT');
    expect(found.curvature.mean).toBeGreaterThan(20 * found.curvature.stderr);
    // The step puts the reversal off by O(dt): 0.2 % here.
    expect(Math.abs(found.at - 1)).toBeLessThan(4 * found.error + 0.005);
    expect(found.error).toBeLessThan(0.02);
    const ends = at(1, 'ratio_kT');
    expect(Math.abs(ends.mean)).toBeLessThan(4 * ends.stderr + 0.01);
    for (const share of [0.8, 1.2]) expect(at(share, 'ratio_kT').mean).toBeGreaterThan(0.05);
  });

  it('has no least value of the sum that looks like heat: it goes on in a straight line', () => {
    const { curvature } = vertex('heatLike_kT');
    expect(Math.abs(curvature.mean)).toBeLessThan(1e-9);
  });
});

describe('the mean of exp(-A)', () => {
  it('is the ratio of partition functions, from paths far from equilibrium', () => {
    const before = emptyModel(2);
    const after = modelWith(2, [0.4], [0.2, -0.1]);
    const next = gaussianFrom(29);
    const warm = simulate(before, new Float64Array(2), { steps: 4000, step: 0.001 }, next);
    let start = warm.states.slice(-2);
    const values = Array.from({ length: 3000 }, () => {
      // Apart by more than the memory of x, 0.4.
      const between = simulate(before, start, { steps: 400, step: 0.005 }, next);
      start = between.states.slice(-2);
      const path = simulate(before, start, { steps: 60, step: 0.002 }, next);
      const end = path.states.slice(-2);
      const work = potentialEnergy(after, end) - potentialEnergy(before, start);
      return pathRatio(path, before, after).ratio_kT + work / KT;
    });
    const { mean, stderr, usable, effective } = meanExponential(values);
    const exact = partition(after) / partition(before);
    expect(usable).toBe(true);
    expect(effective).toBeGreaterThan(300);
    // 1 % for the steps of the path and of what lies between.
    expect(Math.abs(mean - exact)).toBeLessThan(4 * stderr + 0.01 * exact);
    expect(stderr).toBeLessThan(0.02 * exact);
    expect(Math.abs(exact - 1)).toBeGreaterThan(0.05);
  });

  it('is not usable where values spread over many kT, and does not overflow there', () => {
    const next = gaussianFrom(5);
    const wide = meanExponential(Float64Array.from({ length: 5000 }, () => -2000 + 12 * next()));
    expect(wide.usable).toBe(false);
    expect(wide.effective).toBeLessThan(50);
    const narrow = meanExponential(Float64Array.from({ length: 5000 }, () => 0.3 * next()));
    expect(narrow.usable).toBe(true);
    expect(Math.abs(narrow.mean - Math.exp(0.045))).toBeLessThan(4 * narrow.stderr);
    expect(() => meanExponential([1])).toThrow(expect.objectContaining({ code: 'bad-argument' }));
  });
});

/** Of two units, by the trapezoid rule. */
function partition(model: Model): number {
  let sum = 0;
  const step = 0.01;
  for (let x = -2; x <= 2; x += step)
    for (let y = -2; y <= 2; y += step) sum += Math.exp(-potentialEnergy(model, [x, y]) / KT);
  return sum * step * step;
}
