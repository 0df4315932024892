// Runs the whole contract against one kind of database.
import { afterAll, afterEach, beforeAll, beforeEach, describe } from 'vitest';
import { blobContract } from './blobs.ts';
import { changeContract } from './changes.ts';
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
    blobContract(at);
    changeContract(at);
  });
}
