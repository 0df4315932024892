// The samples of a finished job as JSON, .npy or .npz; the same job gives the same bytes.
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { readJobSamples, type JobSamples } from '../../jobs/index.ts';
import { encodeNpy, encodeNpz, type NpyArray } from '../../physics/index.ts';
import { caller } from '../plugins/authentication.ts';
import { ProblemError } from '../problems/problem.ts';
import { guardProblems, idParams, problemContent } from '../schemas/common.ts';
import { sampleDocument } from '../schemas/jobs.ts';
import type { RouteContext } from './common.ts';
import { chooseFormat, sendBytes } from './downloads.ts';
import { finishedJob } from './jobs.ts';

const formats = ['application/json', 'application/x-npy', 'application/x-npz'] as const;
/** About 20 MB of text and a second of work: what is larger is for .npy and .npz. */
const JSON_NUMBERS_MAX = 2_000_000;

export function sampleRoutes(context: RouteContext): FastifyPluginAsyncZod {
  return async (app) => {
    app.get(
      '/v1/jobs/:id/samples',
      {
        schema: {
          tags: ['jobs'],
          summary: 'The samples of a finished job',
          description:
            'Accept: application/json; application/x-npy: x as float32 [samples][reads][units]; application/x-npz: ' +
            'x, time_s, and heat_kT when it was recorded. Repr-Digest is the SHA-256 of the body.',
          params: idParams,
          response: {
            200: sampleDocument,
            404: problemContent('unknown-job'),
            406: problemContent('not-acceptable'),
            409: problemContent('job-not-finished, no-samples'),
            ...guardProblems,
          },
        },
      },
      async (request, reply) => {
        const { job, about } = await finishedJob(context, caller(request), request.params.id, reply);
        const samples = await readJobSamples(context.store, job.id);
        if (samples === null) throw new ProblemError('no-samples', `The job ended as ${job.state}.`, about);
        const { length } = samples.codes;
        const format = chooseFormat(request, length > JSON_NUMBERS_MAX ? formats.slice(1) : formats);
        const name = `samples-${job.id}`;
        if (format === 'application/json')
          return sendBytes(
            reply,
            Buffer.from(asJson(samples)),
            'application/json; charset=utf-8',
            `${name}.json`,
          );
        if (format === 'application/x-npy')
          return sendBytes(reply, encodeNpy(states(samples)), format, `${name}.npy`);
        return sendBytes(reply, asNpz(samples), format, `${name}.npz`);
      },
    );
  };
}

function states({ set, codes }: JobSamples): NpyArray {
  const { samples, units, reads, stateScale } = set;
  return {
    shape: [samples, reads.length, units],
    data: Float32Array.from(codes, (code) => code * stateScale),
  };
}

function asNpz(samples: JobSamples): Uint8Array {
  const { heat_kT, set } = samples;
  const time_s = { shape: [set.reads.length], data: Float64Array.from(set.reads, (read) => read.time_s) };
  return encodeNpz({
    x: states(samples),
    time_s,
    ...(heat_kT !== null && { heat_kT: { shape: [set.samples], data: heat_kT } }),
  });
}

function asJson({ set, codes, heat_kT }: JobSamples): string {
  const { samples, units, reads, stateScale } = set;
  const x = Array.from({ length: samples }, (_s, s) =>
    reads.map((_r, r) => {
      const from = (s * reads.length + r) * units;
      return Array.from(codes.subarray(from, from + units), (code) => code * stateScale);
    }),
  );
  return JSON.stringify({
    job: set.jobId,
    device: set.device,
    backend: set.backend,
    model: set.model,
    shape: [samples, reads.length, units],
    time_s: reads.map((read) => read.time_s),
    labels: reads.map((read) => read.label),
    x,
    heat_kT: heat_kT === null ? null : [...heat_kT],
  });
}
