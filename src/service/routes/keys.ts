// Keys: who may do what. The secret is in the answer that makes the key, and nowhere else.
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { mintKey } from '../auth/keys.ts';
import { roles } from '../auth/matrix.ts';
import { auditOf } from '../plugins/audit.ts';
import { caller } from '../plugins/authentication.ts';
import { answerOnce, type Answer } from '../plugins/idempotency.ts';
import { ProblemError } from '../problems/problem.ts';
import {
  creatingHeaders,
  guardProblems,
  idParams,
  pageOf,
  pageQuery,
  problemContent,
} from '../schemas/common.ts';
import { deviceScope, key, keyRequest, keyView, newKey } from '../schemas/keys.ts';
import { decodeCursor, pageFrom, rowsFor, type RouteContext } from './common.ts';

/** @param onRevoked called with the id of a key that must lose its open sockets */
export function keyRoutes(context: RouteContext, onRevoked: (keyId: string) => void): FastifyPluginAsyncZod {
  const { store } = context;
  return async (app) => {
    app.post(
      '/v1/keys',
      {
        schema: {
          tags: ['keys'],
          summary: 'Make a key; the answer is the only place where its secret is shown',
          headers: creatingHeaders,
          body: keyRequest,
          response: { 201: newKey, 409: problemContent('idempotency-in-progress'), ...guardProblems },
        },
      },
      async (request, reply) =>
        answerOnce(
          context,
          request,
          reply,
          { body: JSON.stringify(request.body), conceal: withoutSecret },
          async (keep) => {
            const { name, role, devices = [], expiresAt } = request.body;
            const granted = scopesFor(role, request.body.scopes);
            const maker = caller(request);
            const id = store.newId();
            const { token, secretSha256 } = mintKey(id, (count) => context.randomBytes(count));
            return store.transaction(async (tx) => {
              const row = await tx.keys.add({
                id,
                name,
                role,
                scopes: [...granted, ...devices.map(deviceScope)],
                secretSha256,
                expiresAt_ms: expiresAt === undefined ? null : Date.parse(expiresAt),
              });
              // The bootstrap key is for the first key only.
              if (maker.role === 'bootstrap') await tx.keys.revoke(maker.keyId);
              await tx.audit.append(auditOf(request, 'key.create', id, { name, role }));
              const answer: Answer = {
                status: 201,
                headers: { location: `/v1/keys/${id}` },
                body: { ...keyView(row), key: token },
              };
              await keep(tx, answer);
              return answer;
            });
          },
        ),
    );
    app.get(
      '/v1/keys',
      {
        schema: {
          tags: ['keys'],
          summary: 'All keys, without secrets',
          querystring: pageQuery,
          response: { 200: pageOf(key), ...guardProblems },
        },
      },
      async (request, reply) => {
        const { limit, cursor } = request.query;
        const rows = await store.keys.list({ limit: rowsFor(limit), after: decodeCursor(cursor) });
        return pageFrom(request, reply, rows, limit, { id: (row) => row.id, view: keyView });
      },
    );
    app.get(
      '/v1/keys/:id',
      {
        schema: {
          tags: ['keys'],
          summary: 'One key, without its secret',
          params: idParams,
          response: { 200: key, 404: problemContent('unknown-key'), ...guardProblems },
        },
      },
      async (request) => {
        const row = await store.keys.find(request.params.id);
        if (row === null) throw unknownKey(request.params.id);
        return keyView(row);
      },
    );
    app.delete(
      '/v1/keys/:id',
      {
        schema: {
          tags: ['keys'],
          summary: 'Revoke a key; its open sockets are closed',
          params: idParams,
          response: {
            204: z.null().meta({ description: 'Revoked' }),
            404: problemContent('unknown-key'),
            ...guardProblems,
          },
        },
      },
      async (request, reply) => {
        const { id } = request.params;
        await store.transaction(async (tx) => {
          if ((await tx.keys.find(id)) === null) throw unknownKey(id);
          await tx.keys.revoke(id);
          await tx.audit.append(auditOf(request, 'key.revoke', id));
        });
        onRevoked(id);
        return reply.code(204).send(null);
      },
    );
  };
}

function unknownKey(id: string): ProblemError {
  return new ProblemError('unknown-key', `There is no key ${id}.`);
}

function withoutSecret(answer: Answer): Answer {
  return { ...answer, body: { ...(answer.body as Record<string, never>), key: null } };
}

function scopesFor(role: string, wanted: readonly string[] | undefined): readonly string[] {
  const offered: readonly string[] = roles[role];
  if (wanted === undefined) return offered;
  const beyond = wanted.findIndex((scope) => !offered.includes(scope));
  if (beyond < 0) return [...new Set(wanted)];
  throw new ProblemError('validation-failed', `The role ${role} does not have the scope ${wanted[beyond]}.`, {
    errors: [{ pointer: `/scopes/${beyond}`, detail: `not a scope of ${role}`, allowed: offered }],
  });
}
