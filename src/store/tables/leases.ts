// Leases of devices: who drives which chip, until when, and under which fence. The fence is the time of the acquisition,
// or one more than the last: so it also grows over a new data directory, which a chip that was not rebooted would refuse
// otherwise (docs/adr/0008).
import type { ExpressionBuilder } from 'kysely';
import type { DeviceLeaseTable, Tables } from '../database.ts';
import { StoreError } from '../errors.ts';
import type { LeaseRepository } from '../repositories.ts';
import type { DeviceLeaseRow } from '../rows.ts';
import type { Context } from './context.ts';

export function leaseRepository(context: Context): LeaseRepository {
  const read = (device: string) =>
    context.db().selectFrom('device_lease').selectAll().where('device', '=', device);
  return {
    async find(device) {
      const row = await read(device).executeTakeFirst();
      return row === undefined ? null : toRow(row);
    },
    async acquire(device, holder, term_ms) {
      const now_ms = await context.now_ms();
      const taken = { holder, lease_until_ms: now_ms + term_ms };
      const again = await context
        .db()
        .updateTable('device_lease')
        .set({ ...taken })
        .set((e) => ({ fence: nextFence(e, now_ms) }))
        .where('device', '=', device)
        .where((e) => e.or([e('lease_until_ms', '<=', now_ms), e('holder', '=', holder)]))
        .returningAll()
        .executeTakeFirst();
      if (again !== undefined) return toRow(again);
      const first = await context
        .db()
        .insertInto('device_lease')
        .values({ device, fence: now_ms, ...taken })
        .onConflict((c) => c.column('device').doNothing())
        .returningAll()
        .executeTakeFirst();
      return first === undefined ? null : toRow(first);
    },
    async renew(device, fence, term_ms) {
      const renewed = await context
        .db()
        .updateTable('device_lease')
        .set({ lease_until_ms: (await context.now_ms()) + term_ms })
        .where('device', '=', device)
        .where('fence', '=', fence)
        .where('lease_until_ms', '>', 0)
        .returning('device')
        .executeTakeFirst();
      return renewed !== undefined;
    },
    async release(device, fence) {
      await context
        .db()
        .updateTable('device_lease')
        .set({ lease_until_ms: 0 })
        .where('device', '=', device)
        .where('fence', '=', fence)
        .execute();
    },
    async guard(device, fence) {
      const row = await context.dialect.keepRows(read(device)).executeTakeFirst();
      if (row !== undefined && Number(row.fence) === fence) return;
      throw new StoreError(
        'stale-fence',
        row === undefined
          ? `device ${device} has no lease`
          : `device ${device} was taken over by ${row.holder} (fence ${row.fence}, not ${fence})`,
      );
    },
  };
}

function nextFence(e: ExpressionBuilder<Tables, 'device_lease'>, now_ms: number) {
  return e
    .case()
    .when('fence', '<', now_ms)
    .then(e.val(now_ms))
    .else(e('fence', '+', 1))
    .end();
}

function toRow(row: DeviceLeaseTable): DeviceLeaseRow {
  return {
    device: row.device,
    fence: Number(row.fence),
    holder: row.holder,
    leaseUntil_ms: Number(row.lease_until_ms),
  };
}
