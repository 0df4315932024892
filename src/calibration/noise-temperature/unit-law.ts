// The law of one unit at rest as the thermometer needs it, with the constant force on it where one is known.
import {
  equilibriumMoments,
  noiseTemperatureFromSecondMoment,
  noiseTemperatureUnderForce,
  secondMomentSlope,
  tiltedMoments,
} from '../../physics/index.ts';

/** E0. */
export interface UnitLaw {
  j2: number;
  j4: number;
  force: number;
}

export function squareAt(kT: number, { j2, j4, force }: UnitLaw): number {
  return force === 0 ? equilibriumMoments(kT, j2, j4).x2 : tiltedMoments(kT, j2, j4, force)[1];
}

export function meanAt(kT: number, { j2, j4, force }: UnitLaw): number {
  return force === 0 ? 0 : tiltedMoments(kT, j2, j4, force)[0];
}

/** d<x^2>/dkT. */
export function squareSlopeAt(kT: number, law: UnitLaw): number {
  if (law.force === 0) return secondMomentSlope(kT, law.j2, law.j4);
  const h = 1e-4 * kT;
  return (squareAt(kT + h, law) - squareAt(kT - h, law)) / (2 * h);
}

/** kT of a second moment; null where none belongs to it. */
export function temperatureAt(x2: number, { j2, j4, force }: UnitLaw): number | null {
  if (!(x2 > 0)) return null;
  if (force === 0) return noiseTemperatureFromSecondMoment(x2, j2, j4);
  try {
    return noiseTemperatureUnderForce(x2, j2, j4, force);
  } catch {
    return null;
  }
}

/** Relative change of kT for a relative change of each thing it was computed from. */
export interface Sensitivity {
  secondMoment: number;
  j2: number;
  j4: number;
}

/** At a kT and the second moment that belongs to it. */
export function sensitivityAt(kT: number, law: UnitLaw): Sensitivity {
  const x2 = squareAt(kT, law);
  const secondMoment = x2 / (kT * squareSlopeAt(kT, law));
  const h = 1e-3;
  const along = (changed: UnitLaw): number => -((squareAt(kT, changed) / x2 - 1) / h) * secondMoment;
  return {
    secondMoment,
    j2: along({ ...law, j2: law.j2 * (1 + h) }),
    j4: along({ ...law, j4: law.j4 * (1 + h) }),
  };
}
