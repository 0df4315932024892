// The contract of the queue on SQLite.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe } from 'vitest';
import { systemClock } from '../clock/clock.ts';
import { queueContract } from './contract/queue.ts';
import { openStore } from './index.ts';

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'thermoloop-queue-'));
});
afterEach(() => rmSync(dataDir, { recursive: true }));

describe('the queue on sqlite', () => {
  queueContract(() => openStore({ dataDir, clock: systemClock }));
});
