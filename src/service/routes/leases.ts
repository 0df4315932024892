// Exclusive use of a device for a time. The queue of others waits meanwhile; what runs when it begins is not cut short.
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { expireLeases } from '../../jobs/index.ts';
import type { UseLeaseRow } from '../../store/index.ts';
import type { Identity } from '../context.ts';
import { auditOf } from '../plugins/audit.ts';
import { caller } from '../plugins/authentication.ts';
import { nameDevice } from '../plugins/device-headers.ts';
import { answerOnce, type Answer } from '../plugins/idempotency.ts';
import { ProblemError } from '../problems/problem.ts';
import {
  creatingHeaders,
  guardProblems,
  idParams,
  pageOf,
  problemContent,
  toTime,
} from '../schemas/common.ts';
import {
  lease,
  leaseParams,
  leaseQuery,
  leaseRequest,
  leaseView,
  renewRequest,
} from '../schemas/device-control.ts';
import { decodeCursor, pageFrom, rowsFor, type RouteContext } from './common.ts';
import { mayUseDevice } from './device-use.ts';
import { findDevice } from './devices.ts';

const unknown = problemContent('unknown-device, unknown-lease');

export function leaseRoutes(context: RouteContext): FastifyPluginAsyncZod {
  const { store, controls, clock } = context;
  const view = (row: UseLeaseRow, identity: Identity) => leaseView(row, identity, clock.wall_ms());
  const find = async (device: string, id: string): Promise<UseLeaseRow> => {
    const row = await store.useLeases.find(id);
    if (row !== null && row.device === device) return row;
    throw new ProblemError('unknown-lease', `${device} has had no lease ${id}.`);
  };
  /** Why it could not be taken; whose it is only for those who may know. */
  const held = async (device: string, identity: Identity): Promise<ProblemError> => {
    const [present] = await store.useLeases.active(device);
    if (present === undefined)
      return new ProblemError('lease-held', `Somebody else took ${device} just now.`);
    const own = present.keyId === identity.keyId;
    const { key } = view(present, identity);
    const whose = own ? 'This key' : key === null ? 'Another key' : `Key ${key}`;
    return new ProblemError('lease-held', `${whose} has ${device} until ${toTime(present.expiresAt_ms)}.`, {
      retryAfter_s: Math.max(1, Math.ceil((present.expiresAt_ms - clock.wall_ms()) / 1000)),
      device,
      ...(own && { remedy: `Renew it with PUT /v1/devices/${device}/leases/${present.id}.` }),
    });
  };
  return async (app) => {
    app.post(
      '/v1/devices/:id/leases',
      {
        schema: {
          tags: ['leases'],
          summary: 'Take a device for exclusive use',
          description:
            'Jobs of other keys are held until the lease ends: by DELETE, or by itself after ttl_s unless it is renewed. A job of ' +
            'theirs that runs already is not cut short. The next user’s program is sent again and verified by its digest.',
          params: idParams,
          headers: creatingHeaders,
          body: leaseRequest,
          response: {
            201: lease,
            404: problemContent('unknown-device'),
            409: problemContent('lease-held, idempotency-in-progress'),
            507: problemContent('storage-full'),
            ...guardProblems,
          },
        },
      },
      async (request, reply) => {
        const identity = caller(request);
        const { id: device, backend } = findDevice(context, request.params.id);
        mayUseDevice(context, identity, device);
        nameDevice(reply, device, backend);
        const { ttl_s, purpose = null } = request.body;
        const body = JSON.stringify([device, request.body]);
        return answerOnce(context, request, reply, { body }, async (keep) => {
          const answerFor = (row: UseLeaseRow): Answer => ({
            status: 201,
            headers: { location: `/v1/devices/${device}/leases/${row.id}` },
            body: view(row, identity),
          });
          const taken = await controls
            .lease(device, async (tx) => {
              await expireLeases(tx);
              const { keyId } = identity;
              const row = await tx.useLeases.take({ device, keyId, purpose, ttl_ms: ttl_s * 1000 });
              if (row === null) throw new Held();
              await tx.audit.append(auditOf(request, 'lease.take', row.id, { device, ttl_s }));
              await keep(tx, answerFor(row));
              return row;
            })
            .catch(async (error: unknown) => {
              throw error instanceof Held ? await held(device, identity) : error;
            });
          return answerFor(taken);
        });
      },
    );
    app.get(
      '/v1/devices/:id/leases',
      {
        schema: {
          tags: ['leases'],
          summary: 'Leases of a device, newest first',
          params: idParams,
          querystring: leaseQuery,
          response: { 200: pageOf(lease), 404: problemContent('unknown-device'), ...guardProblems },
        },
      },
      async (request, reply) => {
        const identity = caller(request);
        const { id: device, backend } = findDevice(context, request.params.id);
        nameDevice(reply, device, backend);
        const { limit, cursor } = request.query;
        const rows = await store.useLeases.list({
          device,
          limit: rowsFor(limit),
          after: decodeCursor(cursor),
        });
        return pageFrom(request, reply, rows, limit, {
          id: (row) => row.id,
          view: (row) => view(row, identity),
        });
      },
    );
    app.get(
      '/v1/devices/:id/leases/:lease',
      {
        schema: {
          tags: ['leases'],
          summary: 'One lease',
          params: leaseParams,
          response: { 200: lease, 404: unknown, ...guardProblems },
        },
      },
      async (request, reply) => {
        const { id: device, backend } = findDevice(context, request.params.id);
        nameDevice(reply, device, backend);
        return view(await find(device, request.params.lease), caller(request));
      },
    );
    app.put(
      '/v1/devices/:id/leases/:lease',
      {
        schema: {
          tags: ['leases'],
          summary: 'Renew a lease of this key, from now',
          params: leaseParams,
          body: renewRequest,
          response: {
            200: lease,
            404: unknown,
            409: problemContent('state-conflict: it has ended'),
            ...guardProblems,
          },
        },
      },
      async (request, reply) => {
        const identity = caller(request);
        const { id: device, backend } = findDevice(context, request.params.id);
        nameDevice(reply, device, backend);
        const { id, keyId } = await find(device, request.params.lease);
        if (keyId !== identity.keyId)
          throw new ProblemError('forbidden', 'Only the key that took a lease can renew it.', { device });
        const { ttl_s } = request.body;
        const renewed = await controls.lease(device, async (tx) => {
          const row = await tx.useLeases.renew(id, ttl_s * 1000);
          if (row === null)
            throw new ProblemError('state-conflict', `Lease ${id} has ended.`, {
              remedy: `Take a new one with POST /v1/devices/${device}/leases.`,
            });
          await tx.audit.append(auditOf(request, 'lease.renew', id, { device, ttl_s }));
          return row;
        });
        return view(renewed, identity);
      },
    );
    app.delete(
      '/v1/devices/:id/leases/:lease',
      {
        schema: {
          tags: ['leases'],
          summary: 'Give a device back; with device:control also for somebody else',
          params: leaseParams,
          response: {
            204: z.null().meta({ description: 'Given back; also when it had ended before' }),
            404: unknown,
            ...guardProblems,
          },
        },
      },
      async (request, reply) => {
        const identity = caller(request);
        const { id: device, backend } = findDevice(context, request.params.id);
        nameDevice(reply, device, backend);
        const found = await find(device, request.params.lease);
        if (found.keyId !== identity.keyId && !identity.scopes.has('device:control'))
          throw new ProblemError(
            'forbidden',
            'Only its own key, or one with device:control, can end a lease.',
            {
              requiredScope: 'device:control',
              device,
            },
          );
        await controls.lease(device, async (tx) => {
          const released = await tx.useLeases.release(found.id);
          await tx.audit.append(auditOf(request, 'lease.release', found.id, { device, had: found.keyId }));
          return released ?? found;
        });
        return reply.code(204).send(null);
      },
    );
  };
}

/** Rolls the transaction back; what is said about it is looked up afterwards. */
class Held extends Error {}
