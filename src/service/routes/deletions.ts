// Letting go on request: a job that has ended with all that belongs to it, and the content of a model.
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { isStoreError, releaseBlobs } from '../../store/index.ts';
import type { Scope } from '../auth/matrix.ts';
import type { Identity } from '../context.ts';
import { auditOf } from '../plugins/audit.ts';
import { caller } from '../plugins/authentication.ts';
import { nameDevice } from '../plugins/device-headers.ts';
import { ProblemError } from '../problems/problem.ts';
import { guardProblems, idParams, problemContent } from '../schemas/common.ts';
import { jobBackend } from '../schemas/jobs.ts';
import type { RouteContext } from './common.ts';
import { visibleJob } from './job-access.ts';

const gone = z.null().meta({ description: 'It is gone' });

export function deletionRoutes(context: RouteContext): FastifyPluginAsyncZod {
  const { store, clock, devices } = context;
  const release = (blobs: Awaited<ReturnType<typeof store.deletion.job>>): Promise<number> =>
    releaseBlobs(store, blobs, { now_ms: clock.wall_ms() });
  return async (app) => {
    app.delete(
      '/v1/jobs/:id',
      {
        schema: {
          tags: ['jobs'],
          summary: 'Delete a job that has ended, with its samples, certificate and log',
          description:
            'For good: rows are overwritten and stored bytes removed, unless another job has the same ones. Bytes younger ' +
            'than a minute go within two hours. The audit keeps that there was a job, not what it held.',
          params: idParams,
          response: {
            204: gone,
            404: problemContent('unknown-job'),
            409: problemContent('job-not-finished'),
            ...guardProblems,
          },
        },
      },
      async (request, reply) => {
        const identity = caller(request);
        const { id } = request.params;
        const job = await visibleJob(context, identity, id);
        mayDelete(identity, job.keyId === identity.keyId, 'job');
        const backend = jobBackend(job, devices);
        nameDevice(reply, job.device, backend);
        const blobs = await store
          .transaction(async (tx) => {
            const named = await tx.deletion.job(id);
            await tx.audit.append(auditOf(request, 'job.delete', id));
            return named;
          })
          .catch((error: unknown) => {
            if (!isStoreError(error, 'conflict')) throw error;
            throw new ProblemError('job-not-finished', `The job is ${job.state}.`, {
              device: job.device,
              backend,
              job: id,
              remedy: `Cancel it first (POST /v1/jobs/${id}/cancel), then delete it.`,
            });
          });
        await release(blobs);
        return reply.code(204).send(null);
      },
    );
    app.delete(
      '/v1/models/:digest',
      {
        schema: {
          tags: ['models'],
          summary: 'Delete the content of a model that no waiting or running job needs',
          description:
            'Samples of jobs that have ended stay, and name its digest. Uploaded again it is as new. As for jobs, bytes ' +
            'younger than a minute go within two hours. Other keys that uploaded it keep it, unless model:delete:all decides ' +
            'for all.',
          params: z.strictObject({ digest: z.string().max(100) }),
          response: {
            204: gone,
            404: problemContent('unknown-model'),
            409: problemContent('model-in-use'),
            ...guardProblems,
          },
        },
      },
      async (request, reply) => {
        const { digest } = request.params;
        const model = await store.models.find(digest);
        if (model === null) throw new ProblemError('unknown-model', `There is no model ${digest}.`);
        const identity = caller(request);
        const isOwner = await store.models.isOwner(digest, identity.keyId);
        mayDelete(identity, isOwner, 'model');
        // Others who uploaded it keep it, unless somebody may decide for all.
        const onlyOwn = !identity.scopes.has('model:delete:all');
        const blobs = await store
          .transaction(async (tx) => {
            const named = onlyOwn
              ? await tx.deletion.modelOf(digest, identity.keyId)
              : await tx.deletion.model(digest);
            await tx.audit.append(auditOf(request, 'model.delete', digest));
            return named;
          })
          .catch((error: unknown) => {
            if (!isStoreError(error, 'conflict')) throw error;
            throw new ProblemError('model-in-use', error.message);
          });
        await release(blobs);
        return reply.code(204).send(null);
      },
    );
  };
}

/** Own things with the scope, those of others with the one for all. @throws {ProblemError} forbidden */
function mayDelete(identity: Identity, isOwner: boolean, kind: 'job' | 'model'): void {
  const all: Scope = `${kind}:delete:all`;
  if (identity.scopes.has(`${kind}:delete`) && isOwner) return;
  if (identity.scopes.has(all)) return;
  throw new ProblemError('forbidden', `The ${kind} belongs to another key.`, { requiredScope: all });
}
