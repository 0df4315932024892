// The samples of a finished job in every format of results/formats.ts; the same job gives the same bytes.
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { caller } from '../plugins/authentication.ts';
import { ProblemError } from '../problems/problem.ts';
import { SampleEncoder } from '../results/encoder.ts';
import { offeredFor, sampleFormatNames, sampleFormats } from '../results/formats.ts';
import { provenanceOf } from '../results/provenance.ts';
import { sendFile } from '../results/send.ts';
import { guardProblems, idParams, problemContent } from '../schemas/common.ts';
import { rangeHeaders, sampleDocument } from '../schemas/samples.ts';
import { untilGone, type RouteContext } from './common.ts';
import { chooseFormat } from './downloads.ts';
import { finishedJob } from './job-access.ts';

const query = z.strictObject({
  format: z
    .enum(sampleFormatNames)
    .optional()
    .meta({ description: 'Instead of Accept, for links and browsers' }),
  provenance: z.enum(['include', 'none']).optional().meta({
    description:
      'none leaves the member provenance out of a .npz, so that equal runs give equal files. Other formats keep it.',
  }),
});

export function sampleRoutes(context: RouteContext): FastifyPluginAsyncZod {
  const { store } = context;
  return async (app) => {
    const encoder = new SampleEncoder(store);
    app.addHook('onClose', () => encoder.close());
    app.get(
      '/v1/jobs/:id/samples',
      {
        schema: {
          tags: ['jobs'],
          summary: 'The samples of a finished job',
          description:
            'By Accept, or ?format=: JSON, .npy, .npz, CSV, an Arrow IPC stream, Parquet, or the readout codes as they ' +
            'are stored (int16 little-endian; Thermoloop-Shape, -Dtype and -State-Scale say how to read them). ' +
            'Thermoloop-Provenance, and every format that can hold it, say where the samples come from. Repr-Digest is ' +
            'the SHA-256 of the file, ETag the same. Range (one range, If-Range) is served for .npy, .npz and codes.',
          params: idParams,
          querystring: query,
          headers: rangeHeaders,
          response: {
            200: sampleDocument,
            206: z.string().meta({ description: 'The part that Range asked for' }),
            304: z.null().meta({ description: 'The client has the file of If-None-Match' }),
            404: problemContent('unknown-job'),
            406: problemContent('not-acceptable'),
            409: problemContent('job-not-finished, no-samples'),
            416: problemContent('range-not-satisfiable'),
            ...guardProblems,
          },
        },
      },
      async (request, reply) => {
        const { job, about } = await finishedJob(context, caller(request), request.params.id, reply);
        const set = await store.sampleSets.findByJob(job.id);
        if (set === null) throw new ProblemError('no-samples', `The job ended as ${job.state}.`, about);
        const offered = offeredFor(set.samples * set.reads.length * set.units);
        const type =
          request.query.format === undefined
            ? chooseFormat(
                request,
                offered.map((name) => sampleFormats[name].type),
              )
            : sampleFormats[request.query.format].type;
        const format = offered.find((name) => sampleFormats[name].type === type);
        if (format === undefined)
          throw new ProblemError('not-acceptable', `These are too many samples for ${type}.`, {
            ...about,
            offered: offered.map((name) => sampleFormats[name].type),
          });
        const provenance = provenanceOf(job, set);
        const layout = { provenance, withProvenance: request.query.provenance !== 'none' };
        const signal = untilGone(reply, context);
        return sendFile(request, reply, { format, layout }, { encoder, blobs: store.blobs, about, signal });
      },
    );
  };
}
