// Exclusive use of devices. One that lasts per device, by a unique index; times are of the clock that hosts share.
import type { UseLeaseRepository, UseLeaseRow } from '../device-use.ts';
import type { UseLeaseTable } from '../database.ts';
import { paging, type Context } from './context.ts';

export function useLeaseRepository(context: Context): UseLeaseRepository {
  const all = () => context.db().selectFrom('use_lease').selectAll();
  const lasting = (now_ms: number) =>
    context
      .db()
      .updateTable('use_lease')
      .set((e) => ({ revision: e('revision', '+', 1) }))
      .where('ended_at_ms', 'is', null)
      .where('expires_at_ms', '>', now_ms);
  return {
    async take({ device, keyId, purpose, ttl_ms }) {
      const now_ms = await context.now_ms();
      const row: UseLeaseTable = {
        id: context.newId(),
        device,
        key_id: keyId,
        purpose,
        created_at_ms: now_ms,
        expires_at_ms: now_ms + ttl_ms,
        ended_at_ms: null,
        ended_by: null,
        revision: 1,
      };
      const taken = await context
        .db()
        .insertInto('use_lease')
        .values(row)
        .onConflict((c) => c.doNothing())
        .returningAll()
        .executeTakeFirst();
      return orNull(taken);
    },
    async find(id) {
      return orNull(await all().where('id', '=', id).executeTakeFirst());
    },
    async active(device) {
      let query = all()
        .where('ended_at_ms', 'is', null)
        .where('expires_at_ms', '>', await context.now_ms());
      if (device !== undefined) query = query.where('device', '=', device);
      return (await query.orderBy('id').execute()).map(toRow);
    },
    async list(filter = {}) {
      const { limit, compare, direction } = paging(filter);
      let query = all().orderBy('id', direction).limit(limit);
      if (filter.after !== undefined) query = query.where('id', compare, filter.after);
      if (filter.device !== undefined) query = query.where('device', '=', filter.device);
      return (await query.execute()).map(toRow);
    },
    async renew(id, ttl_ms) {
      const now_ms = await context.now_ms();
      const renewed = await lasting(now_ms)
        .set({ expires_at_ms: now_ms + ttl_ms })
        .where('id', '=', id)
        .returningAll()
        .executeTakeFirst();
      return orNull(renewed);
    },
    async release(id) {
      const now_ms = await context.now_ms();
      const released = await lasting(now_ms)
        .set({ ended_at_ms: now_ms, ended_by: 'released' })
        .where('id', '=', id)
        .returningAll()
        .executeTakeFirst();
      return orNull(released);
    },
    async expire() {
      const expired = await context
        .db()
        .updateTable('use_lease')
        .set((e) => ({
          ended_at_ms: e.ref('expires_at_ms'),
          ended_by: e.val('expired' as const),
          revision: e('revision', '+', 1),
        }))
        .where('ended_at_ms', 'is', null)
        .where('expires_at_ms', '<=', await context.now_ms())
        .returningAll()
        .execute();
      return expired.map(toRow);
    },
  };
}

const orNull = (row: UseLeaseTable | undefined): UseLeaseRow | null =>
  row === undefined ? null : toRow(row);

function toRow(row: UseLeaseTable): UseLeaseRow {
  return {
    id: row.id,
    device: row.device,
    keyId: row.key_id,
    purpose: row.purpose,
    createdAt_ms: Number(row.created_at_ms),
    expiresAt_ms: Number(row.expires_at_ms),
    endedAt_ms: row.ended_at_ms === null ? null : Number(row.ended_at_ms),
    endedBy: row.ended_by,
    revision: Number(row.revision),
  };
}
