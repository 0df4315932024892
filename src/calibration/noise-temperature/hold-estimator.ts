// The thermometer's arithmetic: from readout codes of uncoupled holds to the noise temperature of every unit and of the
// chip, with error bars from independent restarts. Pure; docs/physics.md gives the curve and its working point.
import {
  equilibriumMoments,
  mean,
  noiseTemperatureFromSecondMoment,
  secondMomentSlope,
  standardError,
} from '../../physics/index.ts';
import { correlationOfReads, type ReadCorrelation } from './hold-correlation.ts';
import { CalibrationError } from '../errors.ts';
import type { HoldData } from './hold-data.ts';
import { chiSquareSurvival, normalQuantile } from '../tails.ts';

/**
 * `ok`; `deviates` from the common value beyond the family-wise bound; `offset`: its mean is not 0, so its <x^2> is no
 * temperature; `dead`: every code is the same.
 */
export type UnitQuality = 'ok' | 'deviates' | 'offset' | 'dead';

export interface FlaggedUnit {
  unit: number;
  quality: UnitQuality;
  /** Deviation that condemned it, in standard errors; null for a dead unit. */
  z: number | null;
  reason: string;
}

export interface HoldEstimate {
  /** kT of the units that are ok together, E0, and its standard error over restarts. */
  noiseTemperature_E0: number;
  stderr_E0: number;
  /** <x^2> behind it, averaged over those units, without the readout's own variance. */
  secondMoment: number;
  /** Per unit, E0; null where no temperature can be given. */
  unit_E0: (number | null)[];
  unitStderr_E0: (number | null)[];
  quality: UnitQuality[];
  flagged: FlaggedUnit[];
  /** Of the units around the common value, dead ones left out. */
  chiSquare: { value: number; degrees: number; pValue: number };
  /** |z| above which a unit is flagged: false-alarm probability over all units and both checks. */
  bound_z: number;
  /** Second opinion on the error bar from the correlation inside the holds; null with a single read. */
  correlation: (ReadCorrelation & { stderr_E0: number }) | null;
}

export const HOLDS_MIN = 10;
/** Probability that a chip without any fault has a unit flagged. */
export const FALSE_ALARM_PROBABILITY = 0.01;

/**
 * Estimates the noise temperature. Assumes that x = code times state scale (a readout gain of exactly 1), that the
 * units are in equilibrium, and that J2 and J4 are what was programmed.
 * @throws {CalibrationError} too-few-holds, no-usable-units
 */
export function estimateHold(data: HoldData): HoldEstimate {
  if (data.holds < HOLDS_MIN)
    throw new CalibrationError('too-few-holds', `${data.holds} holds give no error bar`, {
      pointer: '/holds',
      allowed: `${HOLDS_MIN} holds or more`,
    });
  const moments = restartMoments(data);
  const stats = Array.from({ length: data.units }, (_, i) => unitStatistics(data, moments, i));
  // Two checks a unit (temperature and offset), both tails.
  const bound_z = normalQuantile(FALSE_ALARM_PROBABILITY / (4 * data.units));
  const judged = judge(stats, bound_z);
  const good = stats.filter((_, i) => judged.quality[i] === 'ok');
  if (good.length === 0) throw noUsableUnits(data.units);
  const noiseTemperature_E0 = commonTemperature(good);
  const slope = mean(good.map((s) => secondMomentSlope(noiseTemperature_E0, s.j2, s.j4)));
  const restarts = Array.from({ length: data.holds }, (_, k) =>
    mean(good.map((s) => moments.square[k * data.units + s.unit])),
  );
  const correlation = correlationOfReads(
    data,
    good.map((s) => s.unit),
  );
  return {
    noiseTemperature_E0,
    stderr_E0: standardError(restarts) / slope,
    secondMoment: mean(restarts),
    unit_E0: stats.map((s) => s.kT),
    unitStderr_E0: stats.map((s) =>
      s.kT === null ? null : s.squareStderr / secondMomentSlope(s.kT, s.j2, s.j4),
    ),
    quality: judged.quality,
    flagged: judged.flagged,
    chiSquare: chiSquareOf(judged.z),
    bound_z,
    correlation: correlation && { ...correlation, stderr_E0: correlation.meanSquareStderr / slope },
  };
}

interface RestartMoments {
  /** Mean of x^2 over the reads of one hold, [holds][units], without the variance that rounding adds. */
  square: Float64Array;
  /** Mean of x. */
  first: Float64Array;
}

interface UnitStatistics {
  unit: number;
  j2: number;
  j4: number;
  square: number;
  squareStderr: number;
  first: number;
  firstStderr: number;
  dead: boolean;
  kT: number | null;
}

function restartMoments(data: HoldData): RestartMoments {
  const { codes, holds, reads, units, stateScale } = data;
  const square = new Float64Array(holds * units);
  const first = new Float64Array(holds * units);
  for (let k = 0; k < holds; k++)
    for (let r = 0; r < reads; r++)
      for (let i = 0; i < units; i++) {
        const code = codes[(k * reads + r) * units + i];
        square[k * units + i] += code * code;
        first[k * units + i] += code;
      }
  // Rounding to codes adds a uniform error of variance scale^2/12 to every read.
  const scale2 = stateScale * stateScale;
  for (let k = 0; k < holds * units; k++) {
    square[k] = (square[k] / reads - 1 / 12) * scale2;
    first[k] = (first[k] / reads) * stateScale;
  }
  return { square, first };
}

function unitStatistics(data: HoldData, moments: RestartMoments, unit: number): UnitStatistics {
  const column = (values: Float64Array): Float64Array =>
    Float64Array.from({ length: data.holds }, (_, k) => values[k * data.units + unit]);
  const squares = column(moments.square);
  const firsts = column(moments.first);
  const square = mean(squares);
  const dead = isConstant(data, unit);
  const [j2, j4] = [data.j2[unit], data.j4[unit]];
  return {
    unit,
    j2,
    j4,
    square,
    squareStderr: standardError(squares),
    first: mean(firsts),
    firstStderr: standardError(firsts),
    dead,
    kT: dead || square <= 0 ? null : noiseTemperatureFromSecondMoment(square, j2, j4),
  };
}

function isConstant({ codes, units }: HoldData, unit: number): boolean {
  for (let k = unit; k < codes.length; k += units) if (codes[k] !== codes[unit]) return false;
  return true;
}

interface Judgement {
  quality: UnitQuality[];
  flagged: FlaggedUnit[];
  /** Deviation of each live unit from the common value, in standard errors. */
  z: number[];
}

/**
 * Compares each unit with the others: first around the median, which faulty units cannot move, then around the units
 * that passed. The error bar of the comparison is pooled over units. With its own error bar a unit that reads low by
 * chance would also look precise, because the squares are skewed.
 */
function judge(stats: readonly UnitStatistics[], bound_z: number): Judgement {
  const live = stats.filter((s) => s.kT !== null);
  if (live.length === 0) throw noUsableUnits(stats.length);
  const offsets = new Map(live.map((s) => [s.unit, s.first / s.firstStderr]));
  const centred = live.filter((s) => Math.abs(offsets.get(s.unit) ?? 0) <= bound_z);
  const pool = centred.length > 0 ? centred : live;
  let kT = median(pool.map((s) => s.kT ?? 0));
  let width = Math.sqrt(median(pool.map((s) => relativeVariance(s, kT))));
  let z = new Map<number, number>();
  for (let pass = 0; pass < 2; pass++) {
    z = new Map(live.map((s) => [s.unit, deviation(s, kT) / width]));
    const good = pool.filter((s) => Math.abs(z.get(s.unit) ?? Infinity) <= bound_z);
    if (good.length === 0) break;
    kT = commonTemperature(good);
    width = Math.sqrt(mean(good.map((s) => relativeVariance(s, kT))));
  }
  z = new Map(live.map((s) => [s.unit, deviation(s, kT) / width]));
  const flagged = stats.flatMap((s) => flagOf(s, offsets.get(s.unit), z.get(s.unit), bound_z) ?? []);
  const quality: UnitQuality[] = stats.map(() => 'ok');
  for (const flag of flagged) quality[flag.unit] = flag.quality;
  return { quality, flagged, z: [...z.values()] };
}

function flagOf(
  unit: UnitStatistics,
  offset_z: number | undefined,
  z: number | undefined,
  bound_z: number,
): FlaggedUnit | null {
  const flag = (quality: UnitQuality, value: number | null, reason: string): FlaggedUnit => ({
    unit: unit.unit,
    quality,
    z: value,
    reason,
  });
  if (unit.dead) return flag('dead', null, 'every read gave the same code');
  if (z === undefined || offset_z === undefined)
    return flag('dead', null, 'its variance is below that of the rounding of the readout');
  if (Math.abs(offset_z) > bound_z)
    return flag(
      'offset',
      offset_z,
      `its mean is ${unit.first.toPrecision(3)}, and must be 0 without a field`,
    );
  if (Math.abs(z) <= bound_z) return null;
  return flag(
    'deviates',
    z,
    `its <x^2> of ${unit.square.toPrecision(4)} is ${z > 0 ? 'above' : 'below'} what the common value gives`,
  );
}

function deviation(unit: UnitStatistics, kT: number): number {
  return unit.square / equilibriumMoments(kT, unit.j2, unit.j4).x2 - 1;
}

function relativeVariance(unit: UnitStatistics, kT: number): number {
  return (unit.squareStderr / equilibriumMoments(kT, unit.j2, unit.j4).x2) ** 2;
}

/**
 * The one kT at which the exact curves of these units have the mean <x^2> that was measured. Averaging before inverting
 * keeps the curvature of the curve from biasing the result.
 */
function commonTemperature(units: readonly UnitStatistics[]): number {
  const target = mean(units.map((s) => s.square));
  const kinds = distinctPotentials(units);
  if (kinds.length === 1) return noiseTemperatureFromSecondMoment(target, kinds[0].j2, kinds[0].j4);
  let kT = mean(units.map((s) => s.kT ?? 0));
  for (let k = 0; k < 60; k++) {
    let value = 0;
    let slope = 0;
    for (const { j2, j4, share } of kinds) {
      value += share * equilibriumMoments(kT, j2, j4).x2;
      slope += share * secondMomentSlope(kT, j2, j4);
    }
    // Newton in ln kT, where the curve is nearly straight.
    const step = (Math.log(target / value) * value) / (slope * kT);
    kT *= Math.exp(step);
    if (Math.abs(step) < 1e-13) break;
  }
  return kT;
}

function distinctPotentials(units: readonly UnitStatistics[]): { j2: number; j4: number; share: number }[] {
  const kinds = new Map<string, { j2: number; j4: number; share: number }>();
  for (const { j2, j4 } of units) {
    const kind = kinds.get(`${j2} ${j4}`) ?? { j2, j4, share: 0 };
    kind.share += 1 / units.length;
    kinds.set(`${j2} ${j4}`, kind);
  }
  return [...kinds.values()];
}

function chiSquareOf(z: readonly number[]): HoldEstimate['chiSquare'] {
  const value = z.reduce((sum, each) => sum + each * each, 0);
  const degrees = z.length - 1;
  return { value, degrees, pValue: degrees > 0 ? chiSquareSurvival(value, degrees) : 1 };
}

function noUsableUnits(units: number): CalibrationError {
  return new CalibrationError('no-usable-units', `none of ${units} units gives a temperature`, {
    remedy: 'Look at the readout: every unit is dead, offset or at odds with the others.',
  });
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return (sorted[Math.floor((sorted.length - 1) / 2)] + sorted[Math.ceil((sorted.length - 1) / 2)]) / 2;
}
