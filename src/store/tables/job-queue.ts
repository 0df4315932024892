// What the queue asks of jobs: whose turn it may be, who is held, who has expired. Every question is answered from an
// index and returns a bounded number of rows, however many wait.
import { sql } from 'kysely';
import type { JobTable } from '../database.ts';
import type { JobRepository } from '../repositories.ts';
import type { HoldReason, JobHold, JobRow } from '../rows.ts';
import { toNullableJson, type Context } from './context.ts';

type QueueQuestions = Pick<
  JobRepository,
  | 'topPriority'
  | 'queuedKeys'
  | 'queuedOf'
  | 'heldOf'
  | 'holdQueued'
  | 'releaseHeld'
  | 'release'
  | 'expired'
  | 'nextExpiry_ms'
>;

/** The columns of a hold. */
export function holdColumns(hold: JobHold | null): Pick<JobTable, 'hold' | 'hold_reason'> {
  return { hold: toNullableJson(hold), hold_reason: hold?.reason ?? null };
}

export function queueQuestions(context: Context, toRow: (row: JobTable) => JobRow): QueueQuestions {
  const inState = (device: string, state: 'queued' | 'held') =>
    context.db().selectFrom('job').where('device', '=', device).where('state', '=', state);
  const heldIds = (device: string, reason: HoldReason) =>
    inState(device, 'held').select('id').where('hold_reason', '=', reason);
  const topPriority = async (device: string, below?: number): Promise<number | null> => {
    let query = inState(device, 'queued').select((e) => e.fn.max('priority').as('priority'));
    if (below !== undefined) query = query.where('priority', '<', below);
    return (await query.executeTakeFirst())?.priority ?? null;
  };
  const release = async (ids: readonly string[] | ReturnType<typeof heldIds>): Promise<JobRow[]> => {
    const rows = await context
      .db()
      .updateTable('job')
      .set({ state: 'queued', ...holdColumns(null) })
      .set((e) => ({ revision: e('revision', '+', 1), expires_at_ms: e.ref('deadline_ms') }))
      .where('id', 'in', ids)
      .where('state', '=', 'held')
      .returningAll()
      .execute();
    return rows.map(toRow);
  };
  return {
    topPriority,
    queuedKeys: (turns, page) => queuedKeys(context, turns, page),
    async queuedOf({ device, priority, key }, { after, limit }) {
      let query = inState(device, 'queued')
        .selectAll()
        .where('priority', '=', priority)
        .where('queue_key', '=', key)
        .orderBy('created_at_ms')
        .orderBy('id')
        .limit(limit);
      if (after !== undefined)
        query = query.where((e) =>
          e(e.refTuple('created_at_ms', 'id'), '>', e.tuple(after.createdAt_ms, after.id)),
        );
      return (await query.execute()).map(toRow);
    },
    async heldOf(device, { after, limit }) {
      let query = inState(device, 'held')
        .selectAll()
        .orderBy('priority')
        .orderBy('created_at_ms')
        .orderBy('id')
        .limit(limit);
      if (after !== undefined)
        query = query.where((e) =>
          e(
            e.refTuple('priority', 'created_at_ms', 'id'),
            '>',
            e.tuple(after.priority, after.createdAt_ms, after.id),
          ),
        );
      return (await query.execute()).map(toRow);
    },
    async holdQueued(device, hold, { longest_ms, limit }) {
      const end_ms = hold.since_ms + longest_ms;
      const ids = inState(device, 'queued').select('id').limit(limit);
      const rows = await context
        .db()
        .updateTable('job')
        .set({ state: 'held', ...holdColumns(hold) })
        .set((e) => ({
          revision: e('revision', '+', 1),
          expires_at_ms: e
            .case()
            .when('deadline_ms', '<', end_ms)
            .then(e.ref('deadline_ms'))
            .else(end_ms)
            .end(),
        }))
        .where('id', 'in', ids)
        .where('state', '=', 'queued')
        .returningAll()
        .execute();
      return rows.map(toRow);
    },
    releaseHeld: (device, reason, limit) => release(heldIds(device, reason).limit(limit)),
    release: async (ids) => (ids.length === 0 ? [] : release(ids)),
    async expired(now_ms, limit) {
      const rows = await context
        .db()
        .selectFrom('job')
        .selectAll()
        .where('expires_at_ms', '<=', now_ms)
        .where('state', 'in', ['queued', 'held'])
        .orderBy('expires_at_ms')
        .limit(limit)
        .execute();
      return rows.map(toRow);
    },
    async nextExpiry_ms() {
      const row = await context
        .db()
        .selectFrom('job')
        .select((e) => e.fn.min('expires_at_ms').as('at_ms'))
        .executeTakeFirst();
      return row?.at_ms ?? null;
    },
  };
}

/**
 * From key to key by one index seek each, so that 10,000 jobs of one key cost as much as one. Both dialects know
 * recursive queries; neither skips along an index by itself.
 */
async function queuedKeys(
  context: Context,
  { device, priority }: { device: string; priority: number },
  { after, limit }: { after: string | null; limit: number },
): Promise<string[]> {
  const next = (than: ReturnType<typeof sql>) =>
    sql`select min(queue_key) from job
      where device = ${device} and state = 'queued' and priority = ${priority} and ${than}`;
  const first = after === null ? sql`1 = 1` : sql`queue_key > ${after}`;
  const { rows } = await sql<{ name: string }>`
    with recursive turn(name) as (
      ${next(first)}
      union all
      select (${next(sql`queue_key > turn.name`)}) from turn where turn.name is not null
    )
    select name from turn where name is not null limit ${limit}`.execute(context.db());
  return rows.map(({ name }) => name);
}
