// The zero-coupling probe: an uncoupled hold without a field says the noise temperature of all units together, and where each
// of them rests. Pure.
import { atOnce } from '../../clock/slices.ts';
import {
  mean,
  noiseTemperatureFromSecondMoment,
  secondMomentSlope,
  standardError,
} from '../../physics/index.ts';

/** Codes of a hold whose reads come late enough to be equilibrium. */
export interface ZeroCouplingRun {
  /** [samples][reads][units]. */
  codes: Int16Array;
  samples: number;
  reads: number;
  units: number;
  stateScale: number;
  /** Programmed, per unit, E0. */
  j2: Float64Array;
  j4: Float64Array;
}

export interface ZeroCoupling {
  /** From <x^2> of all units that move, E0; assumes a readout gain of 1 and J2, J4 as programmed. */
  noiseTemperature_E0: number;
  stderr_E0: number;
  /** Mean of x per unit. */
  offset_x: Float64Array;
  offsetStderr_x: Float64Array;
}

/** @returns null where no unit moves, or fewer than 10 samples were taken */
export function zeroCoupling(run: ZeroCouplingRun): ZeroCoupling | null {
  return atOnce(zeroCouplingSteps(run));
}

/** The same with a pause after every unit: some 40 ms at 1,296 units. */
export function* zeroCouplingSteps(run: ZeroCouplingRun): Generator<undefined, ZeroCoupling | null> {
  const { codes, samples, reads, units, stateScale } = run;
  if (samples < 10) return null;
  const firsts = Array.from({ length: units }, () => new Float64Array(samples));
  const squares = Array.from({ length: units }, () => new Float64Array(samples));
  for (let k = 0; k < samples; k++)
    for (let r = 0; r < reads; r++)
      for (let i = 0; i < units; i++) {
        const x = codes[(k * reads + r) * units + i] * stateScale;
        firsts[i][k] += x / reads;
        squares[i][k] += (x * x - stateScale ** 2 / 12) / reads;
      }
  const offset_x = Float64Array.from(firsts, mean);
  const offsetStderr_x = Float64Array.from(firsts, standardError);
  const live = Array.from(offset_x.keys()).filter((i) => offsetStderr_x[i] > 0);
  if (live.length === 0) return null;
  const temperatures: number[] = [];
  const variances: number[] = [];
  for (const i of live) {
    yield;
    // A unit that rests off the middle is wider about its mean by nothing to first order.
    const second = mean(squares[i]) - offset_x[i] ** 2 + offsetStderr_x[i] ** 2;
    if (second <= 0) continue;
    const kT = noiseTemperatureFromSecondMoment(second, run.j2[i], run.j4[i]);
    temperatures.push(kT);
    variances.push((standardError(squares[i]) / secondMomentSlope(kT, run.j2[i], run.j4[i])) ** 2);
  }
  if (temperatures.length === 0) return null;
  // Plain means: weights from each unit's own scatter would favour those that read low by chance.
  return {
    noiseTemperature_E0: mean(temperatures),
    stderr_E0: Math.sqrt(mean(variances) / temperatures.length),
    offset_x,
    offsetStderr_x,
  };
}
