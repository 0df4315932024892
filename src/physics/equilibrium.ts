// One uncoupled unit in equilibrium, exactly: moments of exp(-(J2 x^2 + J4 x^4)/kT) by quadrature, and their inverse,
// the thermometer. A Gaussian guess would be 22 % wrong at the working point (docs/physics.md, "Thermometer").
import { PhysicsError } from './errors.ts';

export interface EquilibriumMoments {
  x2: number;
  x4: number;
  x6: number;
}

/** The density is followed down to exp(-45) of its top: 3e-20. */
const CUT_kT = 45;
/** Points per narrowest thermal width; the trapezoid rule converges exponentially for such functions. */
const POINTS_PER_WIDTH = 8;

/**
 * <x^2>, <x^4>, <x^6> of one uncoupled unit without field.
 * @param kT noise temperature, E0
 * @param j2 may be negative (two wells) if j4 > 0
 */
export function equilibriumMoments(kT: number, j2: number, j4: number): EquilibriumMoments {
  checkPotential(kT, j2, j4);
  const floor = j2 < 0 ? -(j2 * j2) / (4 * j4) : 0;
  const top = CUT_kT * kT + floor;
  // J4 u^2 + J2 u = top with u = x^2, written so that it also holds for J4 = 0.
  const root = Math.sqrt(j2 * j2 + 4 * j4 * top);
  const edge = Math.sqrt(j2 >= 0 ? (2 * top) / (j2 + root) : (root - j2) / (2 * j4));
  const steepest = Math.abs(2 * j2) + 12 * j4 * edge * edge;
  const points = Math.ceil((edge / Math.sqrt(kT / steepest)) * POINTS_PER_WIDTH);
  const h = edge / points;
  let [z, s2, s4, s6] = [Math.exp(floor / kT) / 2, 0, 0, 0]; // x = 0 counts half
  for (let k = 1; k <= points; k++) {
    const u = (k * h) ** 2;
    const w = Math.exp((floor - u * (j2 + j4 * u)) / kT);
    z += w;
    s2 += w * u;
    s4 += w * u * u;
    s6 += w * u * u * u;
  }
  return { x2: s2 / z, x4: s4 / z, x6: s6 / z };
}

/** d<x^2>/dkT = Cov(x^2, U)/kT^2 with U = J2 x^2 + J4 x^4. */
export function secondMomentSlope(kT: number, j2: number, j4: number): number {
  const { x2, x4, x6 } = equilibriumMoments(kT, j2, j4);
  return (j2 * (x4 - x2 * x2) + j4 * (x6 - x2 * x4)) / (kT * kT);
}

/**
 * The noise temperature (E0) at which an uncoupled unit has the second moment `x2`. For j2 >= 0 the curve rises from 0
 * without limit; two wells have no inverse here.
 * @throws {PhysicsError} bad-argument
 */
export function noiseTemperatureFromSecondMoment(x2: number, j2: number, j4: number): number {
  if (!Number.isFinite(x2) || x2 <= 0 || j2 < 0)
    throw new PhysicsError('bad-argument', `no noise temperature belongs to <x^2> = ${x2} at J2 = ${j2}`, {
      pointer: '/x2',
      allowed: 'a second moment above 0, J2 >= 0',
    });
  // The virial identity with <x^4> = x2^2 .. 3 x2^2 brackets kT; Newton in ln kT, where the curve is nearly straight.
  let kT = 2 * j2 * x2 + 4 * j4 * 2 * x2 * x2;
  for (let k = 0; k < 60; k++) {
    const moments = equilibriumMoments(kT, j2, j4);
    const slope = (j2 * (moments.x4 - moments.x2 ** 2) + j4 * (moments.x6 - moments.x2 * moments.x4)) / kT;
    const step = (Math.log(x2 / moments.x2) * moments.x2) / slope;
    kT *= Math.exp(step);
    if (Math.abs(step) < 1e-13) return kT;
  }
  return kT;
}

/** The noise temperature and its standard error, from a measured second moment and its own standard error. */
export function noiseTemperatureEstimate(
  x2: number,
  x2Stderr: number,
  j2: number,
  j4: number,
): { noiseTemperature_E0: number; stderr_E0: number } {
  const noiseTemperature_E0 = noiseTemperatureFromSecondMoment(x2, j2, j4);
  return { noiseTemperature_E0, stderr_E0: x2Stderr / secondMomentSlope(noiseTemperature_E0, j2, j4) };
}

/** <x>, <x^2>, <x^3>, <x^4> of a unit. */
export type TiltedMoments = readonly [number, number, number, number];

/**
 * Moments of exp(-(J2 x^2 + J4 x^4 - force x)/kT), by the same quadrature over both sides.
 * @param force E0; positive pushes x up
 * @param j2 may be negative if j4 > 0
 */
export function tiltedMoments(kT: number, j2: number, j4: number, force: number): TiltedMoments {
  checkPotential(kT, j2, j4);
  const energy = (x: number): number => x * (x * (j2 + j4 * x * x) - force);
  const { low, high, floor } = reach(energy, kT, j2, j4, force);
  const edge = Math.max(-low, high);
  const steepest = Math.abs(2 * j2) + 12 * j4 * edge * edge;
  const points = Math.ceil(((high - low) / Math.sqrt(kT / steepest)) * POINTS_PER_WIDTH);
  const h = (high - low) / points;
  let [z, s1, s2, s3, s4] = [0, 0, 0, 0, 0];
  for (let k = 0; k <= points; k++) {
    const x = low + k * h;
    const w = Math.exp((floor - energy(x)) / kT);
    z += w;
    s1 += w * x;
    s2 += w * x * x;
    s3 += w * x * x * x;
    s4 += w * x * x * x * x;
  }
  return [s1 / z, s2 / z, s3 / z, s4 / z];
}

/** Where the density has fallen to exp(-CUT) on either side, and the lowest energy. */
function reach(
  energy: (x: number) => number,
  kT: number,
  j2: number,
  j4: number,
  force: number,
): { low: number; high: number; floor: number } {
  // Beyond this |x| the energy only rises: every term of J2 x + 2 J4 x^3 - |force|/2 is past its root.
  const width = Math.sqrt(kT / (Math.abs(j2) + Math.sqrt(j4 * kT)));
  const inner = Math.max(
    j4 > 0 ? Math.cbrt(Math.abs(force) / j4) : Math.abs(force) / j2,
    j2 < 0 ? Math.sqrt(-j2 / j4) : 0,
  );
  let floor = 0;
  const scan = (sign: number): number => {
    const step = sign * Math.max(width / 2, inner / 200);
    for (let x = step; ; x += step) {
      const e = energy(x);
      floor = Math.min(floor, e);
      if (Math.abs(x) >= inner && e > floor + CUT_kT * kT) return x;
    }
  };
  const [low, high] = [scan(-1), scan(1)];
  return { low, high, floor };
}

/**
 * The noise temperature (E0) at which a unit under a constant force has the second moment `x2`; the force must be small
 * enough that <x^2> still rises with kT, as the offsets of a chip are.
 * @throws {PhysicsError} bad-argument
 */
export function noiseTemperatureUnderForce(x2: number, j2: number, j4: number, force: number): number {
  if (force === 0) return noiseTemperatureFromSecondMoment(x2, j2, j4);
  let kT = noiseTemperatureFromSecondMoment(x2, j2, j4);
  for (let k = 0; k < 60; k++) {
    const value = tiltedMoments(kT, j2, j4, force)[1];
    const slope = (tiltedMoments(kT * 1.0001, j2, j4, force)[1] - value) / (kT * 0.0001);
    if (!(slope > 0)) break;
    const step = (Math.log(x2 / value) * value) / (slope * kT);
    kT *= Math.exp(Math.max(-1, Math.min(1, step)));
    if (Math.abs(step) < 1e-11) return kT;
  }
  throw new PhysicsError('bad-argument', `no noise temperature belongs to <x^2> = ${x2} under ${force} E0`, {
    pointer: '/x2',
    allowed: 'a second moment above that of the force alone',
  });
}

function checkPotential(kT: number, j2: number, j4: number): void {
  if (!(Number.isFinite(kT) && kT > 0))
    throw new PhysicsError('bad-argument', `kT = ${kT}`, { pointer: '/kT', allowed: 'a number above 0' });
  if (!Number.isFinite(j2) || !Number.isFinite(j4) || j4 < 0 || (j4 === 0 && j2 <= 0))
    throw new PhysicsError('bad-argument', `J2 = ${j2}, J4 = ${j4} has no floor`, {
      pointer: '/j4',
      allowed: 'J4 > 0, or J4 = 0 and J2 > 0',
    });
}
