// From a measurement to the schedule of a run: phases as the caller wrote them, their forces as images, and every limit of
// the device checked before anything is sent. Pure.
import type { PhaseRequest } from '../link/index.ts';
import { PhysicsError } from '../physics/index.ts';
import { DeviceError, outOfRange, toDeviceError } from './errors.ts';
import { fieldImage, type FieldImage } from './field-images.ts';
import { checkPhase, checkRecord, checkRequest, noiseCode, stepOf, wholeSteps } from './schedule-checks.ts';
import type { RunPlan } from './schedule.ts';
import type { DeviceCapabilities, MeasureField, MeasurePhase, MeasureRequest, ReadInfo } from './types.ts';

interface Planning {
  request: MeasureRequest;
  capabilities: DeviceCapabilities;
  step_ns: number;
}

/**
 * The phases of a measurement, one to one.
 * @throws {DeviceError} out-of-range with pointer and allowed values; refused for a seed on a device that takes none
 */
export function planMeasure(request: MeasureRequest, capabilities: DeviceCapabilities): RunPlan {
  checkRequest(request, capabilities);
  const { program, samples, phases: wanted } = request;
  if (wanted.length < 1 || wanted.length > capabilities.phasesMax)
    throw outOfRange('/phases', `${wanted.length} phases`, { min: 1, max: capabilities.phasesMax });
  const planning = { request, capabilities, step_ns: stepOf(request.step_s, capabilities) };
  const phases: PhaseRequest[] = [];
  const fields = new Map<string, FieldImage>();
  const reads: ReadInfo[] = [];
  let start_ns = 0;
  for (const [k, phase] of wanted.entries()) {
    const at = `/phases/${k}`;
    const field = phase.field && imageOf(phase.field, planning, `${at}/field`);
    if (field !== undefined) fields.set(field.id, field);
    const planned = planPhase(phase, field?.id, planning, at);
    phases.push(planned);
    const room = { units: program.units, before: reads.length, at };
    for (const time_ns of readTimes(planned, room, capabilities))
      reads.push({ time_s: (start_ns + time_ns) / 1e9, label: 'read' });
    start_ns += planned.duration_ns;
  }
  if (fields.size > capabilities.fieldSlots)
    throw outOfRange(
      '/phases',
      `${fields.size} different fields`,
      `at most ${capabilities.fieldSlots}; fields that differ by a factor can share one and differ by their ramps`,
    );
  if (reads.length === 0)
    throw outOfRange('/phases', 'no phase reads the state', 'readAt_s or readEvery_s in at least one phase');
  const noiseTemperatureCode = phases.at(-1)?.noiseTemperatureCode ?? program.noiseTemperatureCode;
  return {
    phases,
    fields: [...fields.values()],
    reads,
    samples,
    step_ns: planning.step_ns,
    recordBytes: checkRecord(program.units, reads.length, capabilities, '/phases'),
    noiseTemperatureCode,
    noiseTemperature_ratio: noiseTemperatureCode / program.noiseTemperatureCode,
  };
}

function planPhase(
  phase: MeasurePhase,
  fieldId: string | undefined,
  { request, capabilities, step_ns }: Planning,
  at: string,
): PhaseRequest {
  const duration_ns = wholeSteps(phase.duration_s, step_ns, `${at}/duration_s`);
  under(at, () => checkPhase(duration_ns, capabilities));
  const { from_ratio = 1, to_ratio = 1 } = phase.field ?? {};
  const singles = singleReads(phase.readAt_s ?? [], duration_ns, step_ns, capabilities, at);
  const every = evenReads(phase.readEvery_s, duration_ns, step_ns, at);
  return {
    duration_ns,
    coupled: phase.coupled,
    ...(fieldId !== undefined && { field: { id: fieldId, from_ratio, to_ratio } }),
    ...(singles.length > 0 && { readAt_ns: singles }),
    ...(every !== undefined && { readEvery_ns: every }),
    noiseTemperatureCode: under(at, () => noiseCode(request.program, phase.noiseTemperature_ratio ?? 1)),
  };
}

function imageOf(field: MeasureField, { request, capabilities }: Planning, at: string): FieldImage {
  const { force_E0 } = field;
  const { units } = request.program;
  if (force_E0.length !== units)
    throw outOfRange(`${at}/force_E0`, `${force_E0.length} forces`, `one for each of ${units} units`);
  for (const name of ['from_ratio', 'to_ratio'] as const) {
    const ratio = field[name] ?? 1;
    if (!(Math.abs(ratio) <= 1))
      throw outOfRange(`${at}/${name}`, `a ratio of ${ratio}`, { min: -1, max: 1 });
  }
  try {
    return fieldImage(force_E0, capabilities.ranges);
  } catch (error) {
    throw toDeviceError(error instanceof PhysicsError ? inField(error, at) : error, 'schedule');
  }
}

/** quantiseField points into a field of its own. */
function inField(error: PhysicsError, at: string): DeviceError {
  const { pointer = '', allowed, remedy } = error;
  const details = { pointer: pointer.replace(/^\/field/, `${at}/force_E0`), allowed, remedy, cause: error };
  return new DeviceError('out-of-range', error.message, details);
}

function singleReads(
  readAt_s: readonly number[],
  duration_ns: number,
  step_ns: number,
  { readsPerPhaseMax }: DeviceCapabilities,
  at: string,
): number[] {
  if (readAt_s.length > readsPerPhaseMax)
    throw outOfRange(
      `${at}/readAt_s`,
      `${readAt_s.length} single reads in a phase`,
      `at most ${readsPerPhaseMax}, or readEvery_s`,
    );
  const times = readAt_s.map((t, k) => (t === 0 ? 0 : wholeSteps(t, step_ns, `${at}/readAt_s/${k}`)));
  times.forEach((time_ns, k) => {
    const pointer = `${at}/readAt_s/${k}`;
    if (time_ns > duration_ns)
      throw outOfRange(pointer, `a read at ${readAt_s[k]} s is after the end of its phase`, {
        min: 0,
        max: duration_ns / 1e9,
      });
    if (k > 0 && time_ns <= times[k - 1])
      throw outOfRange(pointer, `a read at ${readAt_s[k]} s is not after the one before`, 'ascending times');
  });
  return times;
}

function evenReads(
  readEvery_s: number | undefined,
  duration_ns: number,
  step_ns: number,
  at: string,
): number | undefined {
  if (readEvery_s === undefined) return undefined;
  const every_ns = wholeSteps(readEvery_s, step_ns, `${at}/readEvery_s`);
  if (every_ns > duration_ns)
    throw outOfRange(`${at}/readEvery_s`, `a read every ${readEvery_s} s comes after the end of its phase`, {
      min: step_ns / 1e9,
      max: duration_ns / 1e9,
    });
  return every_ns;
}

/** Times of the reads of a phase within it, ascending, each once: the union of both kinds, as the device makes it. */
function readTimes(
  { duration_ns, readEvery_ns, readAt_ns = [] }: PhaseRequest,
  room: { units: number; before: number; at: string },
  capabilities: DeviceCapabilities,
): number[] {
  const count = readEvery_ns === undefined ? 0 : Math.floor(duration_ns / readEvery_ns);
  if (count > 0) checkRecord(room.units, room.before + count, capabilities, `${room.at}/readEvery_s`);
  const times = new Set(readAt_ns);
  for (let k = 1; k <= count; k++) times.add(k * (readEvery_ns ?? 0));
  return [...times].sort((a, b) => a - b);
}

/** A check that points into a phase, as part of the request. */
function under<T>(at: string, check: () => T): T {
  try {
    return check();
  } catch (error) {
    if (!(error instanceof DeviceError)) throw error;
    const { message, allowed, remedy, cause } = error;
    throw new DeviceError(error.code, message, { pointer: `${at}${error.pointer}`, allowed, remedy, cause });
  }
}
