// The audit: rows are added and read, never changed.
import type { AuditTable } from '../database.ts';
import type { AuditRepository } from '../repositories.ts';
import type { AuditRow } from '../rows.ts';
import { fromJson, paging, type Context } from './context.ts';

export function auditRepository(context: Context): AuditRepository {
  return {
    async append(row) {
      const values: AuditTable = {
        id: row.id ?? context.newId(),
        at_ms: row.at_ms ?? context.clock.wall_ms(),
        key_id: row.keyId,
        action: row.action,
        target: row.target,
        outcome: row.outcome,
        correlation_id: row.correlationId,
        detail: JSON.stringify(row.detail),
      };
      await context.db().insertInto('audit').values(values).execute();
      return toRow(values);
    },
    async list(filter = {}) {
      const { limit, compare, direction } = paging(filter);
      let query = context.db().selectFrom('audit').selectAll().orderBy('id', direction).limit(limit);
      if (filter.after !== undefined) query = query.where('id', compare, filter.after);
      if (filter.keyId !== undefined) query = query.where('key_id', '=', filter.keyId);
      if (filter.action !== undefined) query = query.where('action', '=', filter.action);
      if (filter.target !== undefined) query = query.where('target', '=', filter.target);
      if (filter.since_ms !== undefined) query = query.where('at_ms', '>=', filter.since_ms);
      return (await query.execute()).map(toRow);
    },
  };
}

function toRow(row: AuditTable): AuditRow {
  return {
    id: row.id,
    at_ms: row.at_ms,
    keyId: row.key_id,
    action: row.action,
    target: row.target,
    outcome: row.outcome,
    correlationId: row.correlation_id,
    detail: fromJson(row.detail),
  };
}
