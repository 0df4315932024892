// Keys: who may do what. The secret is in the answer that makes the key, and nowhere else.
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { mintKey } from '../auth/keys.ts';
import { hearRevocations } from '../auth/revocations.ts';
import { roles } from '../auth/matrix.ts';
import { NO_KEY_LIMITS, StoreError, type KeyRow } from '../../store/index.ts';
import type { Identity } from '../context.ts';
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
import {
  deviceScope,
  key,
  keyEdit,
  keyRequest,
  keyView,
  namedDevices,
  newKey,
  withLimits,
  type KeyEdit,
} from '../schemas/keys.ts';
import { decodeCursor, isKnown, pageFrom, requireMatch, rowsFor, type RouteContext } from './common.ts';

/** @param onChanged called with the id of a key that must lose its open sockets: it was revoked or edited */
export function keyRoutes(context: RouteContext, onChanged: (keyId: string) => void): FastifyPluginAsyncZod {
  const { store, closing } = context;
  return async (app) => {
    app.addHook('onReady', async () => {
      const stop = hearRevocations(store, onChanged, (err) =>
        app.log.error({ err }, 'a key that changed could not be read'),
      );
      closing.addEventListener('abort', stop, { once: true });
    });
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
            const { name, role, devices = [], limits } = request.body;
            const granted = scopesFor(role, request.body.scopes);
            const expiresAt_ms = expiry(context, request.body.expiresAt ?? null);
            const maker = caller(request);
            mayGrant(maker, limits);
            const id = store.newId();
            const { token, secretSha256 } = mintKey(id, (count) => context.randomBytes(count));
            return store.transaction(async (tx) => {
              // The bootstrap key is for the first key only; of requests at the same time one makes it.
              if (maker.role === 'bootstrap' && !(await tx.keys.spendBootstrap(maker.keyId)))
                throw new ProblemError('unauthenticated', 'The bootstrap key was used before.');
              const row = await tx.keys.add({
                id,
                name,
                role,
                scopes: [...granted, ...devices.map(deviceScope)],
                secretSha256,
                limits: withLimits(NO_KEY_LIMITS, limits),
                expiresAt_ms,
              });
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
          description: 'The ETag is what PATCH wants as If-Match.',
          params: idParams,
          response: {
            200: key,
            304: z.null().meta({ description: 'Unchanged' }),
            404: problemContent('unknown-key'),
            ...guardProblems,
          },
        },
      },
      async (request, reply) => {
        const row = await store.keys.find(request.params.id);
        if (row === null) throw unknownKey(request.params.id);
        return isKnown(request, reply, tagOf(row)) ? reply.code(304).send(null) : keyView(row);
      },
    );
    app.patch(
      '/v1/keys/:id',
      {
        schema: {
          tags: ['keys'],
          summary: 'Edit a key: its name, scopes within its role, limits, expiry',
          description:
            'What is not named stays. If-Match must be the ETag of GET /v1/keys/{id}. Open sockets of the key are closed.',
          params: idParams,
          headers: z.looseObject({
            'if-match': z
              .string()
              .optional()
              .meta({ description: 'ETag of the version that is edited; required' }),
          }),
          body: keyEdit,
          response: {
            200: key,
            404: problemContent('unknown-key'),
            412: problemContent('precondition-failed'),
            428: problemContent('precondition-required'),
            ...guardProblems,
          },
        },
      },
      async (request, reply) => {
        const { id } = request.params;
        mayGrant(caller(request), request.body.limits);
        const row = await store.transaction(async (tx) => {
          const present = await tx.keys.find(id);
          if (present === null || present.revokedAt_ms !== null) throw unknownKey(id);
          requireMatch(request, tagOf(present));
          const change = changeOf(context, present, request.body);
          await tx.audit.append(auditOf(request, 'key.edit', id, { changed: Object.keys(request.body) }));
          return tx.keys.edit(id, present.revision, change).catch(collided);
        });
        onChanged(id);
        isKnown(request, reply, tagOf(row));
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
        onChanged(id);
        return reply.code(204).send(null);
      },
    );
  };
}

const tagOf = ({ id, revision }: KeyRow): string => `${id}.${revision}`;

function changeOf(context: RouteContext, present: KeyRow, edit: KeyEdit): Partial<KeyRow> {
  const granted =
    edit.scopes === undefined
      ? present.scopes.filter((scope) => namedDevices([scope]).length === 0)
      : scopesFor(present.role, edit.scopes);
  const devices = edit.devices ?? namedDevices(present.scopes);
  return {
    ...(edit.name !== undefined && { name: edit.name }),
    ...(edit.expiresAt !== undefined && { expiresAt_ms: expiry(context, edit.expiresAt) }),
    scopes: [...granted, ...devices.map(deviceScope)],
    limits: withLimits(present.limits, edit.limits),
  };
}

/** @throws {ProblemError} precondition-failed: another edit came first */
function collided(error: unknown): never {
  if (error instanceof StoreError && error.code === 'conflict')
    throw new ProblemError('precondition-failed', 'The key was edited or revoked at the same moment.', {
      cause: error,
    });
  throw error;
}

/** Freedom from the rate limit is given by an administrator's key alone, not by the bootstrap key. */
function mayGrant(maker: Identity, limits: { requestsPerMinute?: number | null } | undefined): void {
  if (limits?.requestsPerMinute !== 0 || maker.scopes.has('keys:admin')) return;
  throw new ProblemError('forbidden', 'Only an admin key may exempt a key from the rate limit.', {
    requiredScope: 'keys:admin',
  });
}

function expiry({ clock }: RouteContext, expiresAt: string | null): number | null {
  if (expiresAt === null) return null;
  const at_ms = Date.parse(expiresAt);
  if (at_ms > clock.wall_ms()) return at_ms;
  throw new ProblemError('validation-failed', `${expiresAt} has passed.`, {
    errors: [{ pointer: '/expiresAt', detail: 'in the past', allowed: 'a time to come, or DELETE the key' }],
  });
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
