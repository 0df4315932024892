// How hosts on one PostgreSQL hear of each other's writes: triggers notify inside the writing transaction, one connection
// per process listens. Nothing relies on it: a notification only says when it is worth to look.
import { sql, type Kysely } from 'kysely';
import pg from 'pg';
import { sleep, systemClock } from '../clock/clock.ts';
import type { Tables } from './database.ts';
import type { ChangeListener, StoreChange } from './dialect.ts';

const CHANNEL = 'thermoloop_change';
const FUNCTION = 'thermoloop_notify_change';
const AGAIN_FIRST_MS = 250;
const AGAIN_LONGEST_MS = 5_000;

/** Table of the database, and what it is called above. */
const WATCHED: readonly [string, StoreChange['table']][] = [
  ['job', 'job'],
  ['calibration', 'calibration'],
  ['device', 'device'],
  ['api_key', 'key'],
];

/** Makes the triggers that are missing. */
export async function prepareChanges(db: Kysely<Tables>): Promise<void> {
  await sql`
    create or replace function ${sql.raw(FUNCTION)}() returns trigger language plpgsql as $$
    begin
      perform pg_notify(${sql.lit(CHANNEL)}, json_build_object(
        'table', tg_argv[0], 'id', new.id, 'from', current_setting('application_name'))::text);
      return null;
    end $$`.execute(db);
  for (const [table, name] of WATCHED) {
    const trigger = `${FUNCTION}_${table}`;
    const there = sql`select 1 from pg_trigger where tgname = ${trigger} and tgrelid = ${table}::regclass`;
    if ((await there.execute(db)).rows.length > 0) continue;
    await sql`create trigger ${sql.ref(trigger)} after insert or update on ${sql.table(table)}
      for each row execute function ${sql.raw(FUNCTION)}(${sql.lit(name)})`.execute(db);
  }
}

/** Listens until closed, and connects again when the connection is lost. Resolves when the first one stands. */
export async function listenToChanges(
  config: pg.ClientConfig,
  self: string,
  listener: ChangeListener,
): Promise<{ close(): Promise<void> }> {
  const closed = new AbortController();
  const connect = async (): Promise<{ client: pg.Client; lost: Promise<void> }> => {
    const client = new pg.Client(config);
    const lost = new Promise<void>((resolve) => {
      client.on('error', () => resolve());
      client.on('end', () => resolve());
    });
    client.on('notification', ({ payload }) => {
      const change = readChange(payload, self);
      if (change !== null) listener.onChange(change);
    });
    try {
      await client.connect();
      await client.query(`listen ${CHANNEL}`);
    } catch (error) {
      await client.end().catch(() => undefined);
      throw error;
    }
    return { client, lost };
  };
  let { client, lost } = await connect();
  const keepListening = async (): Promise<void> => {
    for (;;) {
      await lost;
      for (let pause_ms = AGAIN_FIRST_MS; ; pause_ms = Math.min(2 * pause_ms, AGAIN_LONGEST_MS)) {
        if (closed.signal.aborted) return;
        try {
          await sleep(systemClock, pause_ms, closed.signal);
          ({ client, lost } = await connect());
          break;
        } catch {
          // Closed, or not reachable yet.
        }
      }
      if (closed.signal.aborted) return client.end();
      listener.onGap?.();
    }
  };
  const done = keepListening();
  return {
    async close() {
      closed.abort();
      await client.end().catch(() => undefined);
      await done;
    },
  };
}

/** Null for the process's own changes and for what is no change. */
function readChange(payload: string | undefined, self: string): StoreChange | null {
  try {
    const { table, id, from } = JSON.parse(payload ?? '') as StoreChange & { from: string };
    return from === self || typeof id !== 'string' ? null : { table, id };
  } catch {
    return null; // somebody else's use of the channel
  }
}
