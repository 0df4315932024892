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

function checkPotential(kT: number, j2: number, j4: number): void {
  if (!(Number.isFinite(kT) && kT > 0))
    throw new PhysicsError('bad-argument', `kT = ${kT}`, { pointer: '/kT', allowed: 'a number above 0' });
  if (!Number.isFinite(j2) || !Number.isFinite(j4) || j4 < 0 || (j4 === 0 && j2 <= 0))
    throw new PhysicsError('bad-argument', `J2 = ${j2}, J4 = ${j4} has no floor`, {
      pointer: '/j4',
      allowed: 'J4 > 0, or J4 = 0 and J2 > 0',
    });
}
