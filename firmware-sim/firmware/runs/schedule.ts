// Turns a StartRun into a plan for the analog core, or says what is wrong with it (link-protocol section 5.4). Pure.
import type { CorePhase, CoreRun } from '../../chip/analog-core.ts';
import { Code, Detail, Initial, OverflowPolicy, SampleFormat } from '../../../src/link/messages/index.ts';
import type { Capabilities, Phase, StartRun } from '../../../src/link/messages/index.ts';
import type { FieldTable } from '../images/image.ts';
import { ID_BYTES } from '../images/load-order.ts';
import { packedBytes } from '../images/packing.ts';
import { GAP_RECORD_BYTES_MIN, HEADER_BYTES } from './record-log.ts';
import { accept, refuse } from '../status.ts';
import type { Outcome, Refusal } from '../status.ts';

const NOISE_CODE_MAX = 4095;
const RAMP_ONE_Q15 = 32768;
/** SAMPLES frames carry a 48-bit offset. */
const TOTAL_BYTES_MAX = 2 ** 48;

export interface RunPlan {
  token: bigint;
  units: number;
  run: CoreRun;
  /** All reads of one sample, in schedule order. */
  reads: number;
  /** With its header, where records have one. */
  recordBytes: number;
  /** Of all samples; a log with gaps ends before. */
  totalBytes: number;
  recordHeader: boolean;
  dropWithGap: boolean;
  /** Hexadecimal ids of the fields it uses. */
  fieldIds: string[];
}

export interface PlanContext {
  capabilities: Capabilities;
  /** Of the active program. */
  units: number;
  noiseTemperatureCode: number;
  field(id: string): FieldTable | null;
  drawSeed(): bigint;
}

/** Validates everything but what the core alone can judge (stability, noise amplitude). */
export function planRun(request: StartRun, context: PlanContext): Outcome<RunPlan> {
  const options = checkOptions(request, context.capabilities);
  if (options !== null) return options;
  const step_ns = request.stepNs === 0 ? context.capabilities.stepNsDefault : request.stepNs;
  const phases: CorePhase[] = [];
  for (const [index, phase] of request.phase.entries()) {
    const planned = planPhase(phase, `phase ${index + 1}`, step_ns, context);
    if (!planned.ok) return planned;
    phases.push(planned.value);
  }
  const reads = phases.reduce((sum, phase) => sum + phase.readAtStep.length, 0);
  if (reads === 0) return bad('no phase reads the state');
  const { recordHeader } = request;
  const dropWithGap = request.onFull === OverflowPolicy.DROP_WITH_GAP;
  const recordBytes = (recordHeader ? HEADER_BYTES : 0) + reads * packedBytes(context.units);
  const { recordBytesMax } = context.capabilities;
  if (recordBytes > recordBytesMax) return bad(`a record of ${recordBytes} bytes, at most ${recordBytesMax}`);
  if (dropWithGap && recordBytes < GAP_RECORD_BYTES_MIN) {
    return bad(`a record of ${recordBytes} bytes, a gap needs ${GAP_RECORD_BYTES_MIN}`);
  }
  const totalBytes = recordBytes * request.samples;
  if (totalBytes > TOTAL_BYTES_MAX) return bad(`${totalBytes} bytes of samples, at most 2^48`);

  const seed = request.seed ?? context.drawSeed();
  const fieldIds = request.phase.map((phase) => hex(phase.fieldId)).filter((id) => id !== '');
  const run = { seed, firstSample: 0, samples: request.samples, step_ns, phases };
  return accept({
    token: request.runToken,
    units: context.units,
    run,
    reads,
    recordBytes,
    totalBytes,
    recordHeader,
    dropWithGap,
    fieldIds,
  });
}

function checkOptions(request: StartRun, capabilities: Capabilities): Refusal | null {
  const { samples, phase, stepNs } = request;
  const { samplesMax, phasesMax, stepNsMin, stepNsMax } = capabilities;
  if (request.runToken === 0n) return bad('run_token is 0');
  if (request.initial === Initial.UNSPECIFIED) return bad('the initial state is not stated');
  if (request.initial !== Initial.ZERO) return unable('only the initial state ZERO is implemented');
  if (request.onFull === OverflowPolicy.DROP_WITH_GAP && !request.recordHeader) {
    return bad('DROP_WITH_GAP needs record_header');
  }
  if (request.format !== SampleFormat.PACKED12) return unable('the only sample format is PACKED12');
  if (request.seed !== undefined && !capabilities.seed) return unable('this device takes no seed');
  if (samples < 1 || samples > samplesMax) return bad(`${samples} samples, allowed 1..${samplesMax}`);
  if (phase.length < 1 || phase.length > phasesMax)
    return bad(`${phase.length} phases, allowed 1..${phasesMax}`);
  if (stepNs !== 0 && (stepNs < stepNsMin || stepNs > stepNsMax)) {
    return bad(`a step of ${stepNs} ns, allowed ${stepNsMin}..${stepNsMax}`);
  }
  return null;
}

function planPhase(phase: Phase, name: string, step_ns: number, context: PlanContext): Outcome<CorePhase> {
  const { durationNs, noiseCode, coupled } = phase;
  const { phaseNsMax } = context.capabilities;
  const step = BigInt(step_ns);
  if (durationNs < step || durationNs > phaseNsMax || durationNs % step !== 0n) {
    return bad(`${name}: ${durationNs} ns, a multiple of ${step} ns up to ${phaseNsMax} is needed`);
  }
  if (noiseCode > NOISE_CODE_MAX) return bad(`${name}: noise code ${noiseCode}, at most ${NOISE_CODE_MAX}`);
  const field = planField(phase, name, context);
  if (!field.ok) return field;
  const reads = planReads(phase, name, step, context);
  if (!reads.ok) return reads;
  return accept({
    steps: Number(durationNs / step),
    coupled,
    field: field.value,
    noiseTemperatureCode: noiseCode === 0 ? context.noiseTemperatureCode : noiseCode,
    readAtStep: reads.value,
  });
}

function planField(phase: Phase, name: string, context: PlanContext): Outcome<CorePhase['field']> {
  const { fieldId, fieldFrom, fieldTo } = phase;
  if (fieldId.length === 0) {
    return fieldFrom === 0 && fieldTo === 0 ? accept(null) : bad(`${name}: a field ramp without a field`);
  }
  if (fieldId.length !== ID_BYTES) return bad(`${name}: field_id has ${fieldId.length} bytes`);
  if (Math.abs(fieldFrom) > RAMP_ONE_Q15 || Math.abs(fieldTo) > RAMP_ONE_Q15) {
    return bad(`${name}: ramp ${fieldFrom} to ${fieldTo}, allowed -32768..32768`);
  }
  const id = hex(fieldId);
  const table = context.field(id);
  if (table === null) {
    return refuse(Code.NOT_FOUND, Detail.BAD_SCHEDULE, `${name}: field ${id.slice(0, 16)} is not loaded`);
  }
  if (table.units !== context.units) {
    return bad(`${name}: the field has ${table.units} units, the program ${context.units}`);
  }
  return accept({ code: table.code, scale_E0: table.scale_E0, from_q15: fieldFrom, to_q15: fieldTo });
}

/** Union of read_at_ns and the multiples of read_every_ns, ascending, each step once. */
function planReads(phase: Phase, name: string, step: bigint, context: PlanContext): Outcome<number[]> {
  const { durationNs, readEveryNs, readAtNs } = phase;
  const { readsPerPhaseMax, recordBytesMax } = context.capabilities;
  if (readAtNs.length > readsPerPhaseMax) {
    return bad(`${name}: ${readAtNs.length} single reads, at most ${readsPerPhaseMax}`);
  }
  const steps = new Set<number>();
  let last = -1n;
  for (const at of readAtNs) {
    if (at > durationNs) return bad(`${name}: a read at ${at} ns, behind its end at ${durationNs}`);
    if (at <= last) return bad(`${name}: reads at ${last} and ${at} ns do not ascend`);
    if (at % step !== 0n) return bad(`${name}: a read at ${at} ns is no multiple of ${step}`);
    steps.add(Number(at / step));
    last = at;
  }
  if (readEveryNs > 0n) {
    if (readEveryNs % step !== 0n || readEveryNs > durationNs) {
      return bad(
        `${name}: a read every ${readEveryNs} ns, a multiple of ${step} up to ${durationNs} is needed`,
      );
    }
    const count = Number(durationNs / readEveryNs);
    const most = Math.floor(recordBytesMax / packedBytes(context.units));
    if (count > most) return bad(`${name}: ${count} reads, a record holds ${most}`);
    const every = Number(readEveryNs / step);
    for (let k = 1; k <= count; k++) steps.add(k * every);
  }
  return accept([...steps].sort((a, b) => a - b));
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const bad = (message: string): Refusal => refuse(Code.INVALID_ARGUMENT, Detail.BAD_SCHEDULE, message);
const unable = (message: string): Refusal => refuse(Code.UNIMPLEMENTED, Detail.UNSPECIFIED, message);
