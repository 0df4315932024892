// What training finds against the path ratio: over simulated noising paths the mean ratio is least at the couplings of the closed
// form, which knows no path; and the sum that looks like heat is not.
import { describe, expect, it } from 'vitest';
import { gaussianFrom } from '../../test/support/gaussian.ts';
import { emptyModel, pathRatio, summarise, type Model, type RecordedPath } from '../physics/index.ts';
import { fieldShare, STANDARD_PROTOCOL } from './fokker-planck.ts';
import { noiseFreeMoments } from './moments.ts';
import { solveCouplings } from './solver.ts';
import { denseWiring } from './wiring.ts';

const UNITS = 6;
const STEPS = 1250;
const STEP = STANDARD_PROTOCOL.duration / STEPS;
const PATHS_EACH = 120;
const FIELDS = [Float64Array.of(3, 3, -1, -1, 2, -2), Float64Array.of(-1, 2, 3, -1, -2, 2)];
const SHARE = Float64Array.from({ length: STEPS }, (_, k) => fieldShare(STANDARD_PROTOCOL, k * STEP));

/** x = 0, t_f under the full field, then the recorded t_f under the ramp. */
function noisingPath(force_E0: Float64Array, next: () => number): RecordedPath {
  const { kT } = STANDARD_PROTOCOL;
  const x = new Float64Array(UNITS);
  const move = (share: number): void => {
    for (let i = 0; i < UNITS; i++)
      x[i] += STEP * (share * force_E0[i] - 2 * x[i] - 4 * x[i] ** 3) + Math.sqrt(2 * kT * STEP) * next();
  };
  for (let k = 0; k < STEPS; k++) move(1);
  const states = new Float64Array((STEPS + 1) * UNITS);
  states.set(x);
  for (let k = 0; k < STEPS; k++) {
    move(SHARE[k]);
    states.set(x, (k + 1) * UNITS);
  }
  return { units: UNITS, states, step: STEP, drive: { force_E0, share: SHARE } };
}

describe('the couplings that training finds', () => {
  const next = gaussianFrom(41);
  const solution = solveCouplings(noiseFreeMoments(FIELDS), denseWiring(UNITS));
  const trained = (share: number): Model => ({
    ...emptyModel(UNITS),
    couplings: solution.couplings.map((j) => share * j),
    biases: solution.biases.map((b) => share * b),
  });
  const paths = FIELDS.flatMap((field) => Array.from({ length: PATHS_EACH }, () => noisingPath(field, next)));
  const shares = [0.5, 1, 1.5];
  const ratios = shares.map((share) =>
    paths.map((path) => pathRatio(path, emptyModel(UNITS), trained(share))),
  );

  it('make the mean path ratio least', () => {
    const slope = summarise(paths.map((_, k) => ratios[2][k].ratio_kT - ratios[0][k].ratio_kT));
    const curvature = summarise(
      paths.map((_, k) => 4 * (ratios[0][k].ratio_kT - 2 * ratios[1][k].ratio_kT + ratios[2][k].ratio_kT)),
    );
    const least = 1 - slope.mean / curvature.mean;
    expect(curvature.mean).toBeGreaterThan(20 * curvature.stderr);
    expect(slope.stderr / curvature.mean).toBeLessThan(0.02);
    // The closed form is that of infinitely small steps; this step of 0.002 moves the least value by about as much.
    expect(Math.abs(least - 1)).toBeLessThan((4 * slope.stderr) / curvature.mean + 0.01);
  });

  it('do not make the sum least that looks like heat: beyond them it goes on falling', () => {
    const falls = summarise(paths.map((_, k) => ratios[2][k].heatLike_kT - ratios[1][k].heatLike_kT));
    const fell = summarise(paths.map((_, k) => ratios[1][k].heatLike_kT - ratios[0][k].heatLike_kT));
    expect(falls.mean).toBeLessThan(-10 * falls.stderr);
    expect(falls.mean).toBeCloseTo(fell.mean, 6);
    // And what it leaves out is no rounding.
    const left = summarise(ratios[1].map(({ forceSquared_kT }) => forceSquared_kT));
    expect(Math.abs(left.mean)).toBeGreaterThan(10 * left.stderr);
  });
});
