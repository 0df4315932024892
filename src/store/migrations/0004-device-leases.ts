// Several hosts, one queue: who may drive a device, under which fence, and what the host that does so knows of it.
import type { Migration } from './migration.ts';

export const deviceLeases: Migration = {
  name: 'device-leases',
  async up(db) {
    await db.schema
      .createTable('device_lease')
      .addColumn('device', 'text', (c) => c.primaryKey())
      .addColumn('fence', 'bigint', (c) => c.notNull())
      .addColumn('holder', 'text', (c) => c.notNull())
      .addColumn('lease_until_ms', 'bigint', (c) => c.notNull())
      .execute();
    await db.schema
      .createTable('device')
      .addColumn('id', 'text', (c) => c.primaryKey())
      .addColumn('host', 'text')
      .addColumn('facts', 'text')
      .addColumn('control', 'text')
      .addColumn('revision', 'bigint', (c) => c.notNull())
      .execute();
  },
};
