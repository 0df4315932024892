// Captures: freeze what a line has carried in the last minute, list, download and remove. They hold customers' models.
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { CaptureRow } from '../../store/index.ts';
import { auditOf } from '../plugins/audit.ts';
import { caller } from '../plugins/authentication.ts';
import { nameDevice, nameDevices } from '../plugins/device-headers.ts';
import { answerOnce, type Answer } from '../plugins/idempotency.ts';
import { ProblemError } from '../problems/problem.ts';
import { parseRange } from '../results/range.ts';
import { capture, captureQuery, captureRequest, captureView } from '../schemas/captures.ts';
import { creatingHeaders, guardProblems, idParams, pageOf, problemContent } from '../schemas/common.ts';
import { rangeHeaders } from '../schemas/samples.ts';
import { decodeCursor, isKnown, pageFrom, rowsFor, type RouteContext } from './common.ts';
import { mayUseDevice } from './device-use.ts';
import { findDevice } from './devices.ts';

const TYPE = 'application/x-mcap';

export function captureRoutes(context: RouteContext): FastifyPluginAsyncZod {
  const { store, captures } = context;
  const find = async (id: string): Promise<CaptureRow> => {
    const row = await store.captures.find(id);
    if (row !== null) return row;
    throw new ProblemError('unknown-capture', `There is no capture ${id}.`);
  };
  return async (app) => {
    app.post(
      '/v1/captures',
      {
        schema: {
          tags: ['captures'],
          summary: 'Keep what the line to a device has carried in the last minute',
          headers: creatingHeaders,
          body: captureRequest,
          response: {
            201: capture,
            404: problemContent('unknown-device'),
            409: problemContent('nothing-recorded, idempotency-in-progress'),
            507: problemContent('storage-full'),
            ...guardProblems,
          },
        },
      },
      async (request, reply) => {
        const identity = caller(request);
        const { id: device, backend } = findDevice(context, request.body.device);
        mayUseDevice(context, identity, device);
        nameDevice(reply, device, backend);
        return answerOnce(context, request, reply, { body: JSON.stringify(request.body) }, async (keep) => {
          const answerFor = (row: CaptureRow): Answer => ({
            status: 201,
            headers: { location: `/v1/captures/${row.id}` },
            body: captureView(row),
          });
          const row = await captures.freeze({
            device,
            backend,
            keyId: identity.keyId,
            alongside: async (tx, added) => {
              await tx.audit.append(auditOf(request, 'capture.freeze', added.id, { device }));
              await keep(tx, answerFor(added));
            },
          });
          return answerFor(row);
        });
      },
    );
    app.get(
      '/v1/captures',
      {
        schema: {
          tags: ['captures'],
          summary: 'Captures, newest first',
          querystring: captureQuery,
          response: { 200: pageOf(capture), ...guardProblems },
        },
      },
      async (request, reply) => {
        const { limit, cursor, device, job: jobId } = request.query;
        const rows = await store.captures.list({
          limit: rowsFor(limit),
          after: decodeCursor(cursor),
          device,
          jobId,
        });
        nameDevices(reply, rows.slice(0, limit));
        return pageFrom(request, reply, rows, limit, { id: (row) => row.id, view: captureView });
      },
    );
    app.get(
      '/v1/captures/:id',
      {
        schema: {
          tags: ['captures'],
          summary: 'A capture as an MCAP file',
          description:
            'Bytes of both directions with their times, and the messages in them. One Range is served; Repr-Digest is the SHA-256 of the file.',
          params: idParams,
          headers: rangeHeaders,
          response: {
            200: z.string().meta({ description: 'application/x-mcap' }),
            206: z.string().meta({ description: 'The part that Range asked for' }),
            304: z.null().meta({ description: 'The client has it' }),
            404: problemContent('unknown-capture'),
            416: problemContent('range-not-satisfiable'),
            ...guardProblems,
          },
        },
      },
      async (request, reply) => {
        const row = await find(request.params.id);
        nameDevice(reply, row.device, row.backend);
        const sha256 = Buffer.from(row.blob.slice('sha256:'.length), 'hex').toString('base64');
        if (isKnown(request, reply, row.blob)) return reply.code(304).send(null);
        const range = parseRange(request.headers.range, row.bytes, {
          given: request.headers['if-range'],
          etag: `"${row.blob}"`,
        });
        if (range.kind === 'unsatisfiable') {
          void reply.header('content-range', `bytes */${row.bytes}`);
          throw new ProblemError('range-not-satisfiable', `The capture has ${row.bytes} bytes.`);
        }
        const bytes =
          range.kind === 'part' ? await store.blobs.read(row.blob, range) : await store.blobs.get(row.blob);
        if (range.kind === 'part')
          void reply.code(206).header('content-range', `bytes ${range.from}-${range.to - 1}/${row.bytes}`);
        void reply.type(TYPE).headers({
          'accept-ranges': 'bytes',
          'repr-digest': `sha-256=:${sha256}:`,
          'content-disposition': `attachment; filename="${row.device}-${row.id}.mcap"`,
        });
        return reply.send(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength) as never);
      },
    );
    app.delete(
      '/v1/captures/:id',
      {
        schema: {
          tags: ['captures'],
          summary: 'Remove a capture',
          params: idParams,
          response: {
            204: z.null().meta({ description: 'Removed' }),
            404: problemContent('unknown-capture'),
            ...guardProblems,
          },
        },
      },
      async (request, reply) => {
        const { id, device, backend } = await find(request.params.id);
        nameDevice(reply, device, backend);
        await store.transaction(async (tx) => {
          await tx.captures.remove(id);
          await tx.audit.append(auditOf(request, 'capture.delete', id, { device }));
        });
        return reply.code(204).send(null);
      },
    );
  };
}
