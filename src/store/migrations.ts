// Brings a database to the schema of this program, one numbered step after the other, each in its own transaction.
// A step that has been published is never changed; a new need is a new step.
import type { Kysely } from 'kysely';
import type { Tables } from './database.ts';
import { StoreError } from './errors.ts';
import { firstSchema } from './migrations/0001-first-schema.ts';
import { forcedCalibrations } from './migrations/0002-forced-calibrations.ts';
import { certificates } from './migrations/0003-certificates.ts';
import { deviceLeases } from './migrations/0004-device-leases.ts';
import { keyLimits } from './migrations/0005-key-limits.ts';
import { queue } from './migrations/0006-queue.ts';
import { blobs } from './migrations/0007-blobs.ts';
import { deviceUse } from './migrations/0008-device-use.ts';
import { tickets } from './migrations/0009-tickets.ts';
import { settings } from './migrations/0010-settings.ts';
import { deletion } from './migrations/0011-deletion.ts';
import { webhooks } from './migrations/0012-webhooks.ts';
import { heat } from './migrations/0013-heat.ts';
import { modelOwners } from './migrations/0015-model-owners.ts';
import { drift } from './migrations/0014-drift.ts';
import { requirements } from './migrations/0016-requirements.ts';
import type { Migration } from './migrations/migration.ts';

/** In order; the version of a step is its place, counted from 1. */
export const MIGRATIONS: readonly Migration[] = [
  firstSchema,
  forcedCalibrations,
  certificates,
  deviceLeases,
  keyLimits,
  queue,
  blobs,
  deviceUse,
  tickets,
  settings,
  deletion,
  webhooks,
  heat,
  drift,
  modelOwners,
  requirements,
];

/**
 * Applies what is missing and returns the versions before and after.
 * `schema-too-new` when a newer program has been here: this one would not know what it writes over.
 */
export async function migrate(
  db: Kysely<Tables>,
  wall_ms: () => number,
  migrations: readonly Migration[] = MIGRATIONS,
): Promise<{ from: number; to: number }> {
  await db.schema
    .createTable('schema_version')
    .ifNotExists()
    .addColumn('version', 'integer', (c) => c.primaryKey())
    .addColumn('name', 'text', (c) => c.notNull())
    .addColumn('applied_at_ms', 'bigint', (c) => c.notNull())
    .execute();
  const from = await schemaVersion(db);
  if (from > migrations.length)
    throw new StoreError(
      'schema-too-new',
      `the data directory has schema ${from}, this program knows ${migrations.length} and older`,
    );
  for (let version = from + 1; version <= migrations.length; version++)
    await apply(db, version, migrations[version - 1], wall_ms());
  return { from, to: migrations.length };
}

async function schemaVersion(db: Kysely<Tables>): Promise<number> {
  const row = await db
    .selectFrom('schema_version')
    .select((e) => e.fn.max('version').as('version'))
    .executeTakeFirst();
  return Number(row?.version ?? 0);
}

async function apply(db: Kysely<Tables>, version: number, step: Migration, now_ms: number): Promise<void> {
  await db.transaction().execute(async (tx) => {
    await step.up(tx as unknown as Kysely<unknown>);
    await tx
      .insertInto('schema_version')
      .values({ version, name: step.name, applied_at_ms: now_ms })
      .execute();
  });
}
