// The pages behind the `type` of every problem, for people (HTML) and for programs (JSON).
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { problemIndexPage, problemPage } from '../problems/page.ts';
import { ProblemError } from '../problems/problem.ts';
import { isProblemCode, problemCodes, problemTable, type ProblemCode } from '../problems/table.ts';
import { problemContent } from '../schemas/common.ts';

const entry = z
  .object({
    code: z.string(),
    status: z.int(),
    title: z.string(),
    retryable: z.boolean(),
    when: z.string(),
    remedy: z.string(),
  })
  .meta({ id: 'ProblemKind' });

const entryOf = (code: ProblemCode): z.infer<typeof entry> => ({ code, ...problemTable[code] });
const wantsHtml = (request: FastifyRequest): boolean =>
  request.headers.accept?.includes('text/html') ?? false;

export function problemRoutes(): FastifyPluginAsyncZod {
  return async (app) => {
    app.get(
      '/problems',
      {
        schema: {
          tags: ['service'],
          summary: 'All problem codes',
          response: { 200: z.object({ items: z.array(entry) }) },
        },
      },
      async (request, reply) =>
        wantsHtml(request)
          ? reply
              .type('text/html; charset=utf-8')
              .serializer(String)
              .send(problemIndexPage() as never)
          : reply.send({ items: problemCodes.map(entryOf) }),
    );
    app.get(
      '/problems/:code',
      {
        schema: {
          tags: ['service'],
          summary: 'What a problem code means and what to do',
          params: z.strictObject({ code: z.string().max(100) }),
          response: { 200: entry, 404: problemContent('unknown-problem') },
        },
      },
      async (request, reply) => {
        const { code } = request.params;
        if (!isProblemCode(code)) throw new ProblemError('unknown-problem', `There is no problem ${code}.`);
        return wantsHtml(request)
          ? reply
              .type('text/html; charset=utf-8')
              .serializer(String)
              .send(problemPage(code) as never)
          : reply.send(entryOf(code));
      },
    );
  };
}
