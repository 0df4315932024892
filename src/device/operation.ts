// One operation on a ready link: load and activate the program, load the fields, run the schedule, decode the records. No
// state of its own.
import { clockFacts, type Clock } from '../clock/clock.ts';
import type { Link } from '../link/index.ts';
import { encodeProgramImage } from '../physics/index.ts';
import type { DeviceSession } from './device-session.ts';
import { loadFields, type FieldSlots } from './field-slots.ts';
import { codesOf, receiving } from './records.ts';
import type { RunPlan } from './schedule.ts';
import type { DeviceCapabilities, HoldRequest, OperationOptions, RelaxResult } from './types.ts';

/** The chip that an operation works on. */
export interface Chip extends DeviceSession {
  /** Of the device, over all its sessions. */
  fields: FieldSlots;
  clock: Clock;
}

/** An operation that was planned and checked; rejects with LinkError, PhysicsError or DeviceError, which the caller translates. */
export type Work = (options: OperationOptions) => Promise<RelaxResult>;

/** What is left of a request once its plan is made. */
export type OperationInput = Pick<HoldRequest, 'program' | 'image' | 'seed'>;

interface Operation {
  chip: Chip;
  plan: RunPlan;
  request: OperationInput;
  options: OperationOptions;
}

/** Work by a schedule. @throws {DeviceError} whatever `plan` has against the request */
export function scheduled<R extends OperationInput>(
  request: R,
  plan: (request: R, capabilities: DeviceCapabilities) => RunPlan,
): (chip: Chip) => Work {
  return (chip) => {
    const made = plan(request, chip.capabilities);
    return (options) => runOperation({ chip, plan: made, request, options });
  };
}

async function runOperation(operation: Operation): Promise<RelaxResult> {
  const { chip, plan, request, options } = operation;
  const { link, clock } = chip;
  const { units } = request.program;
  const shape = { ...plan, reads: plan.reads.length, units };
  const start_ms = clock.now_ms();
  const upload = await program(operation);
  const fieldBytes = await loadFields(link, plan.fields, chip.fields, options.signal);
  const programmed_ms = clock.now_ms();
  options.onProgress?.({ phase: 'relaxing', done: 0, total: plan.samples });
  const { samples, phases, step_ns } = plan;
  const { programId } = upload;
  const order = { programId, samples, initial: 'zero', phases, seed: request.seed, step_ns } as const;
  const run = await link.run(order, receiving(shape, options));
  const codes = codesOf(run, shape);
  const end_ms = clock.now_ms();
  return {
    codes,
    samples,
    units,
    reads: plan.reads,
    stateScale: request.program.scale.state,
    programId,
    digest: run.digest,
    step_s: step_ns / 1e9,
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
    device: deviceOf(chip),
  };
}

/** Who did it, for the result. */
export function deviceOf({ identity, clock }: Chip): RelaxResult['device'] {
  const { uid, backend, bootId, firmware, schemaHash } = identity;
  return { uid, backend, bootId, firmware, schemaHash, clock: clockFacts(clock) };
}

// The device itself says what it holds, by digest: a cache on this side could only be wrong after a reboot.
async function program({ chip, request, plan, options }: Operation): ReturnType<Link['load']> {
  const { link } = chip;
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
