// The OpenAPI 3.1 document, generated from the route schemas, and the page that shows it; the AsyncAPI document beside it.
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod';
import type { OpenAPIV3_1 } from 'openapi-types';
import { z } from 'zod';
import { accessOf } from '../auth/matrix.ts';
import { asyncApiDocument } from '../live/asyncapi.ts';
import { modelFormats } from '../models/parse.ts';
import { sampleFormats } from '../results/formats.ts';
import { bqmUpload } from '../schemas/models.ts';

const DESCRIPTION =
  'Control service for analog thermodynamic chips and their simulated twins. Every answer that concerns a device ' +
  'carries Thermoloop-Device and Thermoloop-Backend; every error is a problem document (RFC 9457).';

/** Register before the routes. `version` is that of the API, not of the program. */
export async function registerOpenApi(app: FastifyInstance): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'thermoloop',
        version: '1.0.0',
        description: DESCRIPTION,
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' } as { name: string },
      },
      components: {
        securitySchemes: { key: { type: 'http', scheme: 'bearer', bearerFormat: 'tlk_<id>_<secret>' } },
      },
      tags: [
        'service',
        'health',
        'devices',
        'models',
        'jobs',
        'calibrations',
        'keys',
        'webhooks',
        'live',
      ].map((name) => ({ name })),
    },
    transform: (document) => {
      const made = jsonSchemaTransform(document);
      const { method } = document.route;
      const verb = Array.isArray(method) ? method[0] : method;
      const access = accessOf(verb, document.url);
      if (document.url.startsWith('/docs') || verb === 'HEAD') return { ...made, schema: { hide: true } };
      if (access === undefined || access === 'public')
        return { ...made, schema: { ...made.schema, security: [] } };
      const scopes = `Scope: ${access.map((scope) => `\`${scope}\``).join(' or ')}.`;
      const text = (made.schema as { description?: string }).description;
      const description = text === undefined ? scopes : `${text}\n\n${scopes}`;
      return { ...made, schema: { ...made.schema, description, security: [{ key: [] }] } };
    },
    transformObject: (document) =>
      finish(jsonSchemaTransformObject(document) as OpenAPIV3_1.Document) as never,
  });
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    staticCSP: true,
    theme: { title: 'thermoloop API' },
  });
  app.get('/openapi.json', { schema: { hide: true }, logLevel: 'warn' }, async (_request, reply) =>
    reply.type('application/json; charset=utf-8').send(JSON.stringify(app.swagger())),
  );
  const asyncApi = JSON.stringify(asyncApiDocument());
  app.get('/asyncapi.json', { schema: { hide: true }, logLevel: 'warn' }, async (_request, reply) =>
    reply.type('application/json; charset=utf-8').send(asyncApi),
  );
}

/** What route schemas cannot say: binary bodies and answers, and the headers that answers carry. */
function finish(document: OpenAPIV3_1.Document): OpenAPIV3_1.Document {
  const binary = (): OpenAPIV3_1.MediaTypeObject => ({
    schema: { type: 'string', contentMediaType: 'application/octet-stream' } as never,
  });
  const text = (): OpenAPIV3_1.MediaTypeObject => ({ schema: { type: 'string' } });
  const content = (
    path: string,
    verb: 'get' | 'post',
    where: 'body' | '200' | '206',
  ): Record<string, OpenAPIV3_1.MediaTypeObject> => {
    const operation = document.paths?.[path]?.[verb];
    const holder = where === 'body' ? operation?.requestBody : operation?.responses?.[where];
    if (holder === undefined || !('content' in holder) || holder.content === undefined)
      throw new Error(`the OpenAPI document has no ${verb} ${path} (${where})`);
    return holder.content;
  };
  const upload = content('/v1/models', 'post', 'body');
  for (const format of modelFormats) if (format !== 'application/json') upload[format] = binary();
  upload['application/x-bqm+json'] = { schema: z.toJSONSchema(bqmUpload) as never };
  content('/v1/models/{digest}', 'get', '200')['application/x-npz'] = binary();
  const samples = content('/v1/jobs/{id}/samples', 'get', '200');
  const partOfSamples = content('/v1/jobs/{id}/samples', 'get', '206');
  delete partOfSamples['application/json'];
  for (const { type, ranges } of Object.values(sampleFormats)) {
    if (type !== 'application/json') samples[type] = type === 'text/csv' ? text() : binary();
    if (ranges) partOfSamples[type] = binary();
  }
  const page: OpenAPIV3_1.MediaTypeObject = { schema: { type: 'string' } };
  content('/problems', 'get', '200')['text/html'] = page;
  content('/problems/{code}', 'get', '200')['text/html'] = page;
  for (const status of ['200', '206'] as const) {
    const captured = content('/v1/captures/{id}', 'get', status);
    delete captured['application/json'];
    captured['application/x-mcap'] = binary();
  }
  return document;
}
