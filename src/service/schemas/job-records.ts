// The times and the log of a job as the API shows them.
import { z } from 'zod';
import { jsonObject, time } from './common.ts';

const seconds = z.number().nonnegative();

export const timing = z
  .object({
    job: z.string(),
    state: z.string(),
    createdAt: time,
    finishedAt: time.nullable(),
    total_s: seconds.meta({ description: 'From its submission to its end, or until now' }),
    waited_s: seconds.meta({ description: 'Of that, without an attempt: queued or held' }),
    ran_s: seconds.meta({ description: 'Of that, in attempts' }),
    attempts: z.array(
      z.object({
        attempt: z.int().meta({ description: 'Counted from 1' }),
        startedAt: time,
        finishedAt: time.nullable(),
        waited_s: seconds.meta({ description: 'Since the submission, or the end of the attempt before' }),
        duration_s: seconds.meta({ description: 'Until its end, or until now' }),
        phases: z
          .array(z.object({ phase: z.string(), startedAt: time, duration_s: seconds }))
          .meta({ description: 'In order; empty while the attempt runs, and where none was kept' }),
      }),
    ),
    device: z
      .object({ upload_s: z.number(), relax_s: z.number(), total_s: z.number() })
      .nullable()
      .meta({ description: 'As measured at the device, in the time of its clock (provenance.clock)' }),
  })
  .meta({ id: 'JobTiming' });

export const log = z
  .object({
    job: z.string(),
    attempts: z.array(
      z.object({
        attempt: z.int().meta({ description: 'Counted from 1' }),
        lines: z.array(z.object({ at: time, message: z.string(), fields: jsonObject })),
      }),
    ),
  })
  .meta({ id: 'JobLog' });
