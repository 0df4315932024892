// Drift: points of the series, events, and addenda of certificates.
import type { CertificateAddendumTable, DriftEventTable, DriftPointTable } from '../database.ts';
import type { CertificateAddendumRow, DriftEventRow, DriftPointRow, DriftRepository } from '../drift.ts';
import { fromJson, orNotFound, paging, type Context } from './context.ts';

const POINTS = 500;
const POINTS_MAX = 5000;

export function driftRepository(context: Context): DriftRepository {
  const points = () => context.db().selectFrom('drift_point').selectAll();
  const events = () => context.db().selectFrom('drift_event').selectAll();
  const addenda = (jobId: string) =>
    context.db().selectFrom('certificate_addendum').selectAll().where('job_id', '=', jobId);
  return {
    async addPoints(given) {
      if (given.length === 0) return [];
      const rows = given.map((point) => pointRow(context.newId(), point));
      await context.db().insertInto('drift_point').values(rows).execute();
      return rows.map(toPoint);
    },
    async points({ device, quantity, from_ms, to_ms, limit = POINTS }) {
      let query = points()
        .where('device', '=', device)
        .orderBy('to_ms', 'desc')
        .orderBy('id', 'desc')
        .limit(Math.min(Math.max(1, limit), POINTS_MAX));
      if (quantity !== undefined) query = query.where('quantity', '=', quantity);
      if (from_ms !== undefined) query = query.where('to_ms', '>=', from_ms);
      if (to_ms !== undefined) query = query.where('to_ms', '<=', to_ms);
      return (await query.execute()).map(toPoint).reverse();
    },
    async latest(device) {
      const quantities = await context
        .db()
        .selectFrom('drift_point')
        .select('quantity')
        .distinct()
        .where('device', '=', device)
        .execute();
      const rows = await Promise.all(
        quantities.map(({ quantity }) =>
          points()
            .where('device', '=', device)
            .where('quantity', '=', quantity)
            .orderBy('to_ms', 'desc')
            .orderBy('id', 'desc')
            .limit(1)
            .executeTakeFirst(),
        ),
      );
      return rows.flatMap((row) => (row === undefined ? [] : [toPoint(row)]));
    },
    async addEvent(event) {
      const row = eventRow(context.newId(), event);
      await context.db().insertInto('drift_event').values(row).execute();
      return toEvent(row);
    },
    async findEvent(id) {
      const row = await events().where('id', '=', id).executeTakeFirst();
      return row === undefined ? null : toEvent(row);
    },
    async events(filter) {
      const { limit, compare, direction } = paging(filter);
      let query = events().orderBy('id', direction).limit(limit);
      if (filter.after !== undefined) query = query.where('id', compare, filter.after);
      if (filter.device !== undefined) query = query.where('device', '=', filter.device);
      if (filter.open === true) query = query.where('ended_at_ms', 'is', null);
      if (filter.open === false) query = query.where('ended_at_ms', 'is not', null);
      return (await query.execute()).map(toEvent);
    },
    async endEvents(deviceUid, { at_ms, calibration, quantities }) {
      let update = context
        .db()
        .updateTable('drift_event')
        .set({ ended_at_ms: at_ms, calibration })
        .where('device_uid', '=', deviceUid)
        .where('ended_at_ms', 'is', null);
      if (quantities !== undefined) update = update.where('quantity', 'in', [...quantities, '']);
      const rows = await update.returningAll().execute();
      return rows.map(toEvent).sort((a, b) => (a.id < b.id ? -1 : 1));
    },
    async addAddendum({ jobId, event, signingKey, document }) {
      await context
        .db()
        .insertInto('certificate_addendum')
        .values({
          job_id: jobId,
          event,
          signing_key: signingKey,
          document,
          created_at_ms: context.clock.wall_ms(),
        })
        .onConflict((c) => c.columns(['job_id', 'event']).doNothing())
        .execute();
      const row = await addenda(jobId).where('event', '=', event).executeTakeFirst();
      return toAddendum(orNotFound(row, 'addendum of job', jobId));
    },
    async addenda(jobId) {
      const rows = await addenda(jobId).orderBy('created_at_ms', 'asc').orderBy('event', 'asc').execute();
      return rows.map(toAddendum);
    },
    async prune(before_ms, limit) {
      const old = context
        .db()
        .selectFrom('drift_point')
        .select('id')
        .where('to_ms', '<', before_ms)
        .orderBy('to_ms', 'asc')
        .limit(limit);
      const gone = await context.db().deleteFrom('drift_point').where('id', 'in', old).executeTakeFirst();
      return Number(gone.numDeletedRows);
    },
  };
}

function pointRow(id: string, point: Omit<DriftPointRow, 'id'>): DriftPointTable {
  return {
    id,
    device: point.device,
    device_uid: point.deviceUid,
    program: point.program,
    quantity: point.quantity,
    from_ms: Math.floor(point.from_ms),
    to_ms: Math.ceil(point.to_ms),
    is_baseline: point.isBaseline ? 1 : 0,
    value_ratio: point.value_ratio,
    stderr_ratio: point.stderr_ratio,
    largest_ratio: point.largest_ratio,
    resolution_ratio: point.resolution_ratio,
    chart_ratio: point.chart_ratio,
    worst: JSON.stringify(point.worst),
  };
}

function toPoint(row: DriftPointTable): DriftPointRow {
  return {
    id: row.id,
    device: row.device,
    deviceUid: row.device_uid,
    program: row.program,
    quantity: row.quantity,
    from_ms: Number(row.from_ms),
    to_ms: Number(row.to_ms),
    isBaseline: Number(row.is_baseline) === 1,
    value_ratio: row.value_ratio,
    stderr_ratio: row.stderr_ratio,
    largest_ratio: row.largest_ratio,
    resolution_ratio: row.resolution_ratio,
    chart_ratio: row.chart_ratio,
    worst: fromJson(row.worst),
  };
}

function eventRow(
  id: string,
  event: Omit<DriftEventRow, 'id' | 'endedAt_ms' | 'calibration'>,
): DriftEventTable {
  return {
    id,
    device: event.device,
    device_uid: event.deviceUid,
    program: event.program,
    quantity: event.quantity,
    element: event.element,
    value_ratio: event.value_ratio,
    stderr_ratio: event.stderr_ratio,
    z: event.z,
    last_good_ms: Math.floor(event.lastGood_ms),
    alarm_ms: Math.ceil(event.alarm_ms),
    ended_at_ms: null,
    calibration: null,
  };
}

function toEvent(row: DriftEventTable): DriftEventRow {
  return {
    id: row.id,
    device: row.device,
    deviceUid: row.device_uid,
    program: row.program,
    quantity: row.quantity,
    element: row.element,
    value_ratio: row.value_ratio,
    stderr_ratio: row.stderr_ratio,
    z: row.z,
    lastGood_ms: Number(row.last_good_ms),
    alarm_ms: Number(row.alarm_ms),
    endedAt_ms: row.ended_at_ms === null ? null : Number(row.ended_at_ms),
    calibration: row.calibration,
  };
}

function toAddendum(row: CertificateAddendumTable): CertificateAddendumRow {
  return {
    jobId: row.job_id,
    event: row.event,
    signingKey: row.signing_key,
    document: row.document,
    createdAt_ms: Number(row.created_at_ms),
  };
}
