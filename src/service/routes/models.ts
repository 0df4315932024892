// Models: content-addressed, immutable parameters. Uploads are bytes until models/parse.ts has read them.
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { StoreError } from '../../store/index.ts';
import { Thread, ownBuffers } from '../../threads/index.ts';
import { readBody } from '../models/body.ts';
import type { EncodeModelAnswer, EncodeModelTask } from '../models/encode-thread.ts';
import { modelFormats, type ModelFormat } from '../models/parse.ts';
import { prepareUpload } from '../models/upload.ts';
import { auditOf } from '../plugins/audit.ts';
import { caller } from '../plugins/authentication.ts';
import { answerOnce, type Answer } from '../plugins/idempotency.ts';
import { sendBytes, chooseFormat } from './downloads.ts';
import { ProblemError } from '../problems/problem.ts';
import { checkStorageQuota } from '../quota.ts';
import { creatingHeaders, guardProblems, pageOf, pageQuery, problemContent } from '../schemas/common.ts';
import { model, modelUpload, modelView } from '../schemas/models.ts';
import { decodeCursor, pageFrom, rowsFor, type RouteContext } from './common.ts';

/** JSON of 1,296 units takes about 34 MB, .npz of 2,048 units 34 MB. */
export const MODEL_BODY_BYTES_MAX = 48 * 2 ** 20;

const downloadFormats = ['application/json', 'application/x-npz'] as const;

export function modelRoutes(context: RouteContext): FastifyPluginAsyncZod {
  const { store } = context;
  return async (app) => {
    app.removeAllContentTypeParsers();
    app.addContentTypeParser([...modelFormats], readBody(MODEL_BODY_BYTES_MAX));
    const encoding = new Thread<EncodeModelTask, EncodeModelAnswer>(
      import.meta.url,
      '../models/encode-thread',
    );
    app.addHook('onClose', () => encoding.close());
    app.post(
      '/v1/models',
      {
        bodyLimit: MODEL_BODY_BYTES_MAX,
        config: { accepted: [...modelFormats] },
        // The body stays bytes; models/parse.ts is what checks it.
        validatorCompiler: () => (value: unknown) => ({ value }),
        schema: {
          tags: ['models'],
          summary: 'Upload a model',
          description:
            'Content-addressed: the same parameters give the same digest, and 200 instead of 201 when it is there already. ' +
            'The content type says which format the body has; docs/api.md describes all of them.',
          consumes: [...modelFormats],
          headers: creatingHeaders,
          body: modelUpload,
          response: {
            200: model,
            201: model,
            409: problemContent('idempotency-in-progress'),
            413: problemContent('payload-too-large'),
            415: problemContent('unsupported-format'),
            507: problemContent('storage-full'),
            ...guardProblems,
            403: problemContent('forbidden, storage-quota'),
          },
        },
      },
      async (request, reply) => {
        const bytes = request.body as unknown as Buffer | undefined;
        if (!Buffer.isBuffer(bytes) || bytes.length === 0)
          throw new ProblemError('malformed-json', 'The body is empty.');
        const format = request.headers['content-type']?.split(';')[0].trim().toLowerCase() as ModelFormat;
        return answerOnce(context, request, reply, { body: bytes }, async (keep) => {
          const { digest, name, units, metadata, content } = await prepareUpload(bytes, format);
          if (!(await store.models.isOwner(digest, caller(request).keyId)))
            await checkStorageQuota(store, caller(request), content.length);
          const blob = await store.blobs.put(content, { digest });
          const { keyId } = caller(request);
          return store.transaction(async (tx) => {
            const row = { digest, name, units, blob, bytes: content.length, metadata, keyId };
            const added = await tx.models.add(row);
            await tx.audit.append(
              auditOf(request, 'model.upload', digest, { units, created: added.created }),
            );
            const answer: Answer = {
              status: added.created ? 201 : 200,
              headers: { location: `/v1/models/${digest}` },
              body: modelView(added.row) as Answer['body'],
            };
            await keep(tx, answer);
            return answer;
          });
        });
      },
    );
    app.get(
      '/v1/models',
      {
        schema: {
          tags: ['models'],
          summary: 'Models that the key uploaded (all with model:read:all)',
          querystring: pageQuery,
          response: { 200: pageOf(model), ...guardProblems },
        },
      },
      async (request, reply) => {
        const { limit, cursor } = request.query;
        const identity = caller(request);
        const rows = await store.models.list({
          limit: rowsFor(limit),
          after: decodeCursor(cursor),
          ...(!identity.scopes.has('model:read:all') && { keyId: identity.keyId }),
        });
        return pageFrom(request, reply, rows, limit, { id: (row) => row.id, view: modelView });
      },
    );
    app.get(
      '/v1/models/:digest',
      {
        schema: {
          tags: ['models'],
          summary: 'A model: its description, or its parameters as .npz',
          description:
            'Of a key that uploaded it, or any with model:read:all. Accept: application/json or application/x-npz.',
          params: z.strictObject({ digest: z.string().max(100) }),
          response: {
            200: model,
            404: problemContent('unknown-model'),
            406: problemContent('not-acceptable'),
            ...guardProblems,
          },
        },
      },
      async (request, reply) => {
        const { digest } = request.params;
        const row = await store.models.find(digest);
        const { keyId, scopes } = caller(request);
        const mayRead = scopes.has('model:read:all') || (await store.models.isOwner(digest, keyId));
        if (row === null || !mayRead) throw new ProblemError('unknown-model', `There is no model ${digest}.`);
        if (chooseFormat(request, downloadFormats) === 'application/json') return modelView(row);
        const answer = await encoding.run(async () => {
          const content = await store.blobs.get(row.blob, { verify: false });
          const value = { content, metadata: { ...row.metadata, name: row.name }, digest: row.digest };
          return { value, transfer: ownBuffers(content) };
        });
        if ('corrupt' in answer) throw new StoreError('corrupt-blob', answer.corrupt);
        const name = `model-${row.digest.slice(7, 19)}.npz`;
        return sendBytes(reply, answer.file, 'application/x-npz', name, answer.sha256);
      },
    );
  };
}
