// Models: immutable rows named by digest.
import type { ModelTable } from '../database.ts';
import type { ModelRepository } from '../repositories.ts';
import type { ModelRow } from '../rows.ts';
import { fromJson, orNotFound, paging, type Context } from './context.ts';

export function modelRepository(context: Context): ModelRepository {
  const find = async (digest: string): Promise<ModelRow | null> => {
    const all = context.db().selectFrom('model').selectAll();
    const row = await all
      .where('digest', '=', digest as ModelRow['digest'])
      .where('deleted_at_ms', 'is', null)
      .executeTakeFirst();
    return row === undefined ? null : toRow(row);
  };
  return {
    find,
    async add(row) {
      const values = {
        id: row.id ?? context.newId(),
        digest: row.digest,
        name: row.name,
        units: row.units,
        blob: row.blob,
        bytes: row.bytes,
        metadata: JSON.stringify(row.metadata),
        key_id: row.keyId,
        created_at_ms: row.createdAt_ms ?? context.clock.wall_ms(),
        deleted_at_ms: null,
      };
      const inserted = await context
        .db()
        .insertInto('model')
        .values(values)
        // One that was deleted is as new.
        .onConflict((c) =>
          c.column('digest').doUpdateSet(values).where('model.deleted_at_ms', 'is not', null),
        )
        .returningAll()
        .executeTakeFirst();
      if (row.keyId !== null) await own(context, row.digest, row.keyId);
      if (inserted !== undefined) return { row: toRow(inserted), created: true };
      return { row: orNotFound(await find(row.digest), 'model', row.digest), created: false };
    },
    async isOwner(digest, keyId) {
      const row = await context
        .db()
        .selectFrom('model_owner')
        .select('key_id')
        .where('digest', '=', digest as ModelRow['digest'])
        .where('key_id', '=', keyId)
        .executeTakeFirst();
      return row !== undefined;
    },
    async list({ keyId, ...page } = {}) {
      const { limit, compare, direction } = paging(page);
      let query = context
        .db()
        .selectFrom('model')
        .selectAll()
        .where('deleted_at_ms', 'is', null)
        .orderBy('id', direction)
        .limit(limit);
      if (page.after !== undefined) query = query.where('id', compare, page.after);
      if (keyId !== undefined) query = query.where('digest', 'in', ownedBy(context, keyId));
      return (await query.execute()).map(toRow);
    },
  };
}

async function own(context: Context, digest: ModelRow['digest'], keyId: string): Promise<void> {
  await context
    .db()
    .insertInto('model_owner')
    .values({ digest, key_id: keyId })
    .onConflict((c) => c.columns(['digest', 'key_id']).doNothing())
    .execute();
}

function ownedBy(context: Context, keyId: string) {
  return context.db().selectFrom('model_owner').select('digest').where('key_id', '=', keyId);
}

function toRow(row: ModelTable): ModelRow {
  return {
    id: row.id,
    digest: row.digest,
    name: row.name,
    units: row.units,
    blob: row.blob,
    bytes: row.bytes,
    metadata: fromJson(row.metadata),
    keyId: row.key_id,
    createdAt_ms: row.created_at_ms,
  };
}
