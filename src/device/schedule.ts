// From seconds to the schedule of a run: phases in whole steps of the device, with every limit checked before anything is
// sent. Pure; admission may call it to refuse a job before it is queued.
import type { PhaseRequest } from '../link/index.ts';
import { outOfRange } from './errors.ts';
import type { FieldImage } from './field-images.ts';
import { checkPhase, checkRecord, checkRequest, noiseCode, stepOf, wholeSteps } from './schedule-checks.ts';
import type { DeviceCapabilities, HoldRequest, ReadInfo, RelaxRequest } from './types.ts';

/** Everything of a run but the program and the seed. */
export interface RunPlan {
  phases: PhaseRequest[];
  /** What the phases name, each once. */
  fields: FieldImage[];
  /** In the order of the record. */
  reads: ReadInfo[];
  samples: number;
  step_ns: number;
  recordBytes: number;
  noiseTemperatureCode: number;
  /** What the code comes to, over the program's own kT. */
  noiseTemperature_ratio: number;
}

/**
 * The generation schedule: uncoupled preparation, then the couplings, with a read at switch-on if asked for.
 * @throws {DeviceError} out-of-range with pointer and allowed values; refused for a seed on a device that takes none
 */
export function planRelax(request: RelaxRequest, capabilities: DeviceCapabilities): RunPlan {
  checkRequest(request, capabilities);
  const step_ns = stepOf(request.step_s, capabilities);
  const duration_ns = wholeSteps(request.duration_s, step_ns, '/duration_s');
  const prepare_ns =
    request.prepare_s === 0 ? 0 : wholeSteps(request.prepare_s ?? request.duration_s, step_ns, '/prepare_s');
  const times_ns = readTimes(request.readAt_s, duration_ns, step_ns);
  if (request.recordSwitchOn) times_ns.unshift(0);
  const preparation: PhaseRequest[] = prepare_ns > 0 ? [{ duration_ns: prepare_ns, coupled: false }] : [];
  return finish(request, capabilities, step_ns, times_ns, preparation, true);
}

/**
 * An uncoupled run from x = 0, read late in it: the thermometer's hold.
 * @throws {DeviceError} as planRelax
 */
export function planHold(request: HoldRequest, capabilities: DeviceCapabilities): RunPlan {
  checkRequest(request, capabilities);
  const step_ns = stepOf(request.step_s, capabilities);
  const duration_ns = wholeSteps(request.duration_s, step_ns, '/duration_s');
  const times_ns = readTimes(request.readAt_s, duration_ns, step_ns);
  return finish(request, capabilities, step_ns, times_ns, [], false);
}

function finish(
  request: HoldRequest,
  capabilities: DeviceCapabilities,
  step_ns: number,
  times_ns: number[],
  before: PhaseRequest[],
  coupled: boolean,
): RunPlan {
  const { program, samples } = request;
  const bytes = checkRecord(program.units, times_ns.length, capabilities, '/readAt_s');
  const read = arrange(times_ns, capabilities.readsPerPhaseMax, capabilities.phasesMax - before.length);
  if (read === null)
    throw outOfRange(
      '/readAt_s',
      `${times_ns.length} reads at these times do not fit ${capabilities.phasesMax} phases`,
      `equally spaced reads, or at most ${capabilities.readsPerPhaseMax} single ones in each of ${capabilities.phasesMax - before.length} phases`,
    );
  const noiseTemperatureCode = noiseCode(program, request.noiseTemperature_ratio);
  const phases = [...before, ...read.map((phase) => ({ ...phase, coupled }))].map((phase) => ({
    ...phase,
    noiseTemperatureCode,
  }));
  for (const phase of phases) checkPhase(phase.duration_ns, capabilities);
  return {
    phases,
    fields: [],
    reads: times_ns.map((ns) => ({ time_s: ns / 1e9, label: coupled && ns === 0 ? 'switch-on' : 'read' })),
    samples,
    step_ns,
    recordBytes: bytes,
    noiseTemperatureCode,
    noiseTemperature_ratio: noiseTemperatureCode / program.noiseTemperatureCode,
  };
}

type ReadPhase = Pick<PhaseRequest, 'duration_ns' | 'readEvery_ns' | 'readAt_ns'>;

/**
 * Splits a stretch of time into the fewest phases that give these reads: a phase has a few single reads, or equally
 * spaced ones without limit. The state goes on from phase to phase, so a split changes nothing but the bookkeeping.
 * @param times_ns ascending, from 0; the stretch ends at the last one
 * @returns null when `phasesMax` phases are not enough
 */
export function arrange(
  times_ns: readonly number[],
  singlesMax: number,
  phasesMax: number,
): ReadPhase[] | null {
  for (let depth = 1; depth <= phasesMax; depth++) {
    const found = arrangeFrom(times_ns, 0, 0, singlesMax, depth);
    if (found !== null) return found;
  }
  return null;
}

function arrangeFrom(
  times: readonly number[],
  index: number,
  start: number,
  singlesMax: number,
  depth: number,
): ReadPhase[] | null {
  if (index === times.length) return [];
  if (depth === 0) return null;
  for (const option of options(times, index, start, singlesMax)) {
    const rest = arrangeFrom(times, option.next, option.end, singlesMax, depth - 1);
    if (rest !== null) return [option.phase, ...rest];
  }
  return null;
}

interface Option {
  phase: ReadPhase;
  next: number;
  end: number;
}

function options(times: readonly number[], index: number, start: number, singlesMax: number): Option[] {
  const found: Option[] = [];
  // All the single reads that a phase takes, or one less, so that an even stretch after them may begin on time.
  for (const singles of [singlesMax, singlesMax - 1]) {
    const next = Math.min(index + singles, times.length);
    const end = times[next - 1];
    if (next <= index || end <= start) continue;
    const readAt_ns = times.slice(index, next).map((t) => t - start);
    found.push({ phase: { duration_ns: end - start, readAt_ns }, next, end });
  }
  const atStart = times[index] === start ? 1 : 0;
  const first = index + atStart;
  const spacing = times[first] - start;
  let count = 0;
  while (first + count < times.length && times[first + count] === start + (count + 1) * spacing) count++;
  if (count > 0 && atStart <= singlesMax) {
    const single = atStart === 1 ? { readAt_ns: [0] } : {};
    const phase = { duration_ns: count * spacing, readEvery_ns: spacing, ...single };
    found.push({ phase, next: first + count, end: start + count * spacing });
  }
  return found;
}

function readTimes(readAt_s: readonly number[], duration_ns: number, step_ns: number): number[] {
  if (readAt_s.length === 0) throw outOfRange('/readAt_s', 'no reads', 'at least one read time');
  const times = readAt_s.map((time_s, k) => wholeSteps(time_s, step_ns, `/readAt_s/${k}`));
  times.forEach((time, k) => {
    if (time > duration_ns)
      throw outOfRange(
        `/readAt_s/${k}`,
        `a read at ${readAt_s[k]} s is after the end of the run`,
        `times within (0, ${duration_ns / 1e9}] s`,
      );
    if (k > 0 && time <= times[k - 1])
      throw outOfRange(
        `/readAt_s/${k}`,
        `a read at ${readAt_s[k]} s is not after the one before`,
        'ascending times',
      );
  });
  return times;
}
