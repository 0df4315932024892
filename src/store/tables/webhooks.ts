// Webhooks and their outbox. A claim moves the time at which a delivery is due, conditionally, so that one of several hosts has
// it; it comes due again by itself when that host is gone.
import type { Kysely } from 'kysely';
import type { Tables, WebhookDeliveryTable, WebhookTable } from '../database.ts';
import type { Json } from '../rows.ts';
import type { DeliveryRow, WebhookRepository, WebhookRow, WebhookTopic } from '../webhooks.ts';
import { fromJson, paging, type Context } from './context.ts';

export interface Ending {
  topic: WebhookTopic;
  /** Key of the job; null for calibrations, which are not owned. */
  owner: string | null;
  data: { [name: string]: Json };
}

/** Inside the transaction of the ending: a delivery for every hook that asks for it and whose key may see it. */
export async function tellWebhooks(context: Context, db: Kysely<Tables>, ending: Ending): Promise<void> {
  const hooks = await db
    .selectFrom('webhook')
    .innerJoin('api_key', 'api_key.id', 'webhook.key_id')
    .select(['webhook.id', 'webhook.key_id', 'webhook.topics', 'api_key.scopes'])
    .where('webhook.disabled_at_ms', 'is', null)
    .where('api_key.revoked_at_ms', 'is', null)
    .execute();
  for (const hook of hooks) {
    if (!fromJson<string[]>(hook.topics).includes(ending.topic)) continue;
    if (!mayBeTold(fromJson(hook.scopes), hook.key_id, ending)) continue;
    const id = context.newId();
    const at_ms = context.clock.wall_ms();
    const time = new Date(at_ms).toISOString();
    await db
      .insertInto('webhook_delivery')
      .values({
        id,
        webhook_id: hook.id,
        topic: ending.topic,
        owner: ending.owner,
        body: JSON.stringify({ id, topic: ending.topic, time, data: ending.data }),
        state: 'pending',
        attempts: 0,
        next_at_ms: 0,
        last_error: null,
        created_at_ms: at_ms,
        ended_at_ms: null,
      })
      .execute();
  }
}

/** As over REST: jobs of the key itself, or of all with job:read:all; calibrations with device:read. */
export function mayBeTold(
  scopes: readonly string[],
  keyId: string,
  { topic, owner }: Pick<Ending, 'topic' | 'owner'>,
): boolean {
  if (topic.startsWith('calibration.')) return scopes.includes('device:read');
  return scopes.includes('job:read') && (owner === keyId || scopes.includes('job:read:all'));
}

export function webhookRepository(context: Context): WebhookRepository {
  const hooks = () => context.db().selectFrom('webhook').selectAll();
  return {
    now_ms: () => context.now_ms(),
    async add({ keyId, url, topics, secret }) {
      const row: WebhookTable = {
        id: context.newId(),
        key_id: keyId,
        url,
        topics: JSON.stringify(topics),
        secret,
        created_at_ms: context.clock.wall_ms(),
        failing_since_ms: null,
        disabled_at_ms: null,
        disabled_why: null,
      };
      await context.db().insertInto('webhook').values(row).execute();
      return toHook(row);
    },
    async find(id) {
      const row = await hooks().where('id', '=', id).executeTakeFirst();
      return row === undefined ? null : toHook(row);
    },
    async list(filter = {}) {
      const { limit, compare, direction } = paging(filter);
      let query = hooks().orderBy('id', direction).limit(limit);
      if (filter.after !== undefined) query = query.where('id', compare, filter.after);
      if (filter.keyId !== undefined) query = query.where('key_id', '=', filter.keyId);
      return (await query.execute()).map(toHook);
    },
    async remove(id) {
      const gone = await context.db().deleteFrom('webhook').where('id', '=', id).executeTakeFirst();
      return Number(gone.numDeletedRows) === 1;
    },
    disable: (id, why) =>
      context.atomic(async (db) => {
        const at_ms = context.clock.wall_ms();
        await db
          .updateTable('webhook')
          .set({ disabled_at_ms: at_ms, disabled_why: why })
          .where('id', '=', id)
          .where('disabled_at_ms', 'is', null)
          .execute();
        await db
          .updateTable('webhook_delivery')
          .set({ state: 'given-up', last_error: why, ended_at_ms: at_ms })
          .where('webhook_id', '=', id)
          .where('state', '=', 'pending')
          .execute();
      }),
    async deliveries(webhookId, page = {}) {
      const { limit, compare, direction } = paging(page);
      let query = context
        .db()
        .selectFrom('webhook_delivery')
        .selectAll()
        .where('webhook_id', '=', webhookId)
        .orderBy('id', direction)
        .limit(limit);
      if (page.after !== undefined) query = query.where('id', compare, page.after);
      return (await query.execute()).map(toDelivery);
    },
    async claim(term_ms, limit) {
      const now_ms = await context.now_ms();
      const due = context
        .db()
        .selectFrom('webhook_delivery')
        .select('id')
        .where('state', '=', 'pending')
        .where('next_at_ms', '<=', now_ms)
        .orderBy('next_at_ms')
        .limit(limit);
      const rows = await context
        .db()
        .updateTable('webhook_delivery')
        .set((e) => ({ next_at_ms: now_ms + term_ms, attempts: e('attempts', '+', 1) }))
        .where('id', 'in', due)
        .where('state', '=', 'pending')
        .where('next_at_ms', '<=', now_ms)
        .returningAll()
        .execute();
      return rows.map(toDelivery);
    },
    async settle({ id, webhookId, attempts }, { state, retryIn_ms = 0, error }) {
      const now_ms = await context.now_ms();
      return context.atomic(async (db) => {
        const settled = await db
          .updateTable('webhook_delivery')
          .set({
            state,
            next_at_ms: now_ms + retryIn_ms,
            last_error: error,
            ended_at_ms: state === 'pending' ? null : context.clock.wall_ms(),
          })
          .where('id', '=', id)
          .where('attempts', '=', attempts)
          .where('state', '=', 'pending')
          .executeTakeFirst();
        if (Number(settled.numUpdatedRows) === 0) return false;
        if (state === 'delivered')
          await db
            .updateTable('webhook')
            .set({ failing_since_ms: null })
            .where('id', '=', webhookId)
            .execute();
        else
          await db
            .updateTable('webhook')
            .set({ failing_since_ms: now_ms })
            .where('id', '=', webhookId)
            .where('failing_since_ms', 'is', null)
            .execute();
        return true;
      });
    },
    async prune(endedBefore_ms) {
      const gone = await context
        .db()
        .deleteFrom('webhook_delivery')
        .where('ended_at_ms', '<', endedBefore_ms)
        .executeTakeFirst();
      return Number(gone.numDeletedRows);
    },
  };
}

function toHook(row: WebhookTable): WebhookRow {
  return {
    id: row.id,
    keyId: row.key_id,
    url: row.url,
    topics: fromJson(row.topics),
    secret: row.secret,
    createdAt_ms: row.created_at_ms,
    failingSince_ms: row.failing_since_ms,
    disabledAt_ms: row.disabled_at_ms,
    disabledWhy: row.disabled_why,
  };
}

function toDelivery(row: WebhookDeliveryTable): DeliveryRow {
  return {
    id: row.id,
    webhookId: row.webhook_id,
    topic: row.topic,
    owner: row.owner,
    body: row.body,
    state: row.state,
    attempts: row.attempts,
    nextAt_ms: row.next_at_ms,
    lastError: row.last_error,
    createdAt_ms: row.created_at_ms,
    endedAt_ms: row.ended_at_ms,
  };
}
