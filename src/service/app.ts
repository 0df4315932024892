// The HTTP service: plugins in their order, then the routes. Everything from outside comes in through ServiceOptions, so
// that tests build the same service around fakes and use inject().
import helmet from '@fastify/helmet';
import websocket from '@fastify/websocket';
import Fastify, { type FastifyBaseLogger, type FastifyInstance, type FastifyRequest } from 'fastify';
import { serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod';
import { randomUUID } from 'node:crypto';
import { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { withoutSecrets } from './auth/keys.ts';
import type { ServiceContext, ServiceOptions } from './context.ts';
import { LiveHub } from './live/hub.ts';
import { registerAudit } from './plugins/audit.ts';
import { registerAuthentication, registerScopes } from './plugins/authentication.ts';
import { onClientError, registerErrors, sendProblem, toProblem } from './plugins/errors.ts';
import { RequestsUnderWay } from './plugins/idempotency.ts';
import { registerJsonBodies } from './plugins/json-bodies.ts';
import { registerOpenApi } from './plugins/openapi.ts';
import { registerRateLimit } from './plugins/rate-limit.ts';
import { ProblemError } from './problems/problem.ts';
import { activeCalibrationRoutes } from './routes/active-calibrations.ts';
import { aboutRoutes } from './routes/about.ts';
import { auditRoutes } from './routes/audit.ts';
import { calibrationRoutes } from './routes/calibrations.ts';
import { captureRoutes } from './routes/captures.ts';
import { certificateRoutes } from './routes/certificates.ts';
import { deviceControlRoutes } from './routes/device-control.ts';
import { deletionRoutes } from './routes/deletions.ts';
import { deviceRoutes } from './routes/devices.ts';
import { eventRoutes } from './routes/events.ts';
import { healthRoutes } from './routes/health.ts';
import { jobBatchRoutes } from './routes/job-batches.ts';
import { jobChangeRoutes } from './routes/job-changes.ts';
import { jobRecordRoutes } from './routes/job-records.ts';
import { jobRoutes } from './routes/jobs.ts';
import { jobValidationRoutes } from './routes/job-validation.ts';
import { keyRoutes } from './routes/keys.ts';
import { leaseRoutes } from './routes/leases.ts';
import { liveRoutes } from './routes/live.ts';
import { modelRoutes } from './routes/models.ts';
import { problemRoutes } from './routes/problems.ts';
import { sampleRoutes } from './routes/samples.ts';
import { Addenda } from './certificates/addenda.ts';
import { driftRoutes } from './routes/drift.ts';
import { heatRoutes } from './routes/heat.ts';
import { telemetryRoutes } from './routes/telemetry.ts';
import { ticketRoutes } from './routes/tickets.ts';
import { twinRoutes } from './routes/twins.ts';
import { webhookRoutes } from './routes/webhooks.ts';

/** Every body but a model's. */
const BODY_BYTES_MAX = 2 ** 20;
/** Enough for a client that polls four times a second for a minute. */
export const REQUESTS_PER_MINUTE = 600;
/** A model of 48 MB over a 10 Mbit/s line takes 40 s. */
const REQUEST_TIMEOUT_MS = 300_000;
const WS_MESSAGE_BYTES_MAX = 64 * 1024;
/** Answers are data: nothing in them may load or run anything. The page at /docs has a policy of its own. */
const NO_CONTENT = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'";
/** A body on a route that reads none. */
const NO_BODY_BYTES_MAX = 1024;
/** From the request for an upgrade to the WebSocket. */
const UPGRADE_TIMEOUT_MS = 10_000;

/** Builds the service; `ready()`, `inject()` and `listen()` are Fastify's. */
export async function createService(options: ServiceOptions): Promise<FastifyInstance> {
  const closing = new AbortController();
  const context: ServiceContext & { underWay: RequestsUnderWay } = {
    ...options,
    epoch: randomUUID(),
    startedAt_ms: options.clock.wall_ms(),
    closing: closing.signal,
    underWay: new RequestsUnderWay(),
  };
  const requestsPerMinute = options.rateLimitPerMinute ?? REQUESTS_PER_MINUTE;
  const app = newFastify(options);
  app.removeContentTypeParser('text/plain');
  registerJsonBodies(app);
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  registerErrors(app);
  const addenda = new Addenda(options);
  const hub = new LiveHub({ ...context, addenda });
  app.decorate('liveClients', () => hub.size);
  // Before the WebSocket plugin's own, which closes sockets without a word.
  app.addHook('preClose', async () => {
    closing.abort(new ProblemError('service-stopping', 'The service is shutting down.'));
    hub.close();
    await addenda.close();
  });
  await registerWebSocket(app);
  registerCorrelation(app, options);
  app.addHook('onRoute', (route) => {
    if (route.schema?.body === undefined) route.bodyLimit ??= NO_BODY_BYTES_MAX;
  });
  await app.register(helmet, { contentSecurityPolicy: false, hsts: options.tls !== undefined });
  registerAuthentication(app, context);
  registerAudit(app, context);
  await registerRateLimit(app, requestsPerMinute);
  registerScopes(app);
  await registerOpenApi(app);

  await app.register(healthRoutes(context));
  await app.register(aboutRoutes({ ...context, requestsPerMinute }));
  await app.register(problemRoutes());
  await app.register(deviceRoutes(context));
  await app.register(deviceControlRoutes(context));
  await app.register(leaseRoutes(context));
  await app.register(telemetryRoutes(context));
  await app.register(heatRoutes(context));
  await app.register(driftRoutes(context));
  await app.register(modelRoutes(context));
  await app.register(jobRoutes(context));
  await app.register(jobBatchRoutes(context));
  await app.register(jobValidationRoutes(context));
  await app.register(jobChangeRoutes(context));
  await app.register(jobRecordRoutes(context));
  await app.register(sampleRoutes(context));
  await app.register(deletionRoutes(context));
  await app.register(certificateRoutes(context));
  await app.register(calibrationRoutes(context));
  await app.register(activeCalibrationRoutes(context));
  await app.register(captureRoutes(context));
  await app.register(twinRoutes(context));
  await app.register(keyRoutes(context, (keyId) => void hub.keyChanged(keyId)));
  await app.register(ticketRoutes(context));
  await app.register(webhookRoutes(context));
  await app.register(auditRoutes(context));
  await app.register(liveRoutes(context, hub));
  await app.register(eventRoutes(context, hub));
  return app;
}

function newFastify({ logger, tls }: ServiceOptions): FastifyInstance {
  return Fastify({
    ...(logger !== undefined && { loggerInstance: withoutSecretsInUrls(logger) }),
    // Node's own answer to a request without Host is no problem document; registerCorrelation refuses it.
    ...(tls === undefined
      ? { http: { requireHostHeader: false } }
      : { https: { cert: tls.cert, key: tls.key, requireHostHeader: false } }),
    bodyLimit: BODY_BYTES_MAX,
    requestTimeout: REQUEST_TIMEOUT_MS,
    forceCloseConnections: 'idle',
    genReqId: (request) => {
      const given = request.headers['x-correlation-id'];
      return typeof given === 'string' && /^[\w.:-]{1,64}$/.test(given) ? given : randomUUID();
    },
    frameworkErrors: (error, request, reply) => void sendProblem(toProblem(error, request), request, reply),
    clientErrorHandler: onClientError,
    routerOptions: { maxParamLength: 200 },
  });
}

/**
 * Before the guard: its own hook must have run when the guard refuses, or the socket of a refused upgrade stays open. What
 * never reaches a hook (a URL that cannot be read) is closed by the time-out, which an accepted WebSocket takes off.
 */
async function registerWebSocket(app: FastifyInstance): Promise<void> {
  await app.register(websocket, { options: { maxPayload: WS_MESSAGE_BYTES_MAX } });
  app.websocketServer.on('wsClientError', onClientError);
  app.server.on('upgrade', (_request, socket: Partial<Pick<Socket, 'setTimeout'>> & Duplex) => {
    // What injectWS of a test hands in has none.
    socket.setTimeout?.(UPGRADE_TIMEOUT_MS, () => socket.destroy());
  });
}

/** Fastify logs every URL; a ticket, or a key that was put there by mistake, stays out of the log. */
function withoutSecretsInUrls(logger: FastifyBaseLogger): FastifyBaseLogger {
  const req = ({ method, url, host, ip }: FastifyRequest) => ({
    method,
    url: withoutSecrets(url),
    host,
    remoteAddress: ip,
  });
  return logger.child({}, { serializers: { req } });
}

function registerCorrelation(app: FastifyInstance, { onRequest }: ServiceOptions): void {
  // An expectation that is not known is none (RFC 9110, 10.1.1); Node would answer without a body.
  app.server.on('checkExpectation', (request, response) => app.server.emit('request', request, response));
  app.addHook('onRequest', async (request, reply) => {
    void reply.headers({
      'x-correlation-id': request.id,
      'cache-control': 'no-store',
      'content-security-policy': NO_CONTENT,
    });
    // Not what injectWS of a test makes up.
    const isHttp11 = request.raw instanceof IncomingMessage && request.raw.httpVersion === '1.1';
    if (isHttp11 && request.headers.host === undefined)
      throw new ProblemError('bad-request', 'The request has no Host header.');
    // No id, name or cursor holds it, and databases refuse it in text.
    if (request.url.includes('%00'))
      throw new ProblemError('bad-request', 'The URL holds the character U+0000.');
  });
  app.addHook('onResponse', async (request, reply) => {
    // A long poll takes as long as the client wished, which says nothing about the service.
    if (request.headers['prefer'] !== undefined) return;
    const route = request.routeOptions.url ?? 'unknown';
    onRequest?.(request.method, route, reply.statusCode, reply.elapsedTime / 1000);
  });
}

declare module 'fastify' {
  interface FastifyInstance {
    /** Open WebSocket clients, for the metrics. */
    liveClients(): number;
  }
}
