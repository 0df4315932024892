// Two services on one PostgreSQL and three twins: a host killed and a host frozen, with every job done once and no chip driven
// by two. The bench `hosts` does the same for longer.
import { expect, it } from 'vitest';
import { runRounds } from '../../bench/hosts/rounds.ts';
import { startPostgres } from '../support/postgres.ts';

const postgres = await startPostgres();

it.skipIf(postgres === null)(
  postgres === null ? 'hosts share devices (skipped: PostgreSQL is not installed)' : 'hosts share devices',
  { timeout: 300_000 },
  async () => {
    if (postgres === null) return;
    try {
      const result = await runRounds({
        database: await postgres.create('hosts'),
        rounds: 4,
        seed: 7,
        plantedBug: null,
        say: () => {},
      });
      expect(result).toMatchObject({ lost: [], doubled: [], twoDrivers: [], acknowledged: 48 });
      expect(result.takeovers).toBeGreaterThan(0);
      expect(result.runs).toBeGreaterThanOrEqual(result.acknowledged);
    } finally {
      await postgres.stop();
    }
  },
);
