// What every schedule is checked for before anything is sent, and its times in whole steps of the device.
import { noiseTemperatureCodeForRatio, recordBytes, type QuantisedProgram } from '../physics/index.ts';
import { DeviceError, outOfRange, toDeviceError } from './errors.ts';
import type { DeviceCapabilities } from './types.ts';

/** A product of seconds and 1e9 is this close to a whole nanosecond when a whole one was meant. */
const NS_TOLERANCE = 1e-4;

/** What the requests have in common. */
interface CheckedRequest {
  program: QuantisedProgram;
  samples: number;
  seed?: bigint;
}

/** @throws {DeviceError} out-of-range for program, samples or seed; refused for a seed on a device that takes none */
export function checkRequest(request: CheckedRequest, capabilities: DeviceCapabilities): void {
  const { program, samples } = request;
  if (program.units > capabilities.unitsMax)
    throw outOfRange('/program/units', `${program.units} units`, { min: 1, max: capabilities.unitsMax });
  if (program.scale.state !== capabilities.ranges.stateScale)
    throw outOfRange(
      '/program/scale/state',
      `the program was made for a state scale of ${program.scale.state}, the device reads ${capabilities.ranges.stateScale}`,
      `exactly ${capabilities.ranges.stateScale}`,
    );
  checkSamples(samples, capabilities);
  checkSeed(request.seed, capabilities);
}

/** @throws {DeviceError} out-of-range */
export function checkSamples(samples: number, capabilities: DeviceCapabilities): void {
  if (!Number.isInteger(samples) || samples < 1 || samples > capabilities.samplesMax)
    throw outOfRange('/samples', `${samples} samples`, { min: 1, max: capabilities.samplesMax });
}

/** @throws {DeviceError} out-of-range, or refused by a device that takes none */
export function checkSeed(seed: bigint | undefined, capabilities: DeviceCapabilities): void {
  if (seed === undefined) return;
  if (!capabilities.seed)
    throw new DeviceError('refused', 'a seed was given, but this device draws its own noise', {
      pointer: '/seed',
      remedy: 'Leave the seed out, or use a twin.',
    });
  if (seed < 0n || seed >= 1n << 64n) throw outOfRange('/seed', `seed ${seed}`, 'an unsigned 64-bit integer');
}

/** @throws {DeviceError} out-of-range for a phase that is longer than the device allows */
export function checkPhase(duration_ns: number, capabilities: DeviceCapabilities): void {
  if (duration_ns > capabilities.phaseMax_s * 1e9 + NS_TOLERANCE)
    throw outOfRange('/duration_s', `a phase of ${duration_ns / 1e9} s`, {
      min: 0,
      max: capabilities.phaseMax_s,
    });
}

/**
 * Bytes of a record of so many reads of all units.
 * @throws {DeviceError} out-of-range, at `pointer`, when the device has no room for it
 */
export function checkRecord(
  units: number,
  reads: number,
  capabilities: DeviceCapabilities,
  pointer: string,
): number {
  const bytes = recordBytes(units, reads);
  if (bytes <= capabilities.recordBytesMax) return bytes;
  const readsMax = Math.floor(capabilities.recordBytesMax / recordBytes(units, 1));
  throw outOfRange(
    pointer,
    `${reads} reads of ${units} units make a record of ${bytes} bytes, the device has ${capabilities.recordBytesMax}`,
    `at most ${readsMax} reads of ${units} units`,
  );
}

/** The integration step in nanoseconds. @throws {DeviceError} out-of-range */
export function stepOf(step_s: number | undefined, capabilities: DeviceCapabilities): number {
  const { stepDefault_s, stepMin_s, stepMax_s } = capabilities;
  const wanted_ns = (step_s ?? stepDefault_s) * 1e9;
  const step_ns = Math.round(wanted_ns);
  const inRange =
    step_ns >= stepMin_s * 1e9 - NS_TOLERANCE && step_ns <= stepMax_s * 1e9 + NS_TOLERANCE && step_ns >= 1;
  if (!inRange || Math.abs(wanted_ns - step_ns) > NS_TOLERANCE)
    throw outOfRange(
      '/step_s',
      `a step of ${step_s} s`,
      `whole nanoseconds from ${stepMin_s} to ${stepMax_s} s`,
    );
  return step_ns;
}

/** Seconds as nanoseconds, refused with the nearest allowed ones unless a whole number of steps. */
export function wholeSteps(time_s: number, step_ns: number, pointer: string): number {
  const wanted_ns = time_s * 1e9;
  if (!(Number.isFinite(wanted_ns) && wanted_ns > 0 && wanted_ns < Number.MAX_SAFE_INTEGER))
    throw outOfRange(pointer, `a time of ${time_s} s`, `multiples of ${step_ns / 1e9} s above 0`);
  const time_ns = Math.round(wanted_ns / step_ns) * step_ns;
  if (time_ns > 0 && Math.abs(wanted_ns - time_ns) <= NS_TOLERANCE) return time_ns;
  const below = Math.floor(wanted_ns / step_ns) * step_ns;
  const nearest = [below, below + step_ns].filter((ns) => ns > 0).map((ns) => `${ns / 1e9} s`);
  throw outOfRange(
    pointer,
    `${time_s} s is not a multiple of the step of ${step_ns / 1e9} s`,
    nearest.join(' or '),
  );
}

/** The noise temperature code for a ratio of the program's own kT. @throws {DeviceError} out-of-range */
export function noiseCode(program: QuantisedProgram, ratio: number): number {
  try {
    return noiseTemperatureCodeForRatio(program, ratio);
  } catch (error) {
    throw toDeviceError(error, 'schedule');
  }
}
