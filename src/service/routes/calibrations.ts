// Calibrations: start one, read them, wait for one.
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { CalibrationView } from '../../jobs/index.ts';
import type { JsonObject } from '../../store/index.ts';
import { auditOf } from '../plugins/audit.ts';
import { caller } from '../plugins/authentication.ts';
import { nameDevice, nameDevices } from '../plugins/device-headers.ts';
import { answerOnce, type Answer } from '../plugins/idempotency.ts';
import { ProblemError } from '../problems/problem.ts';
import {
  calibration,
  calibrationBackend,
  calibrationQuery,
  calibrationRequest,
  calibrationView,
} from '../schemas/calibrations.ts';
import {
  creatingHeaders,
  guardProblems,
  idParams,
  pageOf,
  preferHeader,
  problemContent,
} from '../schemas/common.ts';
import { atNextChange, decodeCursor, pageFrom, rowsFor, type RouteContext } from './common.ts';
import { mayUseDevice } from './device-use.ts';

export function calibrationRoutes(context: RouteContext): FastifyPluginAsyncZod {
  const { store, runner, devices } = context;
  const backendOf = (row: CalibrationView): string | null =>
    calibrationBackend(row) ?? devices.get(row.device)?.backend ?? null;
  return async (app) => {
    app.post(
      '/v1/calibrations',
      {
        schema: {
          tags: ['calibrations'],
          summary: 'Start a calibration',
          headers: creatingHeaders,
          body: calibrationRequest,
          response: {
            202: calibration,
            404: problemContent('unknown-device'),
            409: problemContent('faults-active, idempotency-in-progress'),
            503: problemContent('device-offline, service-stopping'),
            507: problemContent('storage-full'),
            ...guardProblems,
          },
        },
      },
      async (request, reply) => {
        const identity = caller(request);
        const { device, kind, options, onUnmet, force } = request.body;
        mayUseDevice(context, identity, device);
        nameDevice(reply, device, devices.get(device)?.backend ?? null);
        return answerOnce(context, request, reply, { body: JSON.stringify(request.body) }, async (keep) => {
          const answerFor = (row: CalibrationView): Answer => ({
            status: 202,
            headers: { location: `/v1/calibrations/${row.id}` },
            body: calibrationView(row) as unknown as Answer['body'],
          });
          const submitted = await runner.submitCalibration(
            { kind, device, options: options as JsonObject | undefined, onUnmet, force },
            {
              keyId: identity.keyId,
              alongside: async (tx, row) => {
                await tx.audit.append(auditOf(request, 'calibration.start', row.id, { kind, device }));
                await keep(tx, answerFor({ ...row, progress: null }));
              },
            },
          );
          return answerFor(submitted);
        });
      },
    );
    app.get(
      '/v1/calibrations',
      {
        schema: {
          tags: ['calibrations'],
          summary: 'Calibrations, newest first',
          querystring: calibrationQuery,
          response: { 200: pageOf(calibration), ...guardProblems },
        },
      },
      async (request, reply) => {
        const { limit, cursor, device, kind, state } = request.query;
        const rows = await store.calibrations.list({
          limit: rowsFor(limit),
          after: decodeCursor(cursor),
          device,
          kind,
          state,
        });
        const views = rows.map((row) => runner.withProgress(row));
        nameDevices(
          reply,
          views.slice(0, limit).map((row) => ({ device: row.device, backend: backendOf(row) })),
        );
        return pageFrom(request, reply, views, limit, { id: (row) => row.id, view: calibrationView });
      },
    );
    app.get(
      '/v1/calibrations/:id',
      {
        schema: {
          tags: ['calibrations'],
          summary: 'One calibration; with Prefer: wait=N at its next change',
          params: idParams,
          headers: preferHeader,
          response: {
            200: calibration,
            304: z.null().meta({ description: 'No change since the ETag' }),
            404: problemContent('unknown-calibration'),
            ...guardProblems,
          },
        },
      },
      async (request, reply) => {
        const { id } = request.params;
        const found = await store.calibrations.find(id);
        if (found === null) throw new ProblemError('unknown-calibration', `There is no calibration ${id}.`);
        const { row, isKnown } = await atNextChange(
          request,
          reply,
          context,
          runner.withProgress(found),
          (...asked) => runner.waitForCalibration(...asked),
        );
        nameDevice(reply, row.device, backendOf(row));
        return isKnown ? reply.code(304).send(null) : calibrationView(row);
      },
    );
  };
}
