// Changing a job that is there: edit what may change before its end, cancel.
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { JobPriority, deadlineOf_ms } from '../../jobs/index.ts';
import { JobState } from '../../store/index.ts';
import { auditOf } from '../plugins/audit.ts';
import { caller } from '../plugins/authentication.ts';
import { nameDevice } from '../plugins/device-headers.ts';
import { guardProblems, idParams, problemContent } from '../schemas/common.ts';
import { job, jobBackend, jobEdit, jobView } from '../schemas/jobs.ts';
import { isKnown, requireMatch, type RouteContext } from './common.ts';
import { alreadyFinished, changeableJob, mayUsePriority } from './job-access.ts';

export function jobChangeRoutes(context: RouteContext): FastifyPluginAsyncZod {
  const { runner, devices, clock } = context;
  return async (app) => {
    app.patch(
      '/v1/jobs/:id',
      {
        schema: {
          tags: ['jobs'],
          summary: 'Edit a job that has not ended: priority, deadline, labels',
          description:
            'What is not named stays; labels are replaced as a whole. A new priority counts from the next job that is ' +
            'taken; a deadline of null takes it away. With If-Match only the version with that ETag is edited.',
          params: idParams,
          headers: z.looseObject({
            'if-match': z.string().optional().meta({ description: 'ETag of the version that is edited' }),
          }),
          body: jobEdit,
          response: {
            200: job,
            404: problemContent('unknown-job'),
            409: problemContent('already-finished'),
            412: problemContent('precondition-failed'),
            ...guardProblems,
          },
        },
      },
      async (request, reply) => {
        const identity = caller(request);
        const { id } = request.params;
        const { labels, priority, deadline } = request.body;
        const present = await changeableJob(context, identity, id);
        nameDevice(reply, present.device, jobBackend(present, devices));
        if (priority !== undefined) mayUsePriority(identity, priority);
        const change = {
          ...(deadline !== undefined && { deadline_ms: deadlineOf_ms({ deadline }, clock.wall_ms()) }),
          ...(labels !== undefined && { labels }),
          ...(priority !== undefined && { priority: JobPriority[priority] }),
        };
        const { outcome, job: after } = await runner.edit(id, change, {
          before: (row) => {
            if (request.headers['if-match'] !== undefined) requireMatch(request, `${row.id}.${row.revision}`);
          },
          alongside: async (tx) => {
            await tx.audit.append(auditOf(request, 'job.edit', id, { changed: Object.keys(request.body) }));
          },
        });
        if (outcome === 'already-finished') throw alreadyFinished(context, after);
        isKnown(request, reply, `${after.id}.${after.revision}`);
        return jobView(after, devices);
      },
    );
    app.post(
      '/v1/jobs/:id/cancel',
      {
        schema: {
          tags: ['jobs'],
          summary: 'Cancel a job: 200 cancelled, 202 stopping, 409 finished',
          params: idParams,
          response: {
            200: job,
            202: job,
            404: problemContent('unknown-job'),
            409: problemContent('already-finished'),
            ...guardProblems,
          },
        },
      },
      async (request, reply) => {
        const { id } = request.params;
        await changeableJob(context, caller(request), id);
        const { outcome, job: after } = await runner.cancel(id, {
          alongside: async (tx) => void (await tx.audit.append(auditOf(request, 'job.cancel', id))),
        });
        nameDevice(reply, after.device, jobBackend(after, devices));
        if (outcome === 'already-finished') throw alreadyFinished(context, after);
        return reply.code(after.state === JobState.cancelled ? 200 : 202).send(jobView(after, devices));
      },
    );
  };
}
