// One step of the schema.
import type { Kysely } from 'kysely';

export interface Migration {
  name: string;
  /** Runs inside a transaction that also notes the new version. */
  up(db: Kysely<unknown>): Promise<void>;
}
