// What is kept about how a job went: where its time was spent, and what happened in its attempts.
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { jobTiming } from '../../jobs/index.ts';
import { caller } from '../plugins/authentication.ts';
import { nameDevice } from '../plugins/device-headers.ts';
import { guardProblems, idParams, problemContent, toTime, toTimeOrNull } from '../schemas/common.ts';
import { jobBackend } from '../schemas/jobs.ts';
import { log, timing } from '../schemas/job-records.ts';
import type { RouteContext } from './common.ts';
import { visibleJob } from './job-access.ts';

export function jobRecordRoutes(context: RouteContext): FastifyPluginAsyncZod {
  const { store, devices, clock } = context;
  const problems = { 404: problemContent('unknown-job'), ...guardProblems };
  return async (app) => {
    app.get(
      '/v1/jobs/:id/timing',
      {
        schema: {
          tags: ['jobs'],
          summary: 'Where the time of a job went: waits, attempts and their phases',
          description:
            'From stored times of the service clock. Phases are known of attempts that have ended; `device` is what the ' +
            'device measured of the attempt that succeeded.',
          params: idParams,
          response: { 200: timing, ...problems },
        },
      },
      async (request, reply) => {
        const job = await visibleJob(context, caller(request), request.params.id);
        nameDevice(reply, job.device, jobBackend(job, devices));
        const { attempts, ...sums } = jobTiming(job, await store.jobs.log(job.id), clock.wall_ms());
        return {
          job: job.id,
          state: job.state,
          createdAt: toTime(job.createdAt_ms),
          finishedAt: toTimeOrNull(job.finishedAt_ms),
          ...sums,
          attempts: attempts.map(({ startedAt_ms, finishedAt_ms, phases, ...attempt }) => ({
            ...attempt,
            startedAt: toTime(startedAt_ms),
            finishedAt: toTimeOrNull(finishedAt_ms),
            phases: phases.map((of) => ({
              phase: of.phase,
              startedAt: toTime(of.startedAt_ms),
              duration_s: of.duration_s,
            })),
          })),
        };
      },
    );
    app.get(
      '/v1/jobs/:id/log',
      {
        schema: {
          tags: ['jobs'],
          summary: 'What happened in each attempt at a job',
          description: 'The lines of an attempt are kept with its end, 200 at most.',
          params: idParams,
          response: { 200: log, ...problems },
        },
      },
      async (request, reply) => {
        const job = await visibleJob(context, caller(request), request.params.id);
        nameDevice(reply, job.device, jobBackend(job, devices));
        const kept = await store.jobs.log(job.id);
        return {
          job: job.id,
          attempts: kept.map(({ attempt, lines }) => ({
            attempt,
            lines: lines.map((line) => ({
              at: toTime(line.at_ms),
              message: line.message,
              fields: line.fields,
            })),
          })),
        };
      },
    );
  };
}
