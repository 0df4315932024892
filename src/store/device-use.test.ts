// The contract of people's use of devices on SQLite.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe } from 'vitest';
import { systemClock } from '../clock/clock.ts';
import { deviceUseContract } from './contract/device-use.test-support.ts';
import { openStore } from './index.ts';

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'thermoloop-device-use-'));
});
afterEach(() => rmSync(dataDir, { recursive: true }));

describe('the use of devices on sqlite', () => {
  deviceUseContract(() => openStore({ dataDir, clock: systemClock }));
});
