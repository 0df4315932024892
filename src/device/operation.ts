// One operation on a ready link: load and activate the program, load the fields, run the schedule, decode the records. No
// state of its own.
import { clockFacts, type Clock } from '../clock/clock.ts';
import type { Link, RunResult } from '../link/index.ts';
import { decodeSamples, encodeProgramImage } from '../physics/index.ts';
import { DeviceError } from './errors.ts';
import { loadFields, type FieldSlots } from './field-slots.ts';
import type { RunPlan } from './schedule.ts';
import type { DeviceIdentity, HoldRequest, OperationOptions, RelaxResult } from './types.ts';

/** What is left of a request once its plan is made. */
export type OperationInput = Pick<HoldRequest, 'program' | 'image' | 'seed'>;

export interface Operation {
  link: Link;
  identity: DeviceIdentity;
  /** Of the device, over all its sessions. */
  fields: FieldSlots;
  clock: Clock;
  plan: RunPlan;
  request: OperationInput;
  options: OperationOptions;
}

/** Rejects with LinkError, PhysicsError or DeviceError; the caller translates. */
export async function runOperation(operation: Operation): Promise<RelaxResult> {
  const { clock, plan, request, identity } = operation;
  const start_ms = clock.now_ms();
  const upload = await program(operation);
  const fieldBytes = await loadFields(
    operation.link,
    plan.fields,
    operation.fields,
    operation.options.signal,
  );
  const programmed_ms = clock.now_ms();
  const run = await relax(operation, upload.programId);
  const codes = decode(run, plan, request.program.units);
  const end_ms = clock.now_ms();
  return {
    codes,
    samples: plan.samples,
    units: request.program.units,
    reads: plan.reads,
    stateScale: request.program.scale.state,
    programId: upload.programId,
    digest: run.digest,
    step_s: plan.step_ns / 1e9,
    seed: request.seed === undefined ? null : request.seed.toString(),
    noiseTemperature_ratio: plan.noiseTemperature_ratio,
    timing: {
      upload_s: (programmed_ms - start_ms) / 1e3,
      relax_s: (end_ms - programmed_ms) / 1e3,
      total_s: (end_ms - start_ms) / 1e3,
      sentBytes: upload.sentBytes + fieldBytes,
      skippedUpload: upload.skipped,
      patchedUpload: upload.patched,
    },
    device: {
      uid: identity.uid,
      backend: identity.backend,
      bootId: identity.bootId,
      firmware: identity.firmware,
      schemaHash: identity.schemaHash,
      clock: clockFacts(clock),
    },
  };
}

// The device itself says what it holds, by digest: a cache on this side could only be wrong after a reboot.
async function program({ link, request, plan, options }: Operation): ReturnType<Link['load']> {
  const image = request.image?.bytes ?? encodeProgramImage(request.program);
  options.onProgress?.({ phase: 'programming', done: 0, total: image.length });
  const upload = await link.load(image, {
    kind: 'program',
    ...(request.image !== undefined && { id: request.image.id }),
    units: request.program.units,
    signal: options.signal,
    onProgress: (sent, total) =>
      options.onProgress?.({
        phase: sent < total ? 'programming' : 'verifying',
        done: Math.min(sent, total),
        total,
      }),
  });
  options.onProgress?.({ phase: 'settling', done: 0, total: plan.samples });
  await link.activate(upload.programId);
  options.signal?.throwIfAborted();
  return upload;
}

function relax({ link, plan, request, options }: Operation, programId: string): Promise<RunResult> {
  options.onProgress?.({ phase: 'relaxing', done: 0, total: plan.samples });
  return link.run(
    {
      programId,
      samples: plan.samples,
      initial: 'zero',
      phases: plan.phases,
      seed: request.seed,
      step_ns: plan.step_ns,
    },
    {
      signal: options.signal,
      onRecords: (bytes, received) => {
        const done = Math.floor(received / plan.recordBytes);
        options.onProgress?.({ phase: 'reading', done, total: plan.samples });
        if (options.onSamples === undefined || options.wantsSamples?.() === false) return;
        const samples = bytes.length / plan.recordBytes;
        const codes = provisional(bytes, samples, plan, request.program.units);
        if (codes !== null) options.onSamples(codes, done - samples);
      },
    },
  );
}

/** Records on their way; null where they cannot be read, which the end of the run says with its reason. */
function provisional(bytes: Uint8Array, samples: number, plan: RunPlan, units: number): Int16Array | null {
  try {
    return decodeSamples(bytes, { units, reads: plan.reads.length, samples });
  } catch {
    return null;
  }
}

function decode(run: RunResult, plan: RunPlan, units: number): Int16Array {
  if (run.recordBytes !== plan.recordBytes)
    throw new DeviceError(
      'data-loss',
      `the device makes records of ${run.recordBytes} bytes, ${plan.recordBytes} were expected`,
      { retryable: false },
    );
  return decodeSamples(run.bytes, { units, reads: plan.reads.length, samples: plan.samples });
}
