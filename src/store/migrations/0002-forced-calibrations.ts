// Calibrations that were asked for although faults are planted remember it: they may wait in the queue over a restart.
import type { Migration } from './migration.ts';

export const forcedCalibrations: Migration = {
  name: 'forced-calibrations',
  async up(db) {
    await db.schema
      .alterTable('calibration')
      .addColumn('forced', 'integer', (c) => c.notNull().defaultTo(0))
      .execute();
  },
};
