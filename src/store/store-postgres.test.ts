// The contract of the store on PostgreSQL, where two stores on one database stand for two hosts.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, it } from 'vitest';
import { startPostgres } from '../../test/support/postgres.ts';
import { systemClock } from '../clock/clock.ts';
import { storeContract } from './contract/contract.ts';
import type { Subject } from './contract/fixture.ts';
import { deviceUseContract } from './contract/device-use.test-support.ts';
import { leaseContract } from './contract/leases.test-support.ts';
import { queueContract } from './contract/queue.ts';
import { ticketContract } from './contract/tickets.test-support.ts';
import { openStore, type Store } from './index.ts';

const postgres = await startPostgres({ fsync: false });

const onServer = async (server: NonNullable<typeof postgres>, shared: boolean): Promise<Subject> => {
  const database = await server.create();
  const folders: string[] = [];
  const folder = (): string => {
    const made = mkdtempSync(join(tmpdir(), 'thermoloop-store-'));
    folders.push(made);
    return made;
  };
  const blobs = shared ? folder() : 'database';
  const dataDir = folder();
  return {
    open: (clock) => openStore({ dataDir, clock, database, blobs }),
    openBeside: (clock) => openStore({ dataDir: folder(), clock, database, blobs }),
    remove: () => Promise.resolve(folders.forEach((path) => rmSync(path, { recursive: true }))),
  };
};

if (postgres === null) describe('store on postgres', () => it.skip('PostgreSQL is not installed'));
else {
  const server = postgres;
  afterAll(() => server.stop());
  storeContract({ name: 'postgres', subject: () => onServer(server, false) });
  const open = async (): Promise<Store> => {
    const subject = await onServer(server, false);
    const store = await subject.open(systemClock);
    return { ...store, close: () => store.close().then(() => subject.remove()) };
  };
  describe('leases on postgres', () => leaseContract(open));
  describe('device use on postgres', () => deviceUseContract(open));
  describe('tickets on postgres', () => ticketContract(open));
  describe('the queue on postgres', () => queueContract(open));
}
