// Jobs: submit, list, wait for.
import type { FastifyReply } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { JobView, RelaxJobRequest } from '../../jobs/index.ts';
import { auditOf } from '../plugins/audit.ts';
import { caller } from '../plugins/authentication.ts';
import { nameDevice, nameDevices } from '../plugins/device-headers.ts';
import { answerOnce, type Answer } from '../plugins/idempotency.ts';
import { checkEnergyBudget, checkQueuedJobs } from '../job-limits.ts';
import { checkStorageQuota, samplesBytes } from '../quota.ts';
import {
  creatingHeaders,
  guardProblems,
  idParams,
  pageOf,
  preferHeader,
  problemContent,
} from '../schemas/common.ts';
import {
  job,
  jobBackend,
  jobFields,
  jobQuery,
  jobSubmission,
  jobView,
  publishedJobView,
  onlyFields,
} from '../schemas/jobs.ts';
import {
  atNextChange,
  decodeCursor,
  pageFrom,
  rowsFor,
  preferredWait_s,
  untilGone,
  type RouteContext,
} from './common.ts';
import { mayUseDevice } from './device-use.ts';
import { clientId, mayRecalibrate, mayUsePriority, priorityFor, visibleJob } from './job-access.ts';

/** For answers that lack members which the schema of the route requires; nothing else may go out this way. */
function sparse<R extends FastifyReply>(reply: R): R {
  return reply.type('application/json; charset=utf-8').serializer(JSON.stringify) as R;
}

export function jobRoutes(context: RouteContext): FastifyPluginAsyncZod {
  const { store, runner, devices } = context;
  const view = (row: JobView) => jobView(row, devices);
  return async (app) => {
    app.post(
      '/v1/jobs',
      {
        schema: {
          tags: ['jobs'],
          summary: 'Submit a job',
          description:
            'Checked against the capabilities of the device before it is accepted. With Prefer: wait=N the answer is ' +
            '200 with the finished job when it ends in time.',
          headers: creatingHeaders.extend(preferHeader.shape),
          body: jobSubmission,
          response: {
            200: job,
            201: job,
            404: problemContent('unknown-model, unknown-device'),
            409: problemContent('wrong-backend, state-conflict, idempotency-in-progress'),
            412: problemContent('requirement-unmet'),
            503: problemContent('device-offline, service-stopping'),
            507: problemContent('storage-full'),
            ...guardProblems,
            403: problemContent('forbidden, storage-quota'),
          },
        },
      },
      async (request, reply) => {
        const identity = caller(request);
        const wait_s = preferredWait_s(request);
        const { id: deviceId } = request.body.device;
        mayUseDevice(context, identity, deviceId);
        const priority = priorityFor(identity, request.body.priority);
        mayUsePriority(identity, priority);
        mayRecalibrate(identity, request.body.onUnmet);
        const { id, ...submission } = { ...request.body, priority };
        if (id !== undefined) clientId(context, id);
        nameDevice(reply, deviceId, devices.get(deviceId)?.backend ?? null);
        return answerOnce(context, request, reply, { body: JSON.stringify(request.body) }, async (keep) => {
          const answerFor = (row: JobView): Answer => ({
            status: 201,
            headers: { location: `/v1/jobs/${row.id}` },
            body: view(row) as unknown as Answer['body'],
          });
          if (identity.limits.storageBytesMax !== null) {
            const units = (await store.models.find(request.body.model))?.units ?? 0;
            await checkStorageQuota(store, identity, samplesBytes(request.body, units));
          }
          const submitted = await runner.submit(submission satisfies RelaxJobRequest, {
            id,
            keyId: identity.keyId,
            alongside: async (tx, row) => {
              await checkQueuedJobs(tx, identity);
              if ((request.body.onUnmet ?? 'reject') === 'reject')
                await checkEnergyBudget(tx, identity, context.clock.wall_ms());
              const { samples } = request.body;
              await tx.audit.append(auditOf(request, 'job.submit', row.id, { samples: samples.count }));
              await keep(tx, answerFor({ ...row, progress: null }));
            },
          });
          if (wait_s === null) return answerFor(submitted);
          const signal = untilGone(reply, context);
          const ended = await runner.waitForEnd(submitted.id, wait_s * 1000, signal);
          void reply.header('preference-applied', `wait=${wait_s}`);
          return { ...answerFor(ended), status: ended.finishedAt_ms === null ? 201 : 200 };
        });
      },
    );
    app.get(
      '/v1/jobs',
      {
        schema: {
          tags: ['jobs'],
          summary: 'Jobs of the key (all with job:read:all), newest first',
          querystring: jobQuery,
          response: { 200: pageOf(job), ...guardProblems },
        },
      },
      async (request, reply) => {
        const { limit, cursor, state, device, label, since, fields } = request.query;
        const identity = caller(request);
        const [name, ...value] = label?.split('=') ?? [];
        const rows = await store.jobs.list({
          limit: rowsFor(limit),
          after: decodeCursor(cursor),
          state,
          device,
          ...(name !== undefined && { labels: { [name]: value.join('=') } }),
          ...(since !== undefined && { since_ms: Date.parse(since) }),
          ...(!identity.scopes.has('job:read:all') && { keyId: identity.keyId }),
        });
        const views = rows.map((row) => runner.withProgress(row));
        nameDevices(
          reply,
          views.slice(0, limit).map((row) => ({ device: row.device, backend: jobBackend(row, devices) })),
        );
        const of = { id: (row: JobView) => row.id };
        if (fields === undefined) return pageFrom(request, reply, views, limit, { ...of, view });
        const some = (row: JobView) => onlyFields(publishedJobView(row, devices), fields);
        const page = pageFrom(request, reply, views, limit, { ...of, view: some });
        return sparse(reply).send(page as never);
      },
    );
    app.get(
      '/v1/jobs/:id',
      {
        schema: {
          tags: ['jobs'],
          summary: 'One job; with Prefer: wait=N at its next change',
          description:
            'A finished job is answered at once. With If-None-Match a change since that ETag is answered at once too, ' +
            'and 304 when there was none in time.',
          params: idParams,
          querystring: z.strictObject({ fields: jobFields }),
          headers: preferHeader,
          response: {
            200: job,
            304: z.null().meta({ description: 'No change since the ETag' }),
            404: problemContent('unknown-job'),
            ...guardProblems,
          },
        },
      },
      async (request, reply) => {
        const found = await visibleJob(context, caller(request), request.params.id);
        const { row, isKnown } = await atNextChange(request, reply, context, found, (...asked) =>
          runner.waitFor(...asked),
        );
        nameDevice(reply, row.device, jobBackend(row, devices));
        if (isKnown) return reply.code(304).send(null);
        const { fields } = request.query;
        return fields === undefined
          ? view(row)
          : sparse(reply).send(onlyFields(publishedJobView(row, devices), fields) as never);
      },
    );
  };
}
