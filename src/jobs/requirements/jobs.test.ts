// Jobs that require something of their device, from submission to their end, on a fake device with a fake procedure.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FAKE_IDENTITY, FakeDevice } from '../../../test/fakes/relax-device.ts';
import { systemClock } from '../../clock/clock.ts';
import { emptyModel } from '../../physics/index.ts';
import {
  encodeModelContent,
  openStore,
  type CalibrationRow,
  type JobRow,
  type Store,
} from '../../store/index.ts';
import { createJobRunner, type JobResult, type JobRunner, type RelaxJobRequest } from '../index.ts';

const UNITS = 4;
const LONG_MS = 20_000;
const KIND = 'noise-temperature';

let dataDir: string;
let store: Store;
let device: FakeDevice;
let runner: JobRunner;
let model: string;
/** What the next calibrations measure, in order; the last one stays. */
let measures: (number | Error)[];

const request = (samples: number, change: Partial<RelaxJobRequest> = {}): RelaxJobRequest => ({
  mode: 'relax',
  model,
  device: { id: device.id },
  relax: { duration_s: 2.5e-6 },
  samples: { count: samples },
  ...change,
});
const near1: RelaxJobRequest['require'] = { noiseTemperature: [0.98, 1.02] };

function makeRunner(): JobRunner {
  return createJobRunner({
    store,
    clock: systemClock,
    devices: new Map([[device.id, device]]),
    procedures: {
      [KIND]: {
        check: () => undefined,
        async run(on: FakeDevice) {
          on.become('running');
          const ratio = (measures.length > 1 ? measures.shift() : measures[0]) ?? 1;
          await new Promise((resolve) => setTimeout(resolve, 5));
          on.become('ready');
          if (ratio instanceof Error) throw ratio;
          return {
            values: { noiseTemperature_ratio: ratio },
            stderr: { noiseTemperature_ratio: 0.002 },
            device: FAKE_IDENTITY,
          };
        },
      },
    },
  });
}

/** The chip was measured some time ago. */
async function wasCalibrated(ratio: number, ago_ms = 0): Promise<string> {
  const { id } = await store.calibrations.add({ kind: KIND, device: device.id, options: {} });
  await store.calibrations.transition(id, 'queued', 'running');
  const row = await store.calibrations.transition(id, 'running', 'succeeded', {
    deviceUid: FAKE_IDENTITY.uid,
    values: { noiseTemperature_ratio: ratio },
    stderr: { noiseTemperature_ratio: 0.002 },
    finishedAt_ms: Date.now() - 1 - ago_ms,
  });
  await store.activeCalibrations.offer(row);
  return id;
}

const isAt = (dieTemperature_C: number | null): void => {
  const values = dieTemperature_C === null ? {} : { dieTemperature_C };
  device.meters.splice(0, Infinity, { at_ms: Date.now(), uptime_s: 1, values });
};

async function until(id: string, what: (job: JobRow) => boolean): Promise<JobRow> {
  let job = await runner.view(id);
  for (const end_ms = Date.now() + LONG_MS; !what(job) && Date.now() < end_ms;)
    job = await runner.waitFor(id, job.revision, 1_000);
  expect(what(job), JSON.stringify(job)).toBe(true);
  return job;
}
const isHeldFor = (reason: string) => (job: JobRow) => job.hold?.reason === reason;
const calibrations = (): Promise<CalibrationRow[]> => store.calibrations.list({ kind: KIND });
const requirementsOf = (job: JobRow) => (job.result as unknown as JobResult).provenance.requirements;

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'thermoloop-require-'));
  store = await openStore({ dataDir, clock: systemClock });
  device = new FakeDevice();
  measures = [1];
  const bytes = encodeModelContent(emptyModel(UNITS));
  const digest = (model = await store.blobs.put(bytes));
  const kept = { name: null, metadata: {}, keyId: null };
  await store.models.add({ digest, blob: digest, bytes: bytes.length, units: UNITS, ...kept });
  runner = makeRunner();
});

afterEach(async () => {
  await runner.close();
  await store.close();
  rmSync(dataDir, { recursive: true });
});

describe('a job that would rather be rejected', () => {
  it('is refused with what was measured, and nothing of it is kept', async () => {
    await runner.start();
    const id = await wasCalibrated(1.05);
    const asked = runner.submit(request(1, { require: { ...near1, maxCalibrationAge_s: 3_600 } }));
    await expect(asked).rejects.toMatchObject({
      code: 'requirement-unmet',
      retryable: true,
      message: 'noiseTemperature is 1.05 +- 0.0020, required is 0.98 to 1.02',
      errors: [{ pointer: '/require/noiseTemperature', allowed: [0.98, 1.02] }],
      measured: [
        { requirement: 'noiseTemperature', met: false, measured: 1.05, stderr: 0.002, calibration: id },
        { requirement: 'maxCalibrationAge_s', met: true, required: 3_600 },
      ],
    });
    expect(await store.jobs.list()).toEqual([]);
  });

  it('is refused with a remedy where a value cannot be read', async () => {
    isAt(null);
    await expect(runner.submit(request(1, { require: near1 }))).rejects.toMatchObject({
      code: 'requirement-unmet',
      remedy: expect.stringContaining('calibration of the kind noise-temperature') as string,
      measured: [{ measured: null, reason: { code: 'not-calibrated' } }],
    });
    await expect(runner.submit(request(1, { require: { maxDieTemperature_C: 60 } }))).rejects.toMatchObject({
      measured: [{ measured: null, reason: { code: 'no-sensors' } }],
    });
  });

  it('hears of a flaw in it before it hears of the device', async () => {
    const flawed = request(0, { require: near1 });
    await expect(runner.submit(flawed)).rejects.toMatchObject({ code: 'validation-failed' });
  });

  it('fails when that is not so any more just before it is programmed', async () => {
    isAt(40);
    const { id } = await runner.submit(request(1, { require: { maxDieTemperature_C: 50 } }));
    isAt(61.5);
    await runner.start();
    const job = await runner.waitForEnd(id, LONG_MS);
    expect(job).toMatchObject({
      state: 'failed',
      cause: 'requirement-unmet',
      attempts: [{ state: 'failed' }],
    });
    expect(job.failure).toMatchObject({
      code: 'requirement-unmet',
      message: 'maxDieTemperature_C is 61.5, required is at most 50',
      outcome: 'not_applied',
    });
    expect(device.ran).toEqual([]);
    expect(runner.counters().failedByCause).toEqual({ 'requirement-unmet': 1 });
  });

  it('has both readings in its result', async () => {
    isAt(40);
    await wasCalibrated(0.99);
    const { id } = await runner.submit(request(1, { require: { ...near1, maxDieTemperature_C: 50 } }));
    isAt(45);
    await runner.start();
    const job = await runner.waitForEnd(id, LONG_MS);
    expect(requirementsOf(job)).toMatchObject({
      admission: { met: true, readings: [{ measured: 0.99 }, { measured: 40 }] },
      start: { met: true, readings: [{ measured: 0.99 }, { measured: 45 }] },
    });
    const other = await runner.submit(request(2));
    expect(requirementsOf(await runner.waitForEnd(other.id, LONG_MS))).toBeUndefined();
  });
});

describe('a job that waits for its condition', () => {
  it('is held, lets those behind it go by, and runs when it is met', async () => {
    isAt(70);
    await runner.start();
    const job = await runner.submit(request(1, { require: { maxDieTemperature_C: 50 }, onUnmet: 'wait' }));
    expect(job).toMatchObject({
      state: 'held',
      hold: { reason: 'condition', detail: 'maxDieTemperature_C is 70, required is at most 50' },
    });
    const { id: next } = await runner.submit(request(2));
    await runner.waitForEnd(next, LONG_MS);
    isAt(49);
    expect(requirementsOf(await runner.waitForEnd(job.id, LONG_MS))).toMatchObject({
      admission: { met: false },
      start: { met: true },
    });
    expect(device.ran).toEqual([2, 1]);
  });

  it('is held when its turn comes and it is not met any more, and expires at its deadline', async () => {
    isAt(40);
    const waiting = { require: { maxDieTemperature_C: 50 }, onUnmet: 'wait' as const };
    const { id, state } = await runner.submit(request(1, waiting));
    expect(state).toBe('queued');
    isAt(70);
    await runner.start();
    await until(id, isHeldFor('condition'));
    await runner.edit(id, { deadline_ms: Date.now() + 20 });
    const job = await runner.waitForEnd(id, LONG_MS);
    expect(job).toMatchObject({ state: 'expired', attempts: [] });
    expect(job.failure?.message).toContain('maxDieTemperature_C is 70');
    expect(device.ran).toEqual([]);
  });

  it('is put back when that changes between its turn and the programming, with the attempt listed', async () => {
    isAt(40);
    const waiting = { require: { maxDieTemperature_C: 50 }, onUnmet: 'wait' as const };
    const { id } = await runner.submit(request(1, waiting));
    // Its meters are read once more before programming.
    device.meters.push({ at_ms: 2, uptime_s: 2, values: { dieTemperature_C: 55 } });
    const readNow = device.meters.shift.bind(device.meters);
    device.meters.shift = () => (readNow(), device.meters[0]);
    await runner.start();
    const held = await until(id, (job) => job.attempts.length === 1 && job.state === 'held');
    expect(held).toMatchObject({
      hold: { reason: 'condition', detail: 'maxDieTemperature_C is 55, required is at most 50' },
      startedAt_ms: null,
      attempts: [{ state: 'held', cause: 'requirement-unmet' }],
    });
    isAt(45);
    const job = await runner.waitForEnd(id, LONG_MS);
    expect(job.attempts.map(({ state }) => state)).toEqual(['held', 'succeeded']);
  });

  it('expires after the longest hold where it has no deadline', async () => {
    isAt(70);
    const waiting = { require: { maxDieTemperature_C: 50 }, onUnmet: 'wait' as const };
    const { hold, expiresAt_ms } = await runner.submit(request(1, waiting));
    expect((expiresAt_ms ?? 0) - (hold?.since_ms ?? 0)).toBe(7 * 86_400_000);
  });

  it('waits on over a restart', async () => {
    isAt(70);
    await runner.start();
    const waiting = { require: { maxDieTemperature_C: 50 }, onUnmet: 'wait' as const };
    const { id } = await runner.submit(request(1, waiting));
    await runner.close();
    runner = makeRunner();
    await runner.start();
    await runner.waitForEnd((await runner.submit(request(2))).id, LONG_MS);
    expect(await runner.view(id)).toMatchObject({ state: 'held' });
    isAt(30);
    expect((await runner.waitForEnd(id, LONG_MS)).state).toBe('succeeded');
  });

  it('can be cancelled', async () => {
    isAt(70);
    await runner.start();
    const waiting = { require: { maxDieTemperature_C: 50 }, onUnmet: 'wait' as const };
    const { id } = await runner.submit(request(1, waiting));
    expect(await runner.cancel(id)).toMatchObject({ outcome: 'cancelled' });
    isAt(20);
    expect((await runner.view(id)).state).toBe('cancelled');
  });
});

describe('a job that is calibrated for', () => {
  const recalibrated = (samples: number, require = near1): RelaxJobRequest =>
    request(samples, { require, onUnmet: 'recalibrate' });

  it('waits for one calibration, in the name of its key, and runs after it', async () => {
    await runner.start();
    const job = await runner.submit(recalibrated(1), { keyId: 'me' });
    expect(job).toMatchObject({ state: 'held', hold: { reason: 'calibration' } });
    const done = await runner.waitForEnd(job.id, LONG_MS);
    const [{ id, state, keyId }, ...others] = await calibrations();
    expect({ state, keyId, others }).toEqual({ state: 'succeeded', keyId: 'me', others: [] });
    expect(requirementsOf(done)).toMatchObject({
      admission: { met: false, readings: [{ measured: null }] },
      start: { met: true, readings: [{ measured: 1, calibration: id }] },
    });
    const audit = await store.audit.list({ action: 'calibration.start' });
    expect(audit).toMatchObject([{ keyId: 'me', target: id, detail: { job: job.id, kind: KIND } }]);
  });

  it('shares it with all that wait for the same', async () => {
    await wasCalibrated(1.07);
    const first = await runner.submit(recalibrated(1));
    const second = await runner.submit(recalibrated(2));
    await runner.start();
    const third = await runner.submit(recalibrated(3));
    for (const { id } of [first, second, third])
      expect((await runner.waitForEnd(id, LONG_MS)).state).toBe('succeeded');
    expect(await calibrations()).toHaveLength(2);
  });

  it('waits for one that somebody else has asked for', async () => {
    const asked = await runner.submitCalibration({ kind: KIND, device: device.id });
    const { id } = await runner.submit(recalibrated(1));
    await runner.start();
    expect((await runner.waitForEnd(id, LONG_MS)).state).toBe('succeeded');
    expect((await calibrations()).map((row) => row.id)).toEqual([asked.id]);
  });

  it('that it does not help waits as for any other condition, and asks for no second one', async () => {
    measures = [1.08];
    await runner.start();
    const { id } = await runner.submit(recalibrated(1));
    const held = await until(id, isHeldFor('condition'));
    expect(held.hold?.detail).toContain('noiseTemperature is 1.08');
    await runner.waitForEnd((await runner.submit(request(2))).id, LONG_MS);
    expect(await calibrations()).toHaveLength(1);
    measures = [1.01];
    await runner.submitCalibration({ kind: KIND, device: device.id });
    expect((await runner.waitForEnd(id, LONG_MS)).state).toBe('succeeded');
  });

  it('whose calibration fails waits too', async () => {
    measures = [new Error('it rains in'), 1];
    await runner.start();
    const { id } = await runner.submit(recalibrated(1));
    await until(id, isHeldFor('condition'));
    expect(await calibrations()).toMatchObject([{ state: 'failed' }]);
  });

  it('gets a new one when the old one has grown too old while it waited', async () => {
    const old = await wasCalibrated(1, 3_600_000);
    isAt(20);
    const require = { ...near1, maxCalibrationAge_s: 600 };
    await runner.start();
    const { id, hold } = await runner.submit(recalibrated(1, require));
    expect(hold?.detail).toContain('maxCalibrationAge_s is 3600');
    const start = requirementsOf(await runner.waitForEnd(id, LONG_MS))?.start;
    expect(start?.readings[1].calibration).not.toBe(old);
  });

  it('waits for the chip to cool without a calibration, which would not help', async () => {
    await wasCalibrated(1);
    isAt(70);
    await runner.start();
    const { id, hold } = await runner.submit(recalibrated(1, { ...near1, maxDieTemperature_C: 50 }));
    expect(hold?.reason).toBe('condition');
    isAt(30);
    await runner.waitForEnd(id, LONG_MS);
    expect(await calibrations()).toHaveLength(1);
  });

  it('is seen to by the service that comes after a restart', async () => {
    const { id } = await runner.submit(recalibrated(1));
    await runner.close();
    expect(await calibrations()).toEqual([]);
    runner = makeRunner();
    await runner.start();
    expect((await runner.waitForEnd(id, LONG_MS)).state).toBe('succeeded');
  });

  it('is refused where nobody can calibrate', async () => {
    await runner.close();
    runner = createJobRunner({ store, clock: systemClock, devices: new Map([[device.id, device]]) });
    await expect(runner.submit(recalibrated(1))).rejects.toMatchObject({
      code: 'unknown-calibration-kind',
      errors: [{ pointer: '/onUnmet' }],
    });
  });
});
