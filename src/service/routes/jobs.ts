// Jobs: submit, list, wait for, cancel.
import type { FastifyReply } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { JobView, RelaxJobRequest } from '../../jobs/index.ts';
import { FINAL_JOB_STATES, JobState } from '../../store/index.ts';
import type { Identity } from '../context.ts';
import { auditOf } from '../plugins/audit.ts';
import { caller } from '../plugins/authentication.ts';
import { nameDevice, nameDevices } from '../plugins/device-headers.ts';
import { answerOnce, type Answer } from '../plugins/idempotency.ts';
import { ProblemError } from '../problems/problem.ts';
import { checkStorageQuota, samplesBytes } from '../quota.ts';
import {
  creatingHeaders,
  guardProblems,
  idParams,
  pageOf,
  preferHeader,
  problemContent,
} from '../schemas/common.ts';
import { job, jobBackend, jobQuery, jobSubmission, jobView } from '../schemas/jobs.ts';
import {
  atNextChange,
  decodeCursor,
  maySee,
  pageFrom,
  rowsFor,
  preferredWait_s,
  untilGone,
  type RouteContext,
} from './common.ts';
import { mayUseDevice } from './device-use.ts';

/** @throws {ProblemError} unknown-job, also for the jobs of others */
export async function visibleJob(context: RouteContext, identity: Identity, id: string): Promise<JobView> {
  const row = await context.store.jobs.find(id);
  if (row === null || !maySee(identity, row, 'job:read:all'))
    throw new ProblemError('unknown-job', `There is no job ${id}.`);
  return context.runner.withProgress(row);
}

/** A job that has ended, named in the reply with its device, and what its problems name. Throws 'job-not-finished'. */
export async function finishedJob(
  context: RouteContext,
  identity: Identity,
  id: string,
  reply: FastifyReply,
): Promise<{ job: JobView; about: { device: string; backend: string | null; job: string } }> {
  const job = await visibleJob(context, identity, id);
  const backend = jobBackend(job, context.devices);
  nameDevice(reply, job.device, backend);
  const about = { device: job.device, backend, job: job.id };
  if (!FINAL_JOB_STATES.includes(job.state))
    throw new ProblemError('job-not-finished', `The job is ${job.state}.`, { ...about, retryAfter_s: 1 });
  return { job, about };
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
            409: problemContent('wrong-backend, idempotency-in-progress'),
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
          const submitted = await runner.submit(request.body satisfies RelaxJobRequest, {
            keyId: identity.keyId,
            alongside: async (tx, row) => {
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
        const { limit, cursor, state, device, label, since } = request.query;
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
        return pageFrom(request, reply, views, limit, { id: (row) => row.id, view });
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
        return isKnown ? reply.code(304).send(null) : view(row);
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
        const identity = caller(request);
        const { id } = request.params;
        const row = await store.jobs.find(id);
        if (
          row === null ||
          !(maySee(identity, row, 'job:cancel:all') || maySee(identity, row, 'job:read:all'))
        )
          throw new ProblemError('unknown-job', `There is no job ${id}.`);
        if (!maySee(identity, row, 'job:cancel:all'))
          throw new ProblemError('forbidden', 'The job belongs to another key.', {
            requiredScope: 'job:cancel:all',
          });
        const { outcome, job: after } = await runner.cancel(id, {
          alongside: async (tx) => void (await tx.audit.append(auditOf(request, 'job.cancel', id))),
        });
        nameDevice(reply, after.device, jobBackend(after, devices));
        if (outcome === 'already-finished')
          throw new ProblemError('already-finished', `The job has ended as ${after.state}.`, {
            job: id,
            device: after.device,
            backend: jobBackend(after, devices),
          });
        return reply.code(after.state === JobState.cancelled ? 200 : 202).send(view(after));
      },
    );
  };
}
