// Which calibration counts on a chip: read it, move the pointer, pin it, go back; and what changed between two.
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { diffCalibrations } from '../../calibration/index.ts';
import type { ActiveCalibrationRow, CalibrationRow, Repositories } from '../../store/index.ts';
import type { ServiceDevice } from '../context.ts';
import { auditOf } from '../plugins/audit.ts';
import { caller } from '../plugins/authentication.ts';
import { nameDevice } from '../plugins/device-headers.ts';
import { ProblemError } from '../problems/problem.ts';
import {
  activateRequest,
  activeCalibrations,
  activeView,
  calibrationDiff,
  diffParams,
  diffQuery,
  diffView,
  moveView,
  type ActiveCalibration,
} from '../schemas/active-calibrations.ts';
import { guardProblems, idParams, problemContent } from '../schemas/common.ts';
import { isKnown, requireMatch, type RouteContext } from './common.ts';
import { mayUseDevice } from './device-use.ts';
import { findDevice } from './devices.ts';

const ifMatch = z.looseObject({
  'if-match': z.string().optional().meta({ description: 'The ETag of GET /v1/devices/{id}/calibration' }),
});

/** Pointers only ever move on, so their revisions add up to one that grows. */
const tagOf = (uid: string, pointers: ActiveCalibrationRow[]): string =>
  `${uid}.calibration.${pointers.reduce((sum, { revision }) => sum + revision, 0)}`;

export function activeCalibrationRoutes(context: RouteContext): FastifyPluginAsyncZod {
  const { store, clock, runner } = context;
  const find = async (id: string): Promise<CalibrationRow> => {
    const row = await store.calibrations.find(id);
    if (row !== null) return row;
    throw new ProblemError('unknown-calibration', `There is no calibration ${id}.`);
  };
  const viewOf = async (device: string, uid: string, pointers: ActiveCalibrationRow[]) => {
    const kinds = new Set([...pointers.map(({ kind }) => kind), ...runner.calibrationKinds]);
    const active: ActiveCalibration[] = [];
    for (const kind of kinds) {
      const row = await store.activeCalibrations.current(uid, kind);
      const pointer = pointers.find((one) => one.kind === kind) ?? null;
      if (row !== null) active.push(activeView(pointer, row, clock.wall_ms()));
    }
    const history = (await store.activeCalibrations.history(uid)).map(moveView);
    return { device, deviceUid: uid, active, history };
  };
  return async (app) => {
    app.get(
      '/v1/devices/:id/calibration',
      {
        schema: {
          tags: ['calibrations'],
          summary: 'The calibrations that count on the chip, and how they came to that',
          description: 'The ETag is what PUT wants as If-Match.',
          params: idParams,
          response: {
            200: activeCalibrations,
            304: z.null().meta({ description: 'Unchanged' }),
            404: problemContent('unknown-device'),
            503: problemContent('device-offline: nothing has answered there yet'),
            ...guardProblems,
          },
        },
      },
      async (request, reply) => {
        const { id, uid } = chipOf(findDevice(context, request.params.id));
        nameDevice(reply, id, findDevice(context, id).backend);
        const pointers = await store.activeCalibrations.list(uid);
        if (isKnown(request, reply, tagOf(uid, pointers))) return reply.code(304).send(null);
        return viewOf(id, uid, pointers);
      },
    );
    app.put(
      '/v1/devices/:id/calibration',
      {
        schema: {
          tags: ['calibrations'],
          summary: 'Make a calibration the one that counts; pin it; go back to an earlier one',
          description:
            'The next job uses it, and says so in its result; nothing restarts. A new calibration takes over by itself unless the ' +
            'present one is pinned. Refused: one of another chip, one that did not succeed, one measured over planted faults.',
          params: idParams,
          headers: ifMatch,
          body: activateRequest,
          response: {
            200: activeCalibrations,
            404: problemContent('unknown-device, unknown-calibration'),
            409: problemContent('another-chip, faults-active, state-conflict'),
            412: problemContent('precondition-failed'),
            428: problemContent('precondition-required'),
            503: problemContent('device-offline'),
            507: problemContent('storage-full'),
            ...guardProblems,
          },
        },
      },
      async (request, reply) => {
        const identity = caller(request);
        const found = findDevice(context, request.params.id);
        mayUseDevice(context, identity, found.id);
        const { id, uid } = chipOf(found);
        nameDevice(reply, id, found.backend);
        const calibration = await find(request.body.id);
        checkUsable(calibration, id, uid);
        const move = async (tx: Repositories): Promise<ActiveCalibrationRow[]> => {
          const pointers = await tx.activeCalibrations.list(uid);
          requireMatch(request, tagOf(uid, pointers));
          const { kind } = calibration;
          const before = pointers.find((pointer) => pointer.kind === kind);
          const { pin: pinned } = request.body;
          await tx.activeCalibrations.move(
            {
              deviceUid: uid,
              kind,
              calibration: calibration.id,
              pinned,
              why: 'asked',
              keyId: identity.keyId,
            },
            before?.revision ?? 0,
          );
          const detail = { calibration: calibration.id, previous: before?.calibration ?? null, pinned };
          await tx.audit.append(auditOf(request, 'calibration.activate', id, detail));
          return tx.activeCalibrations.list(uid);
        };
        const pointers = await store.transaction(move);
        void reply.header('etag', `"${tagOf(uid, pointers)}"`);
        return viewOf(id, uid, pointers);
      },
    );
    app.get(
      '/v1/calibrations/:a/diff/:b',
      {
        schema: {
          tags: ['calibrations'],
          summary: 'What changed from one calibration to another, in units of the combined standard error',
          params: diffParams,
          querystring: diffQuery,
          response: {
            200: calibrationDiff,
            404: problemContent('unknown-calibration'),
            409: problemContent(
              'another-chip: they are of different kinds; state-conflict: one did not succeed',
            ),
            ...guardProblems,
          },
        },
      },
      async (request, reply) => {
        const [a, b] = [await find(request.params.a), await find(request.params.b)];
        [a, b].forEach(checkSucceeded);
        nameDevice(reply, a.device, context.devices.get(a.device)?.backend ?? null);
        if (a.kind !== b.kind)
          throw new ProblemError(
            'another-chip',
            `${a.id} is a ${a.kind} calibration, ${b.id} a ${b.kind} one.`,
          );
        return diffView(a, b, diffCalibrations(a, b), request.query.limit);
      },
    );
  };
}

/** @throws {ProblemError} device-offline */
function chipOf({ id, identity, backend, reason }: ServiceDevice): { id: string; uid: string } {
  if (identity !== null) return { id, uid: identity.uid };
  throw new ProblemError('device-offline', `Nothing has answered as ${id} yet: its chip is not known.`, {
    device: id,
    backend,
    ...(reason !== null && { remedy: reason.remedy }),
  });
}

/** @throws {ProblemError} state-conflict, another-chip, faults-active */
function checkUsable(calibration: CalibrationRow, device: string, uid: string): void {
  checkSucceeded(calibration);
  if (calibration.deviceUid !== uid)
    throw new ProblemError(
      'another-chip',
      `Calibration ${calibration.id} was measured on chip ${calibration.deviceUid}, and ${device} is chip ${uid}.`,
      { device },
    );
  if (calibration.provenance?.['faultsActive'] === true)
    throw new ProblemError(
      'faults-active',
      `Calibration ${calibration.id} was measured over planted faults.`,
      {
        remedy:
          'Clear the faults and measure again; what was measured over them is no knowledge of the chip.',
        device,
      },
    );
}

function checkSucceeded({ id, state }: CalibrationRow): void {
  if (state === 'succeeded') return;
  throw new ProblemError('state-conflict', `Calibration ${id} is ${state}: it has no values.`, {
    remedy: 'Name a calibration that succeeded: GET /v1/calibrations?state=succeeded.',
  });
}
