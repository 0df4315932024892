// Which calibration counts on which chip: one pointer per chip and kind, and every move it ever made.
import type { Kysely } from 'kysely';
import type { ActiveCalibrationTable, CalibrationMoveTable, Tables } from '../database.ts';
import type { ActiveCalibrationRepository, ActiveCalibrationRow, CalibrationMoveRow } from '../device-use.ts';
import { StoreError } from '../errors.ts';
import type { CalibrationRepository } from '../repositories.ts';
import { paging, type Context } from './context.ts';

export function activeCalibrationRepository(
  context: Context,
  calibrations: Pick<CalibrationRepository, 'get' | 'latestSucceeded'>,
): ActiveCalibrationRepository {
  const all = (db = context.db()) => db.selectFrom('active_calibration').selectAll();
  const findIn = async (
    db: Kysely<Tables>,
    deviceUid: string,
    kind: string,
  ): Promise<ActiveCalibrationRow | null> => {
    const row = await all(db).where('device_uid', '=', deviceUid).where('kind', '=', kind).executeTakeFirst();
    return row === undefined ? null : toRow(row);
  };
  const find = (deviceUid: string, kind: string) => findIn(context.db(), deviceUid, kind);
  const move: ActiveCalibrationRepository['move'] = async (to, revision) => {
    const { deviceUid, kind, why, keyId } = to;
    const at_ms = context.clock.wall_ms();
    const change = { calibration: to.calibration, pinned: to.pinned ? 1 : 0, moved_at_ms: at_ms };
    return context.atomic(async (db) => {
      const before = await findIn(db, deviceUid, kind);
      const moved =
        revision === 0
          ? await db
              .insertInto('active_calibration')
              .values({ device_uid: deviceUid, kind, revision: 1, ...change })
              .onConflict((c) => c.doNothing())
              .returningAll()
              .executeTakeFirst()
          : await db
              .updateTable('active_calibration')
              .set({ ...change, revision: revision + 1 })
              .where('device_uid', '=', deviceUid)
              .where('kind', '=', kind)
              .where('revision', '=', revision)
              .returningAll()
              .executeTakeFirst();
      if (moved === undefined)
        throw new StoreError('conflict', `somebody else moved the ${kind} calibration of ${deviceUid}`);
      await db
        .insertInto('calibration_move')
        .values({
          id: context.newId(),
          device_uid: deviceUid,
          kind,
          calibration: to.calibration,
          previous: before?.calibration ?? null,
          pinned: change.pinned,
          why,
          key_id: keyId,
          at_ms,
        })
        .execute();
      return toRow(moved);
    });
  };
  return {
    find,
    move,
    async list(deviceUid) {
      return (await all().where('device_uid', '=', deviceUid).orderBy('kind').execute()).map(toRow);
    },
    async current(deviceUid, kind) {
      const pointer = await find(deviceUid, kind);
      if (pointer === null) return calibrations.latestSucceeded(kind, deviceUid);
      return calibrations.get(pointer.calibration);
    },
    async offer({ id, kind, deviceUid, state, provenance, keyId }) {
      const faulty = provenance?.['faultsActive'] === true;
      if (deviceUid === null || state !== 'succeeded' || faulty) return null;
      const before = await find(deviceUid, kind);
      if (before?.pinned === true) return null;
      const to = { deviceUid, kind, calibration: id, pinned: false, why: 'measured' as const, keyId };
      return move(to, before?.revision ?? 0);
    },
    async history(deviceUid, page = {}) {
      const { limit, compare, direction } = paging(page);
      let query = context
        .db()
        .selectFrom('calibration_move')
        .selectAll()
        .where('device_uid', '=', deviceUid)
        .orderBy('id', direction)
        .limit(limit);
      if (page.after !== undefined) query = query.where('id', compare, page.after);
      if (page.kind !== undefined) query = query.where('kind', '=', page.kind);
      return (await query.execute()).map(toMove);
    },
  };
}

function toRow(row: ActiveCalibrationTable): ActiveCalibrationRow {
  return {
    deviceUid: row.device_uid,
    kind: row.kind,
    calibration: row.calibration,
    pinned: row.pinned === 1,
    revision: Number(row.revision),
    movedAt_ms: Number(row.moved_at_ms),
  };
}

function toMove(row: CalibrationMoveTable): CalibrationMoveRow {
  return {
    id: row.id,
    deviceUid: row.device_uid,
    kind: row.kind,
    calibration: row.calibration,
    previous: row.previous,
    pinned: row.pinned === 1,
    why: row.why,
    keyId: row.key_id,
    at_ms: Number(row.at_ms),
  };
}
