// The signed certificate of a finished job, and the public keys that verify certificates.
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import {
  addendumSchema,
  certificateSchema,
  publicKeysSchema,
  type CertificateAddendum,
} from '../../certificate/index.ts';
import { certificateOf } from '../certificates/issue.ts';
import { caller } from '../plugins/authentication.ts';
import { ProblemError } from '../problems/problem.ts';
import { guardProblems, idParams, problemContent } from '../schemas/common.ts';
import type { RouteContext } from './common.ts';
import { sendBytes } from './downloads.ts';
import { finishedJob } from './job-access.ts';

export function certificateRoutes(context: RouteContext): FastifyPluginAsyncZod {
  const { certificateKeys } = context;
  return async (app) => {
    app.get(
      '/v1/jobs/:id/certificate',
      {
        schema: {
          tags: ['jobs'],
          summary: 'The signed certificate of a job that succeeded; the same bytes for ever',
          description:
            'Signed with Ed25519 over the canonical JSON (RFC 8785) of all but signature.value, when it is first asked ' +
            'for. `thermoloop certificate verify` checks it without the service. Repr-Digest is the SHA-256 of the body.',
          params: idParams,
          response: {
            200: certificateSchema,
            404: problemContent('unknown-job'),
            409: problemContent('job-not-finished, no-certificate'),
            507: problemContent('storage-full'),
            ...guardProblems,
          },
        },
      },
      async (request, reply) => {
        const { job, about } = await finishedJob(context, caller(request), request.params.id, reply);
        const document = await certificateOf(context, job);
        if (document === null)
          throw new ProblemError('no-certificate', `The job ended as ${job.state}.`, about);
        const name = `certificate-${job.id}.json`;
        return sendBytes(reply, Buffer.from(document), 'application/json; charset=utf-8', name);
      },
    );
    app.get(
      '/v1/jobs/:id/certificate/addenda',
      {
        schema: {
          tags: ['jobs'],
          summary: 'What became known after the job: on which side of a change of the chip its samples lie',
          description:
            'One for each drift event, signed like the certificate, which stays as it is. before: it had ended before the last ' +
            'good probe; after: it began after the alarm; uncertain: in between.',
          params: idParams,
          response: {
            200: z.object({ items: z.array(addendumSchema) }).meta({ id: 'CertificateAddenda' }),
            404: problemContent('unknown-job'),
            409: problemContent('job-not-finished'),
            ...guardProblems,
          },
        },
      },
      async (request, reply) => {
        const { job } = await finishedJob(context, caller(request), request.params.id, reply);
        const rows = await context.store.drift.addenda(job.id);
        return { items: rows.map(({ document }) => JSON.parse(document) as CertificateAddendum) };
      },
    );
    app.get(
      '/v1/certificate-keys',
      {
        schema: {
          tags: ['service'],
          summary: 'The public keys that verify certificates',
          description: 'Every key that ever signed here stays in the list.',
          response: { 200: publicKeysSchema },
        },
      },
      async () => ({ current: certificateKeys.current, keys: [...certificateKeys.published] }),
    );
  };
}
