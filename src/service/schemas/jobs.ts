// Jobs as the API takes and shows them (service-api, section 3).
import { z } from 'zod';
import { JobPriority, type JobPriorityName, type JobResult, type JobView } from '../../jobs/index.ts';
import { energy_J } from './heat.ts';
import { HoldReason, JobCause, JobPhase, JobState, isUlid, type JobHold } from '../../store/index.ts';
import type { ServiceDevice } from '../context.ts';
import {
  clock,
  digest,
  failure,
  jsonObject,
  pageQuery,
  problem,
  progress,
  time,
  toTime,
  toTimeOrNull,
} from './common.ts';
import { clockOfJob, dither, mitigation, roundings } from './mitigation.ts';
import { jobRequire, onUnmet, requirements } from './requirements.ts';

const backend = z.enum(['chip', 'twin', 'replay']);
const priorities = Object.keys(JobPriority) as [JobPriorityName, ...JobPriorityName[]];
const priority = z.enum(priorities);
const labels = z
  .record(z.string().max(64), z.string().max(256))
  .meta({ description: 'For the client alone' });
/** So that a body cannot ask for more than any schedule holds; the device's own limits are checked at admission. */
const READS_MAX = 64;

export const jobSubmission = z
  .strictObject({
    id: z
      .string()
      .refine(isUlid, 'not a ULID')
      .optional()
      .meta({ description: "The client's own id for the job: a ULID made within the last day. Once only" }),
    model: digest,
    device: z.strictObject({
      id: z.string().min(1).max(100),
      backend: backend
        .optional()
        .meta({ description: 'Refused with wrong-backend when the device is another kind' }),
    }),
    mode: z.literal('relax').default('relax'),
    relax: z.strictObject({
      duration_s: z.number().positive().meta({ description: 'Coupled time t_f' }),
      readAt_s: z
        .array(z.number().nonnegative())
        .min(1)
        .max(READS_MAX)
        .optional()
        .meta({ description: 'Ascending, within (0, duration_s]; default: [duration_s]' }),
      initial: z
        .strictObject({ kind: z.literal('thermal'), prepare_s: z.number().nonnegative().optional() })
        .optional()
        .meta({ description: 'Uncoupled thermal start; prepare_s defaults to duration_s' }),
    }),
    noiseTemperature: z.number().positive().default(1).meta({ description: "kT over the model's own kT" }),
    samples: z.strictObject({
      count: z.int().positive().meta({ description: 'With targetEss the maximum' }),
      targetEss: z.number().min(1).nullable().optional().meta({
        description:
          'Stop as soon as energy, mean field and the slowest units have this effective sample size; at most count',
      }),
    }),
    seed: z
      .union([z.int().nonnegative(), z.string().regex(/^\d{1,20}$/, 'not an unsigned integer')])
      .optional()
      .meta({ description: 'Twins only; unsigned 64 bit, as text where a JSON number would lose digits' }),
    step_s: z.number().positive().optional().meta({
      description: 'Twins only: integration step; a larger one is the fast mode, labelled in the result',
    }),
    record: z.strictObject({ heat: z.boolean().optional() }).optional(),
    mitigation: mitigation.optional(),
    clock: clockOfJob.optional(),
    labels: labels.optional(),
    priority: priority.optional(),
    retry: z.enum(['auto', 'never']).optional().meta({
      description: 'auto (default): an attempt that was lost with its link, service or host is made again',
    }),
    deadline: z.iso
      .datetime({ offset: true })
      .optional()
      .meta({ description: 'Not started after it: a job that waits still expires' }),
    require: jobRequire.optional(),
    onUnmet: onUnmet.optional(),
  })
  .meta({ id: 'JobSubmission' });

export const jobEdit = z
  .strictObject({
    priority: priority.optional(),
    labels: labels.optional(),
    deadline: z.iso.datetime({ offset: true }).nullable().optional().meta({
      description: 'Not started after it; null: no deadline',
    }),
  })
  .refine((edit) => Object.keys(edit).length > 0, 'names nothing to edit')
  .meta({ id: 'JobEdit' });

const heat = z.object({
  mean_kT: z.number(),
  sd_kT: z.number(),
  stderr_kT: z.number(),
  n: z.int(),
  until_s: z.number(),
  released_kT: z.number().optional().meta({ description: 'Sum over the samples that gave heat away' }),
  absorbed_kT: z.number().optional().meta({ description: 'Sum over the samples that took some, at least 0' }),
});

const batches = z.array(
  z.object({
    samples: z.int(),
    seed: z.string().nullable(),
    wireDigest: z.string().meta({ description: "SHA-256 of the batch's bytes on the link" }),
  }),
);

const earlyStop = z
  .object({
    targetEss: z.number(),
    stoppedBy: z.enum(['target', 'count']),
    observables: z.array(
      z.object({
        name: z.enum(['energy', 'mean', 'unit']),
        unit: z.int().nullable().meta({ description: 'Of unit: one of the slowest' }),
        ess: z.number().nullable().meta({ description: 'Samples over the autocorrelation time' }),
        essStderr: z.number().nullable(),
        autocorrelationTime: z.number().nullable().meta({ description: 'In restarts, at least 1' }),
        quality: z.enum(['trusted', 'short', 'constant']).meta({
          description: 'short: fewer than 50 autocorrelation times; constant: it never moved, not counted',
        }),
      }),
    ),
    batches,
  })
  .meta({ description: 'Of a job with samples.targetEss: how it ended' });

const result = z
  .object({
    samples: z.object({
      shape: z.array(z.int()).meta({ description: 'Samples, reads, units' }),
      reads: z.array(z.object({ time_s: z.number(), label: z.enum(['switch-on', 'read']) })),
      stateScale: z.number(),
      bytes: z.int(),
      wireDigest: z.string().meta({
        description:
          "SHA-256 of the link's bytes, verified against the device's own; of several batches over their digests",
      }),
    }),
    heat: heat.nullable().meta({
      description: 'Q = V(switch-on) - V(last read) per sample, in nominal kT of the job; never joules',
    }),
    heatReason: z.string().nullable(),
    energy_J: energy_J
      .nullable()
      .optional()
      .meta({ description: 'Electrical energy at the rails during the attempt; absent in older results' }),
    energyReason: z
      .string()
      .nullable()
      .optional()
      .meta({ description: 'Why there is none, or why it is only a lower bound' }),
    earlyStop: earlyStop.optional(),
    dither: dither.optional(),
    pacing: z
      .object({ paused_s: z.number(), batches })
      .optional()
      .meta({ description: 'Of a job that ran in parts, or waited, so that the die stayed cool enough' }),
    timing: z.object({
      upload_s: z.number(),
      relax_s: z.number(),
      total_s: z.number(),
      sentBytes: z.number(),
      skippedUpload: z.boolean(),
      patchedUpload: z
        .boolean()
        .optional()
        .meta({ description: 'Only what differs from the program before was sent; absent in older results' }),
    }),
    provenance: z.object({
      device: z.string(),
      deviceUid: z.string(),
      backend: z.string(),
      faultsActive: z
        .boolean()
        .optional()
        .meta({ description: 'Faults were planted in the line or the twin during the run' }),
      bootId: z.string(),
      firmware: z.string(),
      schemaHash: z.string(),
      clock: clock.optional(),
      model: digest,
      programDigest: z.string(),
      seed: z.string().nullable(),
      step_s: z.number(),
      fastMode: z.boolean(),
      noiseTemperature_ratio: z.number(),
      noiseTemperature_E0: z.number(),
      clockScale: z.number().optional().meta({ description: 'clock.scale of the job, where it is not 1' }),
      roundings: roundings.optional(),
      calibration: z.string().nullable(),
      requirements: requirements.optional(),
    }),
  })
  .meta({ id: 'JobResult' });

export const hold = z.object({
  reason: z.enum(Object.values(HoldReason)),
  detail: z.string(),
  since: time,
  until: time.nullable().meta({ description: 'When it ends, where that is known' }),
});

export const job = z
  .object({
    id: z.string(),
    state: z.enum(Object.values(JobState)),
    phase: z.enum(Object.values(JobPhase)).nullable(),
    cause: z.enum(Object.values(JobCause)).nullable(),
    failure,
    hold: hold.nullable().meta({ description: 'Why it cannot run now, while it is held' }),
    device: z.string(),
    backend: backend.nullable().meta({ description: 'That ran it; before it ran, that of the device now' }),
    model: digest,
    request: jsonObject.meta({ description: 'The submission with every default filled in' }),
    labels,
    priority: priority.nullable(),
    deadline: time.nullable().meta({ description: 'Not started after it' }),
    retry: z.enum(['auto', 'never']),
    progress,
    result: result.nullable(),
    samples: z.string().nullable().meta({ description: 'Where the samples are, once there are some' }),
    attempts: z.array(
      z.object({
        startedAt: time,
        finishedAt: time.nullable(),
        state: z.string(),
        cause: z.string().nullable(),
        host: z.string().nullable().meta({ description: 'That ran it; null in attempts of before' }),
        fence: z.int().nullable().meta({ description: 'Its fence over the device' }),
      }),
    ),
    revision: z.int(),
    createdAt: time,
    startedAt: time.nullable(),
    finishedAt: time.nullable(),
  })
  .meta({ id: 'Job' });

const BATCH_MAX = 100;
export const jobBatch = z
  .strictObject({
    jobs: z
      .array(z.union([jobSubmission, z.unknown()]))
      .min(1)
      .max(BATCH_MAX)
      .meta({ description: 'Each as for POST /v1/jobs; one that is not gets its problem in the answer' }),
  })
  .meta({ id: 'JobBatch' });

export const batchAnswer = z
  .object({
    accepted: z.int(),
    refused: z.int(),
    items: z.array(z.object({ job: job.nullable(), problem: problem.nullable() })).meta({
      description: 'In the order of the request, each with the job or the problem; pointers are into the job',
    }),
  })
  .meta({ id: 'JobBatchAnswer' });

export const jobFields = z
  .string()
  .max(500)
  .transform((text) => [...new Set(text.split(','))])
  .pipe(z.array(z.enum(Object.keys(job.shape) as [keyof z.infer<typeof job>])))
  .optional()
  .meta({ description: 'Names of the members to answer with, by commas: id,state,progress. Default: all' });

export const jobQuery = pageQuery.extend({
  state: z.enum(Object.values(JobState)).optional(),
  device: z.string().max(100).optional(),
  label: z
    .string()
    .regex(/^[^=]+=.*$/, 'not name=value')
    .optional()
    .meta({ description: 'name=value' }),
  since: z.iso.datetime().optional(),
  fields: jobFields,
});

export function holdView({ reason, detail, since_ms, until_ms }: JobHold): z.infer<typeof hold> {
  return { reason, detail, since: toTime(since_ms), until: toTimeOrNull(until_ms) };
}

export function jobBackend(
  row: JobView,
  devices: ReadonlyMap<string, ServiceDevice>,
): z.infer<typeof job>['backend'] {
  const ran = (row.result as unknown as JobResult | null)?.provenance.backend;
  const parsed = backend.safeParse(ran ?? devices.get(row.device)?.backend);
  return parsed.success ? parsed.data : null;
}

/** As jobView, for what leaves without the serializer of a route: nothing that the schema does not know. */
export function publishedJobView(
  row: JobView,
  devices: ReadonlyMap<string, ServiceDevice>,
): z.infer<typeof job> {
  const view = jobView(row, devices);
  return { ...view, result: view.result && result.parse(view.result) };
}

export function jobView(row: JobView, devices: ReadonlyMap<string, ServiceDevice>): z.infer<typeof job> {
  return {
    id: row.id,
    state: row.state,
    phase: row.phase,
    cause: row.cause,
    failure: row.failure,
    hold: row.hold && holdView(row.hold),
    device: row.device,
    backend: jobBackend(row, devices),
    model: row.model,
    request: row.request,
    labels: row.labels,
    priority: priorities.find((name) => JobPriority[name] === row.priority) ?? null,
    deadline: toTimeOrNull(row.deadline_ms),
    retry: row.retry,
    progress: row.progress,
    result: row.result as unknown as z.infer<typeof result> | null,
    samples: row.samplesBlob === null ? null : `/v1/jobs/${row.id}/samples`,
    attempts: row.attempts.map((a) => ({
      startedAt: toTime(a.startedAt_ms),
      finishedAt: toTimeOrNull(a.finishedAt_ms),
      state: a.state,
      cause: a.cause,
      host: a.host ?? null,
      fence: a.fence ?? null,
    })),
    revision: row.revision,
    createdAt: toTime(row.createdAt_ms),
    startedAt: toTimeOrNull(row.startedAt_ms),
    finishedAt: toTimeOrNull(row.finishedAt_ms),
  };
}

/** The members of a job that were asked for. */
export function onlyFields(
  view: z.infer<typeof job>,
  fields: readonly (keyof z.infer<typeof job>)[],
): Partial<z.infer<typeof job>> {
  return Object.fromEntries(fields.map((name) => [name, view[name]]));
}
