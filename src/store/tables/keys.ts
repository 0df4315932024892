// API keys: hashes of secrets, roles, and when they end. Keys are revoked, never removed: the audit names them.
import type { ApiKeyTable } from '../database.ts';
import type { KeyRepository } from '../repositories.ts';
import { StoreError } from '../errors.ts';
import { NO_KEY_LIMITS, type KeyLimits, type KeyRow } from '../rows.ts';
import { defined, fromJson, mapDefined, orNotFound, paging, type Context } from './context.ts';

/** A use within this time of the last noted one is not written. */
const TOUCH_EVERY_MS = 60_000;

export function keyRepository(context: Context): KeyRepository {
  const find = async (id: string): Promise<KeyRow | null> => {
    const row = await context.db().selectFrom('api_key').selectAll().where('id', '=', id).executeTakeFirst();
    return row === undefined ? null : toRow(row);
  };
  return {
    find,
    async add(key) {
      const row: ApiKeyTable = {
        id: key.id,
        name: key.name,
        role: key.role,
        scopes: JSON.stringify(key.scopes),
        secret_sha256: key.secretSha256,
        limits: JSON.stringify(key.limits ?? NO_KEY_LIMITS),
        revision: key.revision ?? 0,
        expires_at_ms: key.expiresAt_ms,
        created_at_ms: key.createdAt_ms ?? context.clock.wall_ms(),
        revoked_at_ms: key.revokedAt_ms ?? null,
        last_used_at_ms: key.lastUsedAt_ms ?? null,
      };
      await context.db().insertInto('api_key').values(row).execute();
      return toRow(row);
    },
    async list(page = {}) {
      const { limit, compare, direction } = paging(page);
      let query = context.db().selectFrom('api_key').selectAll().orderBy('id', direction).limit(limit);
      if (page.after !== undefined) query = query.where('id', compare, page.after);
      return (await query.execute()).map(toRow);
    },
    async count() {
      const row = await context
        .db()
        .selectFrom('api_key')
        .select((e) => e.fn.countAll().as('count'))
        .executeTakeFirst();
      return Number(row?.count ?? 0);
    },
    async edit(id, revision, { name, scopes, limits, expiresAt_ms }) {
      const values = defined({
        name,
        scopes: mapDefined(scopes, (list) => JSON.stringify(list)),
        limits: mapDefined(limits, (all) => JSON.stringify(all)),
        expires_at_ms: expiresAt_ms,
        revision: revision + 1,
      });
      const result = await context
        .db()
        .updateTable('api_key')
        .set(values)
        .where('id', '=', id)
        .where('revision', '=', revision)
        .where('revoked_at_ms', 'is', null)
        .executeTakeFirst();
      const row = orNotFound(await find(id), 'key', id);
      if (Number(result.numUpdatedRows) === 1) return row;
      throw new StoreError('conflict', `the key ${id} was edited or revoked since revision ${revision}`);
    },
    async spendBootstrap(id) {
      const spent = await context
        .db()
        .updateTable('api_key')
        .set((e) => ({ revoked_at_ms: context.clock.wall_ms(), revision: e('revision', '+', 1) }))
        .where('role', '=', 'bootstrap')
        .where('revoked_at_ms', 'is', null)
        .returning('id')
        .execute();
      return spent.some((row) => row.id === id);
    },
    async revoke(id) {
      await context
        .db()
        .updateTable('api_key')
        .set((e) => ({ revoked_at_ms: context.clock.wall_ms(), revision: e('revision', '+', 1) }))
        .where('id', '=', id)
        .where('revoked_at_ms', 'is', null)
        .execute();
      return orNotFound(await find(id), 'key', id);
    },
    async touch(id) {
      const now = context.clock.wall_ms();
      await context
        .db()
        .updateTable('api_key')
        .set({ last_used_at_ms: now })
        .where('id', '=', id)
        .where((e) =>
          e.or([e('last_used_at_ms', 'is', null), e('last_used_at_ms', '<=', now - TOUCH_EVERY_MS)]),
        )
        .execute();
    },
  };
}

function toRow(row: ApiKeyTable): KeyRow {
  return {
    id: row.id,
    name: row.name,
    role: row.role,
    scopes: fromJson(row.scopes),
    secretSha256: row.secret_sha256,
    limits: { ...NO_KEY_LIMITS, ...fromJson<Partial<KeyLimits>>(row.limits) },
    revision: row.revision,
    expiresAt_ms: row.expires_at_ms,
    createdAt_ms: row.created_at_ms,
    revokedAt_ms: row.revoked_at_ms,
    lastUsedAt_ms: row.last_used_at_ms,
  };
}
