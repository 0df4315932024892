// The queue of a runner: turns of keys, deadlines.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeDevice } from '../../../test/fakes/relax-device.ts';
import { systemClock } from '../../clock/clock.ts';
import { emptyModel } from '../../physics/index.ts';
import { encodeModelContent, openStore, type Store } from '../../store/index.ts';
import { createJobRunner, type JobRunner, type RelaxJobRequest } from '../index.ts';

const UNITS = 4;
const LONG_MS = 20_000;

let dataDir: string;
let store: Store;
let device: FakeDevice;
let runner: JobRunner;
let model: string;

const request = (samples: number, change: Partial<RelaxJobRequest> = {}): RelaxJobRequest => ({
  mode: 'relax',
  model,
  device: { id: device.id },
  relax: { duration_s: 2.5e-6 },
  samples: { count: samples },
  ...change,
});

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'thermoloop-queue-'));
  store = await openStore({ dataDir, clock: systemClock });
  device = new FakeDevice();
  const bytes = encodeModelContent(emptyModel(UNITS));
  const digest = (model = await store.blobs.put(bytes));
  const kept = { name: null, metadata: {}, keyId: null };
  await store.models.add({ digest, blob: digest, bytes: bytes.length, units: UNITS, ...kept });
  runner = createJobRunner({ store, clock: systemClock, devices: new Map([[device.id, device]]) });
});

afterEach(async () => {
  await runner.close();
  await store.close();
  rmSync(dataDir, { recursive: true });
});

describe('turns', () => {
  it('the one job of a key is not behind the many of another; priority goes before turns', async () => {
    for (const count of [1, 2, 3, 4, 5, 6]) await runner.submit(request(count), { keyId: 'a' });
    const { id: one } = await runner.submit(request(20), { keyId: 'b' });
    await runner.submit(request(30, { priority: 'batch' }), { keyId: 'c' });
    await runner.submit(request(40, { priority: 'interactive' }), { keyId: 'a' });
    await runner.start();
    await runner.waitForEnd(one, LONG_MS);
    expect(device.ran.slice(0, 3)).toEqual([40, 1, 20]);
    const last = (await store.jobs.list({ keyId: 'c' }))[0];
    await runner.waitForEnd(last.id, LONG_MS);
    expect(device.ran).toEqual([40, 1, 20, 2, 3, 4, 5, 6, 30]);
  });
});
