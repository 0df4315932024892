// Options of a procedure: read from plain data, each held to its range, with a pointer to what is wrong.
import type { DeviceCapabilities } from '../device/index.ts';
import { CalibrationError } from './errors.ts';
import type { Json, JsonObject } from './json.ts';

export interface NumberRange {
  min: number;
  max: number;
  integer?: boolean;
}

/** @throws {CalibrationError} bad-option for a name that is none of these */
export function onlyOptions(given: JsonObject, names: readonly string[]): void {
  const unknown = Object.keys(given).find((name) => !names.includes(name));
  if (unknown !== undefined) throw badOption(unknown, 'unknown option', `one of ${names.join(', ')}`);
}

/** @throws {CalibrationError} bad-option */
export function numberOption(given: JsonObject, name: string, fallback: number, range: NumberRange): number {
  const value = given[name] ?? fallback;
  const { min, max } = range;
  const fits = typeof value === 'number' && value >= min && value <= max;
  if (fits && (!range.integer || Number.isInteger(value))) return value;
  throw badOption(name, `${JSON.stringify(value)} is not allowed`, { min, max });
}

/** How many units take part: as many as the device has, unless told. */
export function unitsOption(given: JsonObject, { unitsMax }: DeviceCapabilities): number {
  return numberOption(given, 'units', unitsMax, { min: 1, max: unitsMax, integer: true });
}

/**
 * Distinct numbers within a range, ascending.
 * @throws {CalibrationError} bad-option
 */
export function listOption(
  given: JsonObject,
  name: string,
  fallback: readonly number[],
  range: { min: number; max: number; least: number; most: number },
): number[] {
  const value = given[name] ?? [...fallback];
  const { min, max, least, most } = range;
  const allowed = `${least} to ${most} different numbers from ${min} to ${max}`;
  if (!Array.isArray(value) || value.length < least || value.length > most)
    throw badOption(name, 'is not such a list', allowed);
  const numbers = value.filter(
    (each): each is number => typeof each === 'number' && each >= min && each <= max,
  );
  if (numbers.length < value.length || new Set(numbers).size < numbers.length)
    throw badOption(name, `${JSON.stringify(value)} is not allowed`, allowed);
  return numbers.sort((a, b) => a - b);
}

/** Twins only. @throws {CalibrationError} bad-option */
export function seedOption(value: Json | undefined): bigint | undefined {
  if (value === undefined || value === null) return undefined;
  const text = typeof value === 'number' && Number.isSafeInteger(value) ? String(value) : value;
  if (typeof text === 'string' && /^\d{1,20}$/.test(text) && BigInt(text) < 1n << 64n) return BigInt(text);
  throw badOption(
    'seed',
    `${JSON.stringify(value)} is not a seed`,
    'an unsigned 64-bit integer, as a number or in decimal',
  );
}

/** Seed of the k-th run of a procedure that makes several; undefined stays so. */
export const seedOfRun = (seed: bigint | undefined, run: number): bigint | undefined =>
  seed === undefined ? undefined : (seed + BigInt(run) * 0x9e3779b97f4a7c15n) & 0xffffffffffffffffn;

/** Largest step of a calibration, in reduced time: the step raises kT (by 0.12 % at 0.001), and is not corrected for. */
export const STEP_MAX = 0.0025;

/** `step_timeUnits`, where given. @throws {CalibrationError} bad-option */
export function stepOption(given: JsonObject): number | undefined {
  if (given['step_timeUnits'] === undefined) return undefined;
  return numberOption(given, 'step_timeUnits', STEP_MAX, { min: 1e-6, max: STEP_MAX });
}

/** Whole nanoseconds at or below what was asked for: rounding up could pass the limit. */
export function stepOf_s(step: number | undefined, capabilities: DeviceCapabilities): number {
  const { stepDefault_s, timeUnit_s } = capabilities;
  const floor_s = (timeUnits: number): number => Math.floor(timeUnits * timeUnit_s * 1e9 + 1e-6) / 1e9;
  return step === undefined ? Math.min(stepDefault_s, floor_s(STEP_MAX)) : floor_s(step);
}

/** Reduced time as whole steps, one at least, in seconds. */
export function onGrid_s(time: number, step_s: number, { timeUnit_s }: DeviceCapabilities): number {
  return (Math.max(1, Math.round((time * timeUnit_s) / step_s)) * Math.round(step_s * 1e9)) / 1e9;
}

export function badOption(
  name: string,
  message: string,
  allowed: string | { min: number; max: number },
): CalibrationError {
  return new CalibrationError('bad-option', `${name}: ${message}`, { pointer: `/${name}`, allowed });
}
