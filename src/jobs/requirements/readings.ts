// What a device measures against what a job requires. Pure: a value that cannot be read is not met, and says why.
import { isCalibrated, type JobRequire, type Requirement } from './require.ts';

/** Why a value cannot be read, and what to do about it. */
export interface Unreadable {
  code: string;
  message: string;
  remedy: string;
}

/** The active noise temperature calibration of the chip. */
export interface MeasuredNoise {
  calibration: string;
  /** kT over the nominal one; null: the calibration does not say. */
  ratio: number | null;
  stderr_ratio: number | null;
  endedAt_ms: number;
}

/** Single couplings, over full scale. */
export interface MeasuredDrift {
  /** The largest change of one that is beyond chance; 0: none is. */
  largest_ratio: number;
  /** A change as large as this would have been noticed; 0 where it is by definition none: right after a calibration. */
  resolution_ratio: number;
  /** The calibration that it counts from; null: the first baseline since the service started. */
  calibration: string | null;
}

/** How a device is, as far as jobs can require something of it. */
export interface Conditions {
  noise: MeasuredNoise | Unreadable;
  die: { temperature_C: number } | Unreadable;
  /** Absent: nobody watches. */
  drift?: MeasuredDrift | Unreadable;
}

/** One requirement, and what was measured. JSON-safe. */
export interface RequirementReading {
  requirement: Requirement;
  met: boolean;
  /** What the job allows. */
  required: number | [number, number];
  /** In the unit of the requirement; null: it cannot be read, and `reason` says why. */
  measured: number | null;
  /** Standard error of `measured`, where one is known. */
  stderr: number | null;
  /** The calibration that measured it; null: none did. */
  calibration: string | null;
  reason: Unreadable | null;
}

/** One look at everything that a job requires. JSON-safe. */
export interface RequirementReadings {
  /** RFC 3339. */
  at: string;
  met: boolean;
  readings: RequirementReading[];
}

/** @param now_ms wall milliseconds: ages count to it */
export function readRequirements(
  require: JobRequire,
  { noise, die, drift }: Conditions,
  now_ms: number,
): RequirementReadings {
  const readings: RequirementReading[] = [];
  const { noiseTemperature: range, maxCalibrationAge_s, maxDieTemperature_C } = require;
  if (range !== undefined) readings.push(noiseReading(range, noise));
  if (maxCalibrationAge_s !== undefined) readings.push(ageReading(maxCalibrationAge_s, noise, now_ms));
  if (maxDieTemperature_C !== undefined) readings.push(dieReading(maxDieTemperature_C, die));
  const { maxCouplingDrift_ratio } = require;
  if (maxCouplingDrift_ratio !== undefined) readings.push(driftReading(maxCouplingDrift_ratio, drift));
  return { at: new Date(now_ms).toISOString(), met: readings.every(({ met }) => met), readings };
}

/** Whether something is not met that a new calibration may help. */
export function wantsCalibration({ readings }: RequirementReadings): boolean {
  return readings.some(({ met, requirement }) => !met && isCalibrated(requirement));
}

/** What is not met, for people: "noiseTemperature is 1.052 +- 0.003, required is 0.98 to 1.02". */
export function unmetText({ readings }: RequirementReadings): string {
  return readings
    .filter(({ met }) => !met)
    .map(textOf)
    .join('; ');
}

export function textOf({ requirement, measured, stderr, required, reason }: RequirementReading): string {
  const wanted = typeof required === 'number' ? `at most ${required}` : `${required[0]} to ${required[1]}`;
  if (measured === null)
    return `${requirement} cannot be read (${reason?.message ?? 'nobody knows why'}), required is ${wanted}`;
  const error = stderr === null ? '' : ` +- ${stderr.toPrecision(2)}`;
  return `${requirement} is ${Number(measured.toPrecision(5))}${error}, required is ${wanted}`;
}

function noiseReading([lowest, highest]: [number, number], noise: Conditions['noise']): RequirementReading {
  const reading = {
    requirement: 'noiseTemperature' as const,
    required: [lowest, highest] as [number, number],
  };
  if (isUnreadable(noise)) return { ...reading, ...unreadable(noise) };
  const { calibration, ratio, stderr_ratio } = noise;
  if (ratio === null) return { ...reading, ...unreadable(saysNothing(calibration)), calibration };
  const met = ratio >= lowest && ratio <= highest;
  return { ...reading, met, measured: ratio, stderr: stderr_ratio, calibration, reason: null };
}

function ageReading(required: number, noise: Conditions['noise'], now_ms: number): RequirementReading {
  const reading = { requirement: 'maxCalibrationAge_s' as const, required };
  if (isUnreadable(noise)) return { ...reading, ...unreadable(noise) };
  // Of another host whose clock is ahead: it is not younger than new.
  const measured = Math.max(0, now_ms - noise.endedAt_ms) / 1000;
  const { calibration } = noise;
  return { ...reading, met: measured <= required, measured, stderr: null, calibration, reason: null };
}

function dieReading(required: number, die: Conditions['die']): RequirementReading {
  const reading = { requirement: 'maxDieTemperature_C' as const, required };
  if (isUnreadable(die)) return { ...reading, ...unreadable(die) };
  const { temperature_C: measured } = die;
  return { ...reading, met: measured <= required, measured, stderr: null, calibration: null, reason: null };
}

function driftReading(required: number, drift: Conditions['drift']): RequirementReading {
  const reading = { requirement: 'maxCouplingDrift_ratio' as const, required };
  if (drift === undefined || isUnreadable(drift)) return { ...reading, ...unreadable(drift ?? UNKNOWN_CHIP) };
  const { largest_ratio: measured, resolution_ratio, calibration } = drift;
  if (measured <= required && resolution_ratio > required)
    return { ...reading, ...unreadable(unresolved(resolution_ratio)), calibration };
  return { ...reading, met: measured <= required, measured, stderr: null, calibration, reason: null };
}

const unresolved = (resolution_ratio: number): Unreadable => ({
  code: 'drift-unresolved',
  message: `a change below ${resolution_ratio.toPrecision(2)} of full scale would not be noticed`,
  remedy:
    'Allow more, wait for more rounds of probes, or give them a larger share (THERMOLOOP_SENTINEL_SHARE).',
});
const UNKNOWN_CHIP: Unreadable = {
  code: 'not-connected',
  message: 'nobody knows yet which chip it is',
  remedy: 'Wait until the device is ready.',
};

const isUnreadable = (value: object): value is Unreadable => 'remedy' in value;

function unreadable(reason: Unreadable) {
  return { met: false, measured: null, stderr: null, calibration: null, reason };
}

const saysNothing = (calibration: string): Unreadable => ({
  code: 'no-value',
  message: `calibration ${calibration} has no noise temperature`,
  remedy: 'Run a calibration of the kind noise-temperature, or activate another one.',
});
