// Many jobs in one request: those that can be accepted are, in one commit, and the others each get the problem they have.
import type { FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import type { BatchItem, JobView, RelaxJobRequest } from '../../jobs/index.ts';
import { checkEnergyBudget, checkQueuedJobs } from '../job-limits.ts';
import { auditOf } from '../plugins/audit.ts';
import { caller } from '../plugins/authentication.ts';
import { nameDevices } from '../plugins/device-headers.ts';
import { answerOnce, type Answer } from '../plugins/idempotency.ts';
import { ProblemError } from '../problems/problem.ts';
import { checkStorageQuota, samplesBytes } from '../quota.ts';
import { creatingHeaders, guardProblems, problemContent } from '../schemas/common.ts';
import { batchAnswer, jobBackend, jobBatch, jobSubmission, jobView } from '../schemas/jobs.ts';
import type { RouteContext } from './common.ts';
import { mayUseDevice } from './device-use.ts';
import { clientId, mayRecalibrate, mayUsePriority, priorityFor } from './job-access.ts';
import { documentOf, malformed, problemOfJob } from './job-problems.ts';

export function jobBatchRoutes(context: RouteContext): FastifyPluginAsyncZod {
  const { runner, devices } = context;
  return async (app) => {
    app.post(
      '/v1/jobs/batch',
      {
        schema: {
          tags: ['jobs'],
          summary: 'Submit up to 100 jobs; one problem for each that is refused',
          description:
            'Each is checked as POST /v1/jobs does. Those that pass are accepted in one commit, in order; a refused one ' +
            'keeps no other back. The Idempotency-Key is for the whole.',
          headers: creatingHeaders,
          body: jobBatch,
          response: {
            200: batchAnswer,
            409: problemContent('state-conflict, idempotency-in-progress'),
            503: problemContent('service-stopping'),
            507: problemContent('storage-full'),
            ...guardProblems,
          },
        },
      },
      async (request, reply) => {
        const answer = (outcomes: readonly (JobView | ProblemError)[]): Answer => {
          const items = outcomes.map((outcome) =>
            outcome instanceof ProblemError
              ? { job: null, problem: documentOf(outcome, request) }
              : { job: jobView(outcome, devices), problem: null },
          );
          const accepted = items.filter((item) => item.job !== null).length;
          const body = { accepted, refused: items.length - accepted, items };
          return { status: 200, headers: {}, body: body as unknown as Answer['body'] };
        };
        return answerOnce(context, request, reply, { body: JSON.stringify(request.body) }, async (keep) => {
          const batch = await looked(context, request, request.body.jobs);
          const { keyId } = caller(request);
          const withProblems = (outcomes: readonly (JobView | Error)[]) =>
            outcomes.map((outcome) => (outcome instanceof Error ? problemOfJob(outcome, request) : outcome));
          const outcomes = await runner.submitBatch(batch, {
            keyId,
            alongside: async (tx, rows) => {
              for (const row of rows)
                if (!(row instanceof Error))
                  await tx.audit.append(
                    auditOf(request, 'job.submit', row.id, { samples: samplesOf(row), batch: true }),
                  );
              if (rows.some((row) => !(row instanceof Error))) await checkQueuedJobs(tx, caller(request));
              await keep(
                tx,
                answer(
                  withProblems(rows.map((row) => (row instanceof Error ? row : { ...row, progress: null }))),
                ),
              );
            },
          });
          const views = outcomes.flatMap((outcome) => (outcome instanceof Error ? [] : [outcome]));
          nameDevices(
            reply,
            views.map((row) => ({ device: row.device, backend: jobBackend(row, devices) })),
          );
          return answer(withProblems(outcomes));
        });
      },
    );
  };
}

/** What can be said of each item without the runner: its form, the limits of the key. */
async function looked(
  context: RouteContext,
  request: FastifyRequest,
  items: readonly unknown[],
): Promise<(BatchItem | Error)[]> {
  const identity = caller(request);
  let bytes = 0;
  const one = async (item: unknown): Promise<BatchItem> => {
    const parsed = jobSubmission.safeParse(item);
    if (!parsed.success) throw malformed(parsed.error.issues);
    const { id, ...submission } = { ...parsed.data, priority: priorityFor(identity, parsed.data.priority) };
    mayUseDevice(context, identity, submission.device.id);
    mayUsePriority(identity, submission.priority);
    mayRecalibrate(identity, submission.onUnmet);
    if (id !== undefined) clientId(context, id);
    if ((submission.onUnmet ?? 'reject') === 'reject')
      await checkEnergyBudget(context.store, identity, context.clock.wall_ms());
    if (identity.limits.storageBytesMax !== null) {
      const units = (await context.store.models.find(submission.model))?.units ?? 0;
      const added = samplesBytes(submission, units);
      await checkStorageQuota(context.store, identity, bytes + added);
      bytes += added;
    }
    return { request: submission satisfies RelaxJobRequest, ...(id !== undefined && { id }) };
  };
  const done: (BatchItem | Error)[] = [];
  for (const item of items)
    done.push(
      await one(item).catch((error: unknown) => {
        if (error instanceof ProblemError) return error;
        throw error;
      }),
    );
  return done;
}

const samplesOf = ({ request }: Pick<JobView, 'request'>): number =>
  (request as unknown as { samples: { count: number } }).samples.count;
