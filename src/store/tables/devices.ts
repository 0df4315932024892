// Devices as all hosts see them: which host can reach one, what its holder says of it, what people want of it.
import type { Updateable } from 'kysely';
import type { DeviceTable } from '../database.ts';
import { StoreError } from '../errors.ts';
import type { DeviceRepository } from '../repositories.ts';
import type { DeviceRow } from '../rows.ts';
import { fromNullableJson, orNotFound, type Context } from './context.ts';

export function deviceRepository(context: Context): DeviceRepository {
  const all = () => context.db().selectFrom('device').selectAll();
  const find = async (id: string): Promise<DeviceRow | null> => {
    const row = await all().where('id', '=', id).executeTakeFirst();
    return row === undefined ? null : toRow(row);
  };
  const update = async (
    id: string,
    change: Updateable<DeviceTable>,
    revision?: number,
  ): Promise<DeviceRow> => {
    let query = context
      .db()
      .updateTable('device')
      .set(change)
      .set((e) => ({ revision: e('revision', '+', 1) }))
      .where('id', '=', id);
    if (revision !== undefined) query = query.where('revision', '=', revision);
    const row = await query.returningAll().executeTakeFirst();
    if (row !== undefined) return toRow(row);
    const present = orNotFound(await find(id), 'device', id);
    throw new StoreError('conflict', `device ${id} is at revision ${present.revision}, not ${revision}`);
  };
  return {
    find,
    async list() {
      return (await all().orderBy('id').execute()).map(toRow);
    },
    async declare(id, host) {
      await context
        .db()
        .insertInto('device')
        .values({ id, host, facts: null, control: null, revision: 1 })
        .onConflict((c) => c.column('id').doNothing())
        .execute();
      const row = orNotFound(await find(id), 'device', id);
      if (row.host === host) return row;
      if (row.host !== null && host !== null)
        throw new StoreError('conflict', `device ${id} belongs to host ${row.host}`, {
          remedy: 'Give the device of this host another name: a serial line stays with its host.',
        });
      return update(id, { host });
    },
    setFacts: (id, facts) => update(id, { facts: JSON.stringify(facts) }),
    setControl: (id, control, revision) => update(id, { control: JSON.stringify(control) }, revision),
  };
}

function toRow(row: DeviceTable): DeviceRow {
  return {
    id: row.id,
    host: row.host,
    facts: fromNullableJson(row.facts),
    control: fromNullableJson(row.control),
    revision: Number(row.revision),
  };
}
