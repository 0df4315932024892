// The answer of a dry run: what would become of a job, were it submitted now.
import { z } from 'zod';
import type { DryRun } from '../../jobs/index.ts';
import { jobSubmission, hold, holdView } from './jobs.ts';
import { jsonObject, problem, time } from './common.ts';

/** Anything that is JSON: what is no job gets its problem in the answer. */
export const jobToValidate = z.union([jobSubmission, z.unknown()]);

const roundingError = z.object({
  rms_E0: z.number().meta({ description: 'Over all values; of the couplings over all pairs i < j' }),
  rms_ratio: z.number().meta({ description: 'Over the rms of the values' }),
  max_E0: z.number(),
  max_ratio: z.number().meta({ description: 'Over the largest magnitude of the block' }),
  worst: z
    .array(z.int())
    .meta({ description: 'Where it is largest: [i, j] of a coupling, [i] of a unit, [] of kT' }),
});

const blockRounding = z.object({
  limit_E0: z.number().nullable().meta({ description: 'The largest magnitude that fits; null: not limited' }),
  beyond: z.int().meta({ description: 'Values beyond it. Nothing is clipped: the job is refused' }),
  beyondMax_E0: z.number().meta({ description: 'How much clipping would take from the worst of them' }),
  lost: z.int().meta({ description: 'Values other than zero that become code 0' }),
  error: roundingError.nullable().meta({ description: 'Null where values are beyond the limit' }),
});

export const jobValidation = z
  .object({
    ok: z.boolean().meta({ description: 'Submitted now, the job would be taken' }),
    problems: z.array(problem).meta({
      description: 'All of them; a submission is answered with the first. Pointers are into the job',
    }),
    request: jsonObject.nullable().meta({ description: 'With every default filled in; null: it is no job' }),
    device: z.string().nullable(),
    backend: z.enum(['chip', 'twin', 'replay']).nullable(),
    rounding: z
      .object({
        coupling: blockRounding,
        bias: blockRounding,
        j2: blockRounding,
        j4: blockRounding,
        noiseTemperature: blockRounding,
      })
      .nullable()
      .meta({
        description: "In the device's codes; null: model or device are not known, or it has never answered",
      }),
    schedule: z
      .object({
        samples: z.int(),
        reads: z.int().meta({ description: 'In one sample, the switch-on read among them' }),
        perSample_s: z.number(),
        total_s: z
          .number()
          .meta({ description: 'Device time of all samples; with a target of the most there may be' }),
        step_s: z.number(),
        noiseTemperature_ratio: z
          .number()
          .meta({ description: "What the code comes to, over the model's own kT" }),
        sampleBytes: z.number().meta({ description: 'Packed, on the line, without framing' }),
      })
      .nullable()
      .meta({ description: 'Null: the schedule does not fit the device, or nobody knows' }),
    upload: z
      .object({
        sends: z.enum(['nothing', 'patch', 'image']),
        bytes: z.number().meta({ description: 'Without framing' }),
      })
      .nullable()
      .meta({ description: 'If it ran next, going by what the device holds now' }),
    uploadReason: z.string().nullable().meta({ description: 'Why that is not known' }),
    line: z.object({
      rate_Bps: z
        .number()
        .nullable()
        .meta({ description: 'Most that the line carries; null: its address does not tell (TCP, USB)' }),
      upload_s: z.number().nullable().meta({ description: 'At least' }),
      samples_s: z.number().nullable().meta({ description: 'At least' }),
    }),
    queue: z
      .object({
        jobsAhead: z.int().meta({
          description: 'Queued jobs of higher priority, and of its own (keys take turns), 1000 at most',
        }),
        calibrationsAhead: z.int(),
        running: z.boolean().meta({ description: 'Something has the device now' }),
        startsIn_s: z.number().nullable().meta({ description: 'Until its turn at the latest' }),
        takes_s: z.number().nullable().meta({ description: 'From its start to its stored end' }),
        paceJobs: z.int().meta({ description: 'Jobs of late on the device that the times were taken from' }),
        reason: z.string().nullable().meta({ description: 'Why a time is not known' }),
      })
      .nullable()
      .meta({ description: 'Null: there is no such device' }),
    holds: z.array(hold).meta({ description: 'What would keep it from its turn now' }),
    energy: z.object({
      run_J: z
        .number()
        .nullable()
        .meta({ description: 'Electrical: that power over schedule.total_s. Not the heat of the samples' }),
      power_W: z
        .number()
        .nullable()
        .meta({ description: 'As its sensors measured it last, on all rails that they name' }),
      measuredAt: time.nullable(),
      reason: z.string().nullable().meta({ description: 'Why it is not known' }),
    }),
  })
  .meta({ id: 'JobValidation' });

type Validation = z.infer<typeof jobValidation>;

/** What is not about the line, the energy and the problems. */
export function dryRunView(
  run: DryRun,
): Pick<
  Validation,
  'request' | 'device' | 'rounding' | 'schedule' | 'upload' | 'uploadReason' | 'queue' | 'holds'
> {
  const { job, rounding, schedule, upload, uploadReason, queue, holds } = run;
  return {
    request: { ...job },
    device: job.device.id,
    rounding,
    schedule,
    upload,
    uploadReason,
    queue,
    holds: holds.map(holdView),
  };
}
