// Answers kept for requests that carry an Idempotency-Key (service-api.md, section 5; decisions 15).
import type { IdempotencyTable } from '../database.ts';
import type { IdempotencyRepository } from '../repositories.ts';
import type { IdempotencyRow } from '../rows.ts';
import { fromJson, type Context } from './context.ts';

const LIFE_MS = 24 * 3600 * 1000;

export function idempotencyRepository(context: Context): IdempotencyRepository {
  return {
    async find(keyId, route, idempotencyKey) {
      const row = await context
        .db()
        .selectFrom('idempotency')
        .selectAll()
        .where('key_id', '=', keyId)
        .where('route', '=', route)
        .where('idempotency_key', '=', idempotencyKey)
        .where('expires_at_ms', '>', context.clock.wall_ms())
        .executeTakeFirst();
      return row === undefined ? null : toRow(row);
    },
    async add(row) {
      const now = context.clock.wall_ms();
      const values: IdempotencyTable = {
        key_id: row.keyId,
        route: row.route,
        idempotency_key: row.idempotencyKey,
        body_sha256: row.bodySha256,
        status: row.status,
        headers: JSON.stringify(row.headers),
        body: JSON.stringify(row.body),
        created_at_ms: row.createdAt_ms ?? now,
        expires_at_ms: row.expiresAt_ms ?? now + LIFE_MS,
      };
      await context.atomic(async (db) => {
        await db
          .deleteFrom('idempotency')
          .where('key_id', '=', values.key_id)
          .where('route', '=', values.route)
          .where('idempotency_key', '=', values.idempotency_key)
          .where('expires_at_ms', '<=', now)
          .execute();
        await db.insertInto('idempotency').values(values).execute();
      });
      return toRow(values);
    },
    async prune() {
      const now = context.clock.wall_ms();
      const result = await context
        .db()
        .deleteFrom('idempotency')
        .where('expires_at_ms', '<=', now)
        .executeTakeFirst();
      return Number(result.numDeletedRows);
    },
  };
}

function toRow(row: IdempotencyTable): IdempotencyRow {
  return {
    keyId: row.key_id,
    route: row.route,
    idempotencyKey: row.idempotency_key,
    bodySha256: row.body_sha256,
    status: row.status,
    headers: fromJson(row.headers),
    body: fromJson(row.body),
    createdAt_ms: row.created_at_ms,
    expiresAt_ms: row.expires_at_ms,
  };
}
