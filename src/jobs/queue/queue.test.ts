// The queue of a runner: turns of keys, deadlines.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeDevice } from '../../../test/fakes/relax-device.ts';
import { systemClock, type Clock } from '../../clock/clock.ts';
import { emptyModel } from '../../physics/index.ts';
import { encodeModelContent, openStore, type Store } from '../../store/index.ts';
import { createJobRunner, type JobRunner, type RelaxJobRequest } from '../index.ts';

const UNITS = 4;
const LONG_MS = 20_000;

/** While set, the time of day stands still, so that no deadline passes before the test is ready for it. */
let stopped_ms: number | null;
const clock: Clock = {
  now_ms: () => systemClock.now_ms(),
  wall_ms: () => stopped_ms ?? systemClock.wall_ms(),
  after: (delay_ms, callback) => systemClock.after(delay_ms, callback),
};
/** A deadline that is near, from when the time of day stands still. */
function nearDeadline(): string {
  stopped_ms = Date.now();
  return new Date(stopped_ms + 30).toISOString();
}
/** The time of day goes on; resolves when the deadline is over. */
async function pass(deadline: string): Promise<void> {
  stopped_ms = null;
  while (Date.now() <= Date.parse(deadline)) await new Promise((resolve) => setTimeout(resolve, 5));
}

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
  stopped_ms = null;
  store = await openStore({ dataDir, clock });
  device = new FakeDevice();
  const bytes = encodeModelContent(emptyModel(UNITS));
  const digest = (model = await store.blobs.put(bytes));
  const kept = { name: null, metadata: {}, keyId: null };
  await store.models.add({ digest, blob: digest, bytes: bytes.length, units: UNITS, ...kept });
  runner = createJobRunner({ store, clock, devices: new Map([[device.id, device]]) });
});

afterEach(async () => {
  await runner.close();
  await store.close();
  rmSync(dataDir, { recursive: true });
});

describe('a deadline', () => {
  it('expires a job that waits, also while nothing else happens, and says why', async () => {
    device.become('offline');
    await runner.start();
    const deadline = nearDeadline();
    const { id } = await runner.submit(request(1, { deadline, onUnmet: 'wait' }), { keyId: 'a' });
    const { id: patient } = await runner.submit(request(2, { onUnmet: 'wait' }));
    await pass(deadline);
    const job = await runner.waitForEnd(id, LONG_MS);
    expect(job).toMatchObject({ state: 'expired', cause: null, expiresAt_ms: null, attempts: [] });
    expect(job.failure).toMatchObject({ code: 'expired', outcome: 'not_applied' });
    expect(job.finishedAt_ms).toBeGreaterThanOrEqual(Date.parse(deadline));
    expect(runner.counters().finished.expired).toBe(1);
    device.become('ready');
    expect(await runner.waitForEnd(patient, LONG_MS)).toMatchObject({ state: 'succeeded' });
    expect(device.ran).toEqual([2]);
  });

  it('that passed while no service ran is seen at its start; a job that has begun is let go on', async () => {
    const soon = nearDeadline();
    const { id: late } = await runner.submit(request(1, { deadline: soon }));
    await pass(soon);
    await runner.start();
    expect(await runner.waitForEnd(late, LONG_MS)).toMatchObject({ state: 'expired' });
    device.held = true;
    const deadline = nearDeadline();
    const { id } = await runner.submit(request(2, { deadline }));
    await device.started();
    await pass(deadline);
    device.release();
    expect(await runner.waitForEnd(id, LONG_MS)).toMatchObject({ state: 'succeeded' });
    expect(device.ran).toEqual([2]);
  });

  it.each(['2020-01-01T00:00:00Z', 'tomorrow', ''])('of %j is refused', async (deadline) => {
    await expect(runner.submit(request(1, { deadline }))).rejects.toMatchObject({
      code: 'validation-failed',
      errors: [{ pointer: '/deadline' }],
    });
  });
});

describe('a device that is away', () => {
  const stateOf = async (id: string) => (await store.jobs.get(id)).hold?.reason ?? null;

  it('holds its jobs after some seconds, also those that come later, until it is back', async () => {
    device.become('offline');
    stopped_ms = Date.now();
    await runner.start();
    const { id } = await runner.submit(request(1, { onUnmet: 'wait' }));
    const held = runner.waitFor(id, 1, LONG_MS);
    expect(await stateOf(id)).toBeNull();
    stopped_ms += 5_000;
    device.become('connecting');
    expect(await held).toMatchObject({ state: 'held', hold: { reason: 'device-offline', until_ms: null } });
    const later = await runner.submit(request(2, { onUnmet: 'wait' }));
    expect(await runner.waitFor(later.id, 1, LONG_MS)).toMatchObject({ state: 'held' });
    device.become('ready');
    for (const waited of [id, later.id])
      expect(await runner.waitForEnd(waited, LONG_MS)).toMatchObject({ state: 'succeeded', hold: null });
    expect(device.ran).toEqual([1, 2]);
  });

  it('has them back in a service that starts when it is there again', async () => {
    const { id } = await runner.submit(request(1));
    const hold = { reason: 'device-offline' as const, detail: 'away', since_ms: Date.now(), until_ms: null };
    await store.jobs.transition(id, 'queued', 'held', { hold });
    await runner.start();
    expect(await runner.waitForEnd(id, LONG_MS)).toMatchObject({ state: 'succeeded' });
  });
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
