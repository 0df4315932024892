// A run as its caller puts it, turned into the message StartRun or ReadReference.
import {
  Initial,
  OverflowPolicy,
  SampleFormat,
  type Phase,
  type ReadReference,
  type StartRun,
} from '../messages/index.ts';
import { LinkError } from '../session/link-error.ts';
import type { PhaseRequest, ReferenceRunRequest, RunRequest } from './types.ts';

const Q15_ONE = 32_768;
const ID_BYTES = 32;

/** The message for a request. Throws LinkError `refused` for what cannot be put into one. */
export function startRunMessage(request: RunRequest, runToken: bigint): StartRun {
  const { onFull = 'pause' } = request;
  const initial = { zero: Initial.ZERO, keep: Initial.KEEP, field: Initial.FIELD }[request.initial];
  return {
    runToken,
    programId: imageIdBytes(request.programId),
    samples: request.samples,
    initial,
    phase: request.phases.map(phaseMessage),
    seed: request.seed,
    format: SampleFormat.PACKED12,
    recordHeader: request.recordHeader ?? false,
    onFull: { pause: OverflowPolicy.PAUSE, 'drop-with-gap': OverflowPolicy.DROP_WITH_GAP }[onFull],
    stepNs: request.step_ns ?? 0,
  };
}

/** The message for a request. */
export function readReferenceMessage(request: ReferenceRunRequest, runToken: bigint): ReadReference {
  const { units, samples, levels_ratio, seed } = request;
  return { runToken, units, samples, level: levels_ratio.map((ratio) => Math.round(ratio * Q15_ONE)), seed };
}

function phaseMessage(phase: PhaseRequest): Phase {
  const { field } = phase;
  return {
    durationNs: nanoseconds(phase.duration_ns),
    coupled: phase.coupled,
    fieldId: field === undefined ? new Uint8Array(0) : imageIdBytes(field.id),
    fieldFrom: Math.round((field?.from_ratio ?? 0) * Q15_ONE),
    fieldTo: Math.round((field?.to_ratio ?? 0) * Q15_ONE),
    noiseCode: phase.noiseTemperatureCode ?? 0,
    readEveryNs: nanoseconds(phase.readEvery_ns ?? 0),
    readAtNs: (phase.readAt_ns ?? []).map(nanoseconds),
  };
}

function nanoseconds(time_ns: number): bigint {
  if (Number.isSafeInteger(time_ns) && time_ns >= 0) return BigInt(time_ns);
  throw new LinkError('refused', `${time_ns} ns is not a whole number of nanoseconds`);
}

/** 64 hexadecimal digits into 32 bytes. Throws LinkError `refused`. */
export function imageIdBytes(id: string): Uint8Array {
  const bytes = Uint8Array.from(Buffer.from(id, 'hex'));
  if (bytes.length !== ID_BYTES || id.length !== 2 * ID_BYTES) {
    throw new LinkError('refused', `'${id}' is not an image id of 64 hexadecimal digits`);
  }
  return bytes;
}
