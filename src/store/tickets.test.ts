// The contract of tickets on SQLite.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe } from 'vitest';
import { systemClock } from '../clock/clock.ts';
import { ticketContract } from './contract/tickets.test-support.ts';
import { openStore } from './index.ts';

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'thermoloop-tickets-'));
});
afterEach(() => rmSync(dataDir, { recursive: true }));

describe('tickets on sqlite', () => {
  ticketContract(() => openStore({ dataDir, clock: systemClock }));
});
