// Calibrations: queued like jobs, immutable once they have ended.
import type { Updateable } from 'kysely';
import type { CalibrationTable } from '../database.ts';
import { StoreError } from '../errors.ts';
import type { CalibrationChange, CalibrationRepository } from '../repositories.ts';
import type { CalibrationRow, CalibrationState } from '../rows.ts';
import {
  defined,
  fromJson,
  fromNullableJson,
  mapDefined,
  orNotFound,
  paging,
  toNullableJson,
  type Context,
} from './context.ts';
import { tellWebhooks } from './webhooks.ts';

export function calibrationRepository(context: Context): CalibrationRepository {
  const all = () => context.db().selectFrom('calibration').selectAll();
  const orNull = (row: CalibrationTable | undefined): CalibrationRow | null =>
    row === undefined ? null : toRow(row);
  const find = async (id: string): Promise<CalibrationRow | null> =>
    orNull(await all().where('id', '=', id).executeTakeFirst());
  const get = async (id: string): Promise<CalibrationRow> => orNotFound(await find(id), 'calibration', id);
  return {
    find,
    get,
    async add(calibration) {
      const row: CalibrationTable = {
        id: calibration.id ?? context.newId(),
        kind: calibration.kind,
        device: calibration.device,
        device_uid: null,
        state: 'queued',
        cause: null,
        failure: null,
        priority: calibration.priority ?? 0,
        options: JSON.stringify(calibration.options),
        forced: calibration.forced === true ? 1 : 0,
        outcome_values: null,
        stderr: null,
        provenance: null,
        blob: null,
        key_id: calibration.keyId ?? null,
        revision: 1,
        created_at_ms: context.clock.wall_ms(),
        started_at_ms: null,
        finished_at_ms: null,
      };
      await context.db().insertInto('calibration').values(row).execute();
      return toRow(row);
    },
    async list(filter = {}) {
      const { limit, compare, direction } = paging(filter);
      let query = all().orderBy('id', direction).limit(limit);
      if (filter.after !== undefined) query = query.where('id', compare, filter.after);
      if (filter.device !== undefined) query = query.where('device', '=', filter.device);
      if (filter.kind !== undefined) query = query.where('kind', '=', filter.kind);
      if (filter.state !== undefined) query = query.where('state', '=', filter.state);
      return (await query.execute()).map(toRow);
    },
    async nextQueued(device) {
      const row = await all()
        .where('device', '=', device)
        .where('state', '=', 'queued')
        .orderBy('priority', 'desc')
        .orderBy('created_at_ms', 'asc')
        .orderBy('id', 'asc')
        .limit(1)
        .executeTakeFirst();
      return orNull(row);
    },
    async latestSucceeded(kind, deviceUid) {
      const row = await all()
        .where('device_uid', '=', deviceUid)
        .where('kind', '=', kind)
        .where('state', '=', 'succeeded')
        // What was measured over planted faults is no knowledge of the chip. The text is that of JSON.stringify.
        .where((e) =>
          e.or([e('provenance', 'is', null), e('provenance', 'not like', '%"faultsActive":true%')]),
        )
        .orderBy('finished_at_ms', 'desc')
        .orderBy('id', 'desc')
        .limit(1)
        .executeTakeFirst();
      return orNull(row);
    },
    async transition(id, from, to, change = {}) {
      const row = await context.atomic(async (db) => {
        const changed = await db
          .updateTable('calibration')
          .set(columns({ ...change, state: to }))
          .set((e) => ({ revision: e('revision', '+', 1) }))
          .where('id', '=', id)
          .where('state', '=', from)
          .returningAll()
          .executeTakeFirst();
        if (changed !== undefined && (to === 'succeeded' || to === 'failed')) {
          const { device, kind, cause } = changed;
          const data = { calibration: id, device, kind, state: to, cause };
          await tellWebhooks(context, db, { topic: `calibration.${to}`, owner: null, data });
        }
        return changed;
      });
      if (row !== undefined) return toRow(row);
      throw new StoreError('conflict', `calibration ${id} is ${(await get(id)).state}, not ${from}`);
    },
  };
}

/** The columns of a change; those not named stay. */
function columns(change: CalibrationChange & { state: CalibrationState }): Updateable<CalibrationTable> {
  return defined({
    state: change.state,
    cause: change.cause,
    device_uid: change.deviceUid,
    blob: change.blob,
    failure: mapDefined(change.failure, toNullableJson),
    outcome_values: mapDefined(change.values, toNullableJson),
    stderr: mapDefined(change.stderr, toNullableJson),
    provenance: mapDefined(change.provenance, toNullableJson),
    started_at_ms: change.startedAt_ms,
    finished_at_ms: change.finishedAt_ms,
  });
}

function toRow(row: CalibrationTable): CalibrationRow {
  return {
    id: row.id,
    kind: row.kind,
    device: row.device,
    deviceUid: row.device_uid,
    state: row.state,
    cause: row.cause,
    failure: fromNullableJson(row.failure),
    priority: row.priority,
    options: fromJson(row.options),
    forced: row.forced === 1,
    values: fromNullableJson(row.outcome_values),
    stderr: fromNullableJson(row.stderr),
    provenance: fromNullableJson(row.provenance),
    blob: row.blob,
    keyId: row.key_id,
    revision: row.revision,
    createdAt_ms: row.created_at_ms,
    startedAt_ms: row.started_at_ms,
    finishedAt_ms: row.finished_at_ms,
  };
}
