// The contract of the store on SQLite.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { storeContract } from './contract/contract.ts';
import type { Subject } from './contract/fixture.ts';
import { openStore } from './index.ts';

const inFolder = (blobs?: 'database'): Subject => {
  const dataDir = mkdtempSync(join(tmpdir(), 'thermoloop-store-'));
  return {
    open: (clock) => openStore({ dataDir, clock, blobs }),
    openBeside: null,
    remove: () => Promise.resolve(rmSync(dataDir, { recursive: true })),
  };
};

storeContract({ name: 'sqlite', subject: () => Promise.resolve(inFolder()) });
storeContract({ name: 'sqlite, blobs as rows', subject: () => Promise.resolve(inFolder('database')) });
