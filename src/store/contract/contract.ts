// Runs the whole contract against one kind of database.
import { afterAll, afterEach, beforeAll, beforeEach, describe } from 'vitest';
import { blobContract } from './blobs.ts';
import { changeContract } from './changes.ts';
import { auditContract } from './audit.ts';
import { calibrationContract } from './calibrations.ts';
import { deletionContract } from './deletion.ts';
import { driftContract } from './drift.ts';
import { heatContract } from './heat.ts';
import { idempotencyContract } from './idempotency.ts';
import { idContract } from './ids.ts';
import { jobContract } from './jobs.ts';
import { keyContract } from './keys.ts';
import { modelContract } from './models.ts';
import { sampleSetContract } from './sample-sets.ts';
import { transactionContract } from './transactions.ts';
import { concurrencyContract } from './concurrency.ts';
import { webhookContract } from './webhooks.ts';
import { makeFixture, type Fixture, type Subject } from './fixture.ts';

export interface Database {
  name: string;
  /** Once, before all tests; a reason when it cannot be had here. */
  start?(): Promise<void>;
  stop?(): Promise<void>;
  /** An empty database for one test. */
  subject(): Promise<Subject>;
}

export function storeContract(database: Database): void {
  describe(`store on ${database.name}`, () => {
    let fixture: (Fixture & { close(): Promise<void> }) | undefined;
    const at = (): Fixture => {
      if (fixture === undefined) throw new Error('outside a test');
      return fixture;
    };
    beforeAll(() => database.start?.());
    afterAll(() => database.stop?.());
    beforeEach(async () => {
      fixture = await makeFixture(await database.subject());
    });
    afterEach(async () => {
      await fixture?.close();
      fixture = undefined;
    });
    auditContract(at);
    calibrationContract(at);
    idempotencyContract(at);
    idContract(at);
    jobContract(at);
    keyContract(at);
    modelContract(at);
    sampleSetContract(at);
    transactionContract(at);
    concurrencyContract(at);
    blobContract(at);
    changeContract(at);
    deletionContract(at);
    webhookContract(at);
    heatContract(at);
    driftContract(at);
  });
}
