import { readFileSync } from 'node:fs';
import openapiTS from 'openapi-typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestService, type TestService } from '../../test/support/test-service.ts';
import { routeAccess } from './auth/matrix.ts';

interface Operation {
  summary?: string;
  tags?: string[];
  security?: object[];
  responses: Record<string, { description?: string; content?: Record<string, unknown> }>;
  parameters?: { name: string; in: string; required?: boolean }[];
}
interface OpenApi {
  openapi: string;
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, unknown> };
}

let service: TestService;
let served: OpenApi;
beforeAll(async () => {
  service = await startTestService();
  served = (await service.call('GET', '/openapi.json')).json();
});
afterAll(() => service.close());
const operations = () =>
  Object.entries(served.paths).flatMap(([path, verbs]) =>
    Object.entries(verbs).map(([verb, operation]) => ({ path, verb, operation })),
  );

describe('the OpenAPI document', () => {
  it('is the committed one', () => {
    expect(served).toEqual(JSON.parse(readFileSync('docs/openapi.json', 'utf8')));
  });

  it('is OpenAPI 3.1 from which a typed client can be made', async () => {
    expect(served.openapi).toBe('3.1.0');
    const types = await openapiTS(JSON.stringify(served));
    expect(types.length).toBeGreaterThan(3);
  });

  it('has every route of the matrix but the document and its page', () => {
    const documented = operations().map(({ path, verb }) => `${verb.toUpperCase()} ${path}`);
    const expected = Object.keys(routeAccess)
      .filter((route) => !/ \/(docs|openapi|asyncapi)/.test(route))
      .map((route) => route.replace(/:(\w+)/g, '{$1}'));
    expect(documented.sort()).toEqual(expected.sort());
  });

  it('has names, answers and parameters for every operation, and problems for every error', () => {
    for (const { path, verb, operation } of operations()) {
      const where = `${verb} ${path}`;
      expect([where, operation.summary]).toEqual([where, expect.any(String)]);
      expect([where, operation.tags?.length]).toEqual([where, 1]);
      const placeholders = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
      const inPath = (operation.parameters ?? []).filter((p) => p.in === 'path').map((p) => p.name);
      expect([where, inPath]).toEqual([where, placeholders]);
      for (const [status, response] of Object.entries(operation.responses)) {
        expect([where, status, response.description]).toEqual([where, status, expect.any(String)]);
        if (Number(status) >= 400 && path !== '/readyz')
          expect([where, status, Object.keys(response.content ?? {})]).toEqual([
            where,
            status,
            ['application/problem+json'],
          ]);
      }
    }
  });

  it('resolves all its references', () => {
    const references = [...JSON.stringify(served).matchAll(/"\$ref":"([^"]+)"/g)].map((match) => match[1]);
    expect(references.length).toBeGreaterThan(20);
    for (const reference of new Set(references)) {
      expect(reference).toMatch(/^#\/components\/schemas\//);
      expect(served.components.schemas).toHaveProperty([reference.split('/').at(-1) ?? '']);
    }
  });

  it('is shown on a page that loads its own scripts only', async () => {
    const page = await service.call('GET', '/docs/');
    expect(page.statusCode).toBe(200);
    expect(page.headers['content-security-policy']).toContain("default-src 'self'");
  });
});
