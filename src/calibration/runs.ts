// What procedures ask of a device, made from reduced times and held to what the device can do; several runs in a row with
// one progress; and the facts of a measurement that belong into its result.
import {
  DeviceError,
  appliedForce_E0,
  type DeviceCapabilities,
  type MeasurePhase,
  type MeasureRequest,
  type RelaxResult,
} from '../device/index.ts';
import { emptyModel, packedBytes, quantise, type QuantisedProgram } from '../physics/index.ts';
import { CalibrationError } from './errors.ts';
import type { JsonObject } from './json.ts';
import { NOTHING_KNOWN, knownFor, type ChipKnowledge } from './knowledge.ts';
import { idealReadout, type Readout } from './moments.ts';
import { onGrid_s, seedOfRun, stepOf_s } from './options.ts';
import type { CalibrationControl, MeasureDevice } from './procedure.ts';

/** @throws {DeviceError} device-offline while nothing has answered */
export function capabilitiesOf({
  id,
  capabilities,
}: Pick<MeasureDevice, 'id' | 'capabilities'>): DeviceCapabilities {
  if (capabilities === null) throw new DeviceError('device-offline', `device ${id} has not connected yet`);
  return capabilities;
}

/** Zero couplings and biases at the reference working point: J2 = J4 = 1 E0, kT = 0.1 E0. */
export function singleUnits(units: number, { ranges }: DeviceCapabilities): QuantisedProgram {
  return quantise(emptyModel(units), ranges);
}

/** On-site values of a program, E0. */
export function onSite({ j2Code, j4Code, noiseTemperatureCode, scale }: QuantisedProgram): {
  j2_E0: Float64Array;
  j4_E0: Float64Array;
  kT_E0: number;
} {
  return {
    j2_E0: Float64Array.from(j2Code, (code) => code * scale.j2_E0),
    j4_E0: Float64Array.from(j4Code, (code) => code * scale.j4_E0),
    kT_E0: noiseTemperatureCode * scale.noiseTemperature_E0,
  };
}

/** Uncoupled under a constant force: settle, then read evenly. Reduced times. */
export interface SteadyRun {
  program: QuantisedProgram;
  samples: number;
  settle: number;
  record: number;
  readEvery: number;
  step?: number;
  seed?: bigint;
  /** The same for all units, E0; 0 or absent: no field. */
  force_E0?: number;
}

/**
 * Reads as densely as was asked for, or as the record of the device allows.
 * @throws {CalibrationError} bad-option when not even two reads fit
 */
export function steadyRequest(run: SteadyRun, capabilities: DeviceCapabilities): MeasureRequest {
  const { program, samples, seed } = run;
  const step_s = stepOf_s(run.step, capabilities);
  const readsMax = Math.floor(capabilities.recordBytesMax / packedBytes(program.units));
  if (readsMax < 2)
    throw new CalibrationError('bad-option', `no two reads of ${program.units} units fit the device`, {
      pointer: '/units',
      allowed: 'fewer units',
    });
  const every_s = onGrid_s(Math.max(run.readEvery, run.record / (readsMax - 1)), step_s, capabilities);
  const steps = Math.round(every_s * 1e9);
  const count = Math.min(readsMax, Math.floor((run.record * capabilities.timeUnit_s * 1e9) / steps + 1e-6));
  const force = run.force_E0 ?? 0;
  const field = force === 0 ? {} : { field: { force_E0: new Float64Array(program.units).fill(force) } };
  const phases: MeasurePhase[] = [
    { duration_s: onGrid_s(run.settle, step_s, capabilities), coupled: false, ...field },
    { duration_s: (Math.max(count, 1) * steps) / 1e9, coupled: false, readEvery_s: every_s, ...field },
  ];
  return { program, samples, phases, step_s, seed };
}

/** Schedules of a request, all restarts. */
export function durationOf_s({ phases, samples }: Pick<MeasureRequest, 'phases' | 'samples'>): number {
  return samples * phases.reduce((sum, { duration_s }) => sum + duration_s, 0);
}

/** What the field converters really get, per unit. */
export function forceOf(request: MeasureRequest, { ranges }: DeviceCapabilities): Float64Array {
  const force = request.phases.at(-1)?.field?.force_E0;
  return force === undefined ? new Float64Array(request.program.units) : appliedForce_E0(force, ranges);
}

/**
 * One after the other, each with a seed of its own, and one progress over all restarts.
 * @throws {CalibrationError} chip-changed; rejections of the device pass through
 */
export async function measureAll(
  device: MeasureDevice,
  requests: readonly MeasureRequest[],
  control: CalibrationControl,
): Promise<RelaxResult[]> {
  const total = requests.reduce((sum, { samples }) => sum + samples, 0);
  const results: RelaxResult[] = [];
  let before = 0;
  for (const [k, request] of requests.entries()) {
    const result = await device.measure(
      { ...request, seed: seedOfRun(request.seed, k) },
      {
        signal: control.signal,
        onProgress: ({ phase, done }) => {
          if (phase === 'relaxing' || phase === 'reading') control.onProgress({ done: before + done, total });
        },
      },
    );
    before += request.samples;
    results.push(result);
  }
  sameChip(results);
  return results;
}

/** @throws {CalibrationError} chip-changed */
export function sameChip(results: readonly Pick<RelaxResult, 'device'>[]): void {
  const uids = new Set(results.map(({ device }) => device.uid));
  if (uids.size > 1)
    throw new CalibrationError('chip-changed', `chips ${[...uids].join(' and ')} answered in turn`, {
      retryable: true,
      remedy: 'Calibrate again; the parts of one result must come from one chip.',
    });
}

/** What was done, for the result. */
export function measurementFacts(results: readonly RelaxResult[], device_s: number): JsonObject {
  return {
    runs: results.length,
    restarts: results.reduce((sum, { samples }) => sum + samples, 0),
    units: results[0].units,
    step_s: results[0].step_s,
    seeds: results.map(({ seed }) => seed),
    samplesDigests: results.map(({ digest }) => digest),
    programId: results[0].programId,
    device_s,
    duration_s: results.reduce((sum, { timing }) => sum + timing.total_s, 0),
  };
}

/** What is known of the first `units` units, and in words what has to be assumed where the procedure would want to know. */
export function knownOf(control: CalibrationControl, units: number): ChipKnowledge {
  return knownFor(control.known ?? NOTHING_KNOWN, units);
}

/** The readout as known, or without errors. */
export function readoutOf({ readout }: ChipKnowledge, units: number): Readout {
  return readout ?? idealReadout(units);
}

/** What a procedure assumes of a readout that is not known, for `values.assumes`. */
export function readoutAssumptions({ readout }: ChipKnowledge): JsonObject {
  if (readout === null) return { readoutGain: 1, readoutOffset_x: 0, readoutNoise_x: 0 };
  return readout.gainUncertainty_ratio === null ? { readoutGain: 1 } : {};
}
