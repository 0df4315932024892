// The thermometer's arithmetic: from readout codes of uncoupled holds to the noise temperature of every unit and of the
// chip, with error bars from independent restarts. Pure; docs/physics.md gives the curve and its working point.
import { mean, standardError } from '../../physics/index.ts';
import { correlationOfReads, type ReadCorrelation } from './hold-correlation.ts';
import { CalibrationError } from '../errors.ts';
import type { HoldData } from './hold-data.ts';
import { chiSquareSurvival, normalQuantile } from '../tails.ts';
import { restartMoments as momentsThrough } from '../moments.ts';
import { meanAt, squareAt, squareSlopeAt, temperatureAt, type UnitLaw } from './unit-law.ts';

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
/** S.d. of a normal law over the median of its absolute value. */
const NORMAL_PER_MEDIAN = 1.4826;
/** Probability that a chip without any fault has a unit flagged. */
export const FALSE_ALARM_PROBABILITY = 0.01;

/**
 * Estimates the noise temperature of units in equilibrium. Where nothing is known it assumes that x = code times state
 * scale (a readout gain of exactly 1) and that nothing pushes the units; J2 and J4 are those of the data.
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
  const judged = judge(stats, bound_z, data.known !== undefined);
  const good = stats.filter((_, i) => judged.quality[i] === 'ok');
  if (good.length === 0) throw noUsableUnits(data.units);
  const noiseTemperature_E0 = commonTemperature(good);
  const slope = mean(good.map((s) => squareSlopeAt(noiseTemperature_E0, s.law)));
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
    unitStderr_E0: stats.map((s) => (s.kT === null ? null : s.squareStderr / squareSlopeAt(s.kT, s.law))),
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
  first: Float64Array;
}

interface UnitStatistics {
  unit: number;
  law: UnitLaw;
  square: number;
  squareStderr: number;
  /** Mean of x, less what a known force does to it. */
  first: number;
  firstStderr: number;
  dead: boolean;
  kT: number | null;
}

function restartMoments(data: HoldData): RestartMoments {
  const { codes, holds, reads, units, stateScale, known } = data;
  if (known !== undefined) {
    const { x1, x2 } = momentsThrough({ codes, samples: holds, reads, units, stateScale }, known.readout);
    return { first: x1, square: x2 };
  }
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
  const law = { j2: data.j2[unit], j4: data.j4[unit], force: data.known?.force_E0[unit] ?? 0 };
  const kT = dead ? null : temperatureAt(square, law);
  return {
    unit,
    law,
    square,
    squareStderr: standardError(squares),
    first: mean(firsts) - (kT === null ? 0 : meanAt(kT, law)),
    firstStderr: Math.hypot(standardError(firsts), data.known?.meanStderr_x[unit] ?? 0),
    dead,
    kT,
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
 * @param mayDiffer the units of a known chip have temperatures of their own: what is as far out as the bulk is not faulty
 */
function judge(stats: readonly UnitStatistics[], bound_z: number, mayDiffer: boolean): Judgement {
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
  const scatter_z = [...z.values()];
  const bulk = mayDiffer ? Math.max(1, NORMAL_PER_MEDIAN * median(scatter_z.map(Math.abs))) : 1;
  if (bulk > 1) z = new Map([...z].map(([unit, value]) => [unit, value / bulk]));
  const flagged = stats.flatMap((s) => flagOf(s, offsets.get(s.unit), z.get(s.unit), bound_z) ?? []);
  const quality: UnitQuality[] = stats.map(() => 'ok');
  for (const flag of flagged) quality[flag.unit] = flag.quality;
  return { quality, flagged, z: scatter_z };
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
  return unit.square / squareAt(kT, unit.law) - 1;
}

function relativeVariance(unit: UnitStatistics, kT: number): number {
  return (unit.squareStderr / squareAt(kT, unit.law)) ** 2;
}

/**
 * The one kT at which the exact curves of these units have the mean <x^2> that was measured. Averaging before inverting
 * keeps the curvature of the curve from biasing the result.
 */
function commonTemperature(units: readonly UnitStatistics[]): number {
  const target = mean(units.map((s) => s.square));
  const kinds = distinctPotentials(units);
  if (kinds.length === 1) return temperatureAt(target, kinds[0]) ?? NaN;
  const precision = kinds.some(({ force }) => force !== 0) ? 1e-9 : 1e-13;
  let kT = mean(units.map((s) => s.kT ?? 0));
  for (let k = 0; k < 60; k++) {
    let value = 0;
    let slope = 0;
    for (const { share, ...law } of kinds) {
      value += share * squareAt(kT, law);
      slope += share * squareSlopeAt(kT, law);
    }
    // Newton in ln kT, where the curve is nearly straight.
    const step = (Math.log(target / value) * value) / (slope * kT);
    kT *= Math.exp(step);
    if (Math.abs(step) < precision) break;
  }
  return kT;
}

function distinctPotentials(units: readonly UnitStatistics[]): (UnitLaw & { share: number })[] {
  const kinds = new Map<string, UnitLaw & { share: number }>();
  for (const { law } of units) {
    const key = `${law.j2} ${law.j4} ${law.force}`;
    const kind = kinds.get(key) ?? { ...law, share: 0 };
    kind.share += 1 / units.length;
    kinds.set(key, kind);
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
