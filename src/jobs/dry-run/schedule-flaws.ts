// What a device says against the schedule of a job: not only the first thing, as the planner does.
import type { QuantisedProgram } from '../../physics/index.ts';
import { checkSchedule } from '../admission.ts';
import type { RelaxCapabilities } from '../device-port.ts';
import { JobError } from '../errors.ts';
import type { AdmittedRelaxJob } from '../request.ts';

/**
 * Asks the planner, takes away what it refuses, and asks again. The first flaw is the one that a submission is refused
 * with; whoever throws it has asked once.
 */
export function* scheduleFlaws(
  job: AdmittedRelaxJob,
  program: QuantisedProgram,
  capabilities: RelaxCapabilities,
): Generator<JobError, void> {
  let left: Asked = { job, reads: job.relax.readAt_s.map((_, k) => k) };
  for (;;) {
    const flaw = flawOf(left.job, program, capabilities);
    if (flaw === null) return;
    const { pointer } = flaw.errors[0];
    yield inWordsOf(flaw, left.reads);
    const next = without(left, pointer);
    if (next === null) return;
    left = next;
  }
}

/** What is left of a job, and which of its reads those are. */
interface Asked {
  job: AdmittedRelaxJob;
  reads: number[];
}

const READ = /^\/relax\/readAt_s\/(\d+)$/;

function flawOf(
  job: AdmittedRelaxJob,
  program: QuantisedProgram,
  capabilities: RelaxCapabilities,
): JobError | null {
  try {
    checkSchedule(job, program, capabilities);
    return null;
  } catch (error) {
    if (error instanceof JobError) return error;
    throw error;
  }
}

/** The place among the reads that were asked for, of which some may have been taken away. */
function inWordsOf(flaw: JobError, reads: readonly number[]): JobError {
  const errors = flaw.errors.map((field) => {
    const read = READ.exec(field.pointer);
    return read === null ? field : { ...field, pointer: `/relax/readAt_s/${reads[Number(read[1])]}` };
  });
  return new JobError(flaw.code, flaw.message, { errors, remedy: flaw.remedy, cause: flaw.cause });
}

/** Null: nothing can be said any more once that is wrong, or it would not be this job. */
function without({ job, reads }: Asked, pointer: string): Asked | null {
  const read = READ.exec(pointer);
  if (read !== null) {
    const kept = (_: number, k: number): boolean => k !== Number(read[1]);
    const readAt_s = job.relax.readAt_s.filter(kept);
    if (readAt_s.length === 0) return null;
    return { job: { ...job, relax: { ...job.relax, readAt_s } }, reads: reads.filter(kept) };
  }
  switch (pointer) {
    case '/samples/count':
      return job.samples.count === 1
        ? null
        : { job: { ...job, samples: { count: 1 }, mitigation: undefined }, reads };
    case '/seed':
      return job.seed === null ? null : { job: { ...job, seed: null }, reads };
    case '/step_s':
      return job.step_s === null ? null : { job: { ...job, step_s: null }, reads };
    case '/clock/scale':
      return job.clock === undefined ? null : { job: { ...job, clock: undefined }, reads };
    case '/noiseTemperature':
      return job.noiseTemperature === 1 ? null : { job: { ...job, noiseTemperature: 1 }, reads };
    case '/relax/initial/prepare_s': {
      const relax = { ...job.relax, initial: { ...job.relax.initial, prepare_s: 0 } };
      return job.relax.initial.prepare_s === 0 ? null : { job: { ...job, relax }, reads };
    }
    default:
      return null;
  }
}
