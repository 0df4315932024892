// Turns everything that can go wrong in a request into a problem document: thrown problems, errors of lower floors,
// Fastify's own errors, unknown routes and methods, and bytes that are not HTTP.
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Socket } from 'node:net';
import { fromLowerFloor } from '../problems/lower.ts';
import { PROBLEM_CONTENT_TYPE, problemDocument, ProblemError } from '../problems/problem.ts';
import { problemTable, type ProblemCode } from '../problems/table.ts';
import { placesOf } from './validation-places.ts';
import { nameDevice } from './device-headers.ts';

/** Fastify's codes that a client can cause. */
const fastifyProblems: Readonly<Record<string, ProblemCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'payload-too-large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported-format',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'bad-request',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'malformed-json',
  FST_ERR_CTP_INVALID_JSON_BODY: 'malformed-json',
  FST_ERR_CTP_INVALID_TYPE: 'unsupported-format',
  FST_ERR_BAD_URL: 'bad-request',
  FST_ERR_MAX_PARAM_LENGTH: 'bad-request',
  FST_ERR_HEADERS_TIMEOUT: 'request-timeout',
  // The client went away in the middle of its body; nobody reads the answer, but the log should not cry.
  ECONNRESET: 'bad-request',
};

/** Content types a route reads, where they are not just JSON. */
const JSON_ONLY = ['application/json'];

export function registerErrors(app: FastifyInstance): void {
  const knownRoutes: { method: string; pattern: RegExp }[] = [];
  app.addHook('onRoute', ({ method, url }) => {
    const pattern = new RegExp(`^${url.replace(/:[^/]+/g, '[^/]+').replace('*', '.*')}$`);
    for (const one of [method].flat()) knownRoutes.push({ method: one, pattern });
  });
  app.setErrorHandler((error, request, reply) => sendProblem(toProblem(error, request), request, reply));
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?')[0];
    const methods = [...new Set(knownRoutes.filter((r) => r.pattern.test(path)).map((r) => r.method))];
    if (methods.length === 0)
      return sendProblem(new ProblemError('not-found', `There is nothing at ${path}.`), request, reply);
    void reply.header('allow', methods.join(', '));
    const detail = `${path} does not know ${request.method}.`;
    return sendProblem(
      new ProblemError('method-not-allowed', detail, { allowedMethods: methods }),
      request,
      reply,
    );
  });
}

/** Sends a problem; also what Fastify calls for URLs that it cannot read, before there are hooks. */
export function sendProblem(
  problem: ProblemError,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  request.problemCode = problem.code;
  const { status } = problemTable[problem.code];
  if (status >= 500)
    request.log.error({ err: problem.cause ?? problem, code: problem.code }, problem.message);
  const { retryAfter_s, device, backend } = problem.extras;
  if (retryAfter_s !== undefined) void reply.header('retry-after', retryAfter_s);
  if (problem.code === 'unauthenticated') void reply.header('www-authenticate', 'Bearer realm="thermoloop"');
  if (device !== undefined) nameDevice(reply, device, backend ?? null);
  // Fastify asks for the connection to be closed after a body that is too large. Closing with unread bytes resets it
  // before the client has read the answer; kept open, Node reads the rest of the body and throws it away.
  if (problem.code === 'payload-too-large') reply.removeHeader('connection');
  const document = problemDocument(problem, {
    instance: request.url.split('?')[0],
    correlationId: request.id,
  });
  return reply
    .code(status)
    .type(PROBLEM_CONTENT_TYPE)
    .serializer(JSON.stringify as (payload: unknown) => string)
    .send(document);
}

/** The problem of whatever a request threw. */
export function toProblem(error: unknown, request: FastifyRequest): ProblemError {
  if (error instanceof ProblemError) return error;
  const lower = fromLowerFloor(error);
  if (lower !== null) return lower;
  const { code, validation, validationContext, message } = (error ?? {}) as Partial<FastifyError>;
  if (validation !== undefined) {
    const errors = placesOf(validation, validationContext ?? 'body');
    const first = errors[0];
    const where = first?.pointer ?? first?.parameter ?? '';
    const detail = `${where === '' ? 'the request' : where}: ${first?.detail ?? 'does not match the schema'}`;
    return new ProblemError('validation-failed', detail, { errors, cause: error });
  }
  const known = fastifyProblems[code ?? ''];
  if (known === undefined)
    return new ProblemError('internal-error', 'The service met an error it did not expect.', {
      cause: error,
    });
  return new ProblemError(known, message ?? '', { ...detailsOf(known, request), cause: error });
}

function detailsOf(
  code: ProblemCode,
  request: FastifyRequest,
): { limit_bytes?: number; accepted?: string[] } {
  const { config, bodyLimit } = request.routeOptions;
  if (code === 'payload-too-large') return { limit_bytes: bodyLimit };
  if (code === 'unsupported-format') return { accepted: config.accepted ?? JSON_ONLY };
  return {};
}

/** The answer to bytes that are not a request, and to an upgrade that is not one to a WebSocket; there is no Fastify request then. */
export function onClientError(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const codes: Record<string, ProblemCode> = {
    HPE_HEADER_OVERFLOW: 'headers-too-large',
    ERR_HTTP_REQUEST_TIMEOUT: 'request-timeout',
  };
  const code = codes[error.code ?? ''] ?? 'bad-request';
  const problem = new ProblemError(code, 'The request cannot be read as HTTP.');
  const body = JSON.stringify(problemDocument(problem, { instance: '', correlationId: '' }));
  const { status, title } = problemTable[code];
  socket.end(
    `HTTP/1.1 ${status} ${title}\r\ncontent-type: ${PROBLEM_CONTENT_TYPE}\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Content types the route reads, for the problem 415. */
    accepted?: string[];
  }
}
