import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../clock/clock.ts';
import { calibrationProcedures } from '../calibration/index.ts';
import type { Device } from '../device/index.ts';
import { emptyModel, heat_kT } from '../physics/index.ts';
import { StoreError, encodeModelContent, openStore, type JsonObject, type Store } from '../store/index.ts';
import type { CalibrationProcedure } from './calibration-port.ts';
import { FAKE_IDENTITY, FakeDevice } from '../../test/fakes/relax-device.ts';
import {
  createJobRunner,
  readJobSamples,
  type JobEvent,
  type JobResult,
  type JobRunner,
  type JobRunnerOptions,
  type RelaxJobRequest,
} from './index.ts';

// Compiles for as long as real devices and procedures can take the place of the fakes.
export const realRunner = (options: JobRunnerOptions<Device>): JobRunner =>
  createJobRunner<Device>({ ...options, procedures: calibrationProcedures });

const UNITS = 4;
const LONG_MS = 20_000;

let dataDir: string;
let store: Store;
let device: FakeDevice;
let runner: JobRunner;
let procedures: Record<string, CalibrationProcedure<FakeDevice>>;
let model: string;
let events: JobEvent[];

const fail = (code: string, extra: object = {}): Error => Object.assign(new Error(code), { code, ...extra });

function request(samples = 3, change: Partial<RelaxJobRequest> = {}): RelaxJobRequest {
  return {
    mode: 'relax',
    model,
    device: { id: device.id },
    relax: { duration_s: 2.5e-6 },
    samples: { count: samples },
    ...change,
  };
}

function makeRunner(): JobRunner {
  const made = createJobRunner({
    store,
    clock: systemClock,
    devices: new Map([[device.id, device]]),
    procedures,
  });
  events = [];
  made.onEvent((event) => events.push(event));
  return made;
}

function exampleModel() {
  const example = emptyModel(UNITS);
  example.couplings[1] = example.couplings[UNITS] = 0.25;
  example.biases[2] = -0.5;
  return example;
}

async function addModel(change: (model: ReturnType<typeof emptyModel>) => void = () => {}): Promise<string> {
  const example = exampleModel();
  change(example);
  const bytes = encodeModelContent(example);
  const digest = await store.blobs.put(bytes);
  await store.models.add({
    digest,
    blob: digest,
    bytes: bytes.length,
    units: UNITS,
    name: null,
    metadata: {},
    keyId: null,
  });
  return digest;
}

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'thermoloop-jobs-'));
  store = await openStore({ dataDir, clock: systemClock });
  device = new FakeDevice();
  procedures = {};
  model = await addModel();
  runner = makeRunner();
});

afterEach(async () => {
  await runner.close();
  await store.close();
  rmSync(dataDir, { recursive: true });
});

describe('a job that succeeds', () => {
  it('stores samples, heat and provenance with its end', async () => {
    await runner.start();
    const { id } = await runner.submit(request(3, { labels: { run: 'A' }, noiseTemperature: 0.5, seed: 7 }));
    const job = await runner.waitForEnd(id, LONG_MS);
    expect(job).toMatchObject({ state: 'succeeded', phase: null, cause: null, progress: null, revision: 3 });
    expect(job.attempts).toMatchObject([{ state: 'succeeded', cause: null }]);
    const result = job.result as unknown as JobResult;
    expect(result.samples).toMatchObject({ shape: [3, 2, UNITS], dtype: 'int16', wireDigest: 'bb' });
    expect(result.provenance).toMatchObject({
      deviceUid: 'cafe',
      backend: 'twin',
      model,
      seed: '7',
      fastMode: false,
      noiseTemperature_ratio: 0.5,
      calibration: null,
    });
    // In kT of the job: half the program's kT is twice the heat.
    const expected = 2 * heat_kT(exampleModel(), Array(UNITS).fill(1), Array(UNITS).fill(0.5));
    expect(result.heat?.mean_kT).toBeCloseTo(expected, 2);
    expect(result.heat).toMatchObject({ sd_kT: 0, n: 3, until_s: 2.5e-6 });
    const samples = await readJobSamples(store, id);
    expect([...(samples?.codes.subarray(0, 2 * UNITS) ?? [])]).toEqual([
      ...(Array(UNITS).fill(1024) as number[]),
      ...(Array(UNITS).fill(512) as number[]),
    ]);
    expect(samples?.heat_kT?.[2]).toBe(result.heat?.mean_kT);
    expect(runner.counters()).toMatchObject({ finished: { succeeded: 1 }, samples: 3 });
  });

  it('has no heat without the switch-on read, and says why; a long step is labelled', async () => {
    await runner.start();
    const { id } = await runner.submit(request(2, { record: { heat: false }, step_s: 1e-8 }));
    const job = await runner.waitForEnd(id, LONG_MS);
    const result = job.result as unknown as JobResult;
    expect(result.heat).toBeNull();
    expect(result.heatReason).toMatch(/record\.heat/);
    expect(result.provenance.fastMode).toBe(true);
    expect((await readJobSamples(store, id))?.heat_kT).toBeNull();
  });

  it('is told as it goes: states in order, progress by phase', async () => {
    await runner.start();
    const { id } = await runner.submit(request());
    await runner.waitForEnd(id, LONG_MS);
    const states = events.flatMap((e) => (e.type === 'job.state' ? e.job.state : []));
    expect(states).toEqual(['queued', 'running', 'succeeded']);
    const phases = events.flatMap((e) => (e.type === 'job.progress' ? e.progress.phase : []));
    expect(phases).toEqual(['programming', 'relaxing', 'reading', 'finishing']);
  });
});

describe('a job that fails', () => {
  it.each([
    ['link-lost', 'link-lost'],
    ['link-timeout', 'link-lost'],
    ['device-fault', 'device-fault'],
    ['refused', 'device-fault'],
    ['something else', 'internal'],
  ])('%s ends with cause %s, the phase it had got to and the original error', async (code, cause) => {
    await runner.start();
    device.failWith = fail(code, { retryable: true, remedy: 'look', outcome: 'unknown' });
    const { id } = await runner.submit(request(3, { retry: 'never' }));
    const job = await runner.waitForEnd(id, LONG_MS);
    expect(job).toMatchObject({ state: 'failed', cause, phase: 'relaxing', result: null });
    expect(job.failure).toMatchObject({ code, remedy: 'look', outcome: 'unknown', retryable: true });
    expect(await readJobSamples(store, id)).toBeNull();
  });

  it('does not stop the queue', async () => {
    await runner.start();
    device.failWith = fail('device-fault');
    await runner.submit(request(1));
    const { id } = await runner.submit(request(2));
    expect((await runner.waitForEnd(id, LONG_MS)).state).toBe('succeeded');
  });

  it('names a damaged model as such', async () => {
    const { id } = await runner.submit(request());
    rmSync(join(dataDir, 'blobs'), { recursive: true });
    await runner.close();
    runner = makeRunner();
    await runner.start();
    const job = await runner.waitForEnd(id, LONG_MS);
    expect(job).toMatchObject({ state: 'failed', cause: 'internal', failure: { code: 'not-found' } });
  });
});

describe('a full disk', () => {
  const noSpace = (): StoreError => new StoreError('storage-full', 'no space left');

  it('while samples are stored fails the job by name, and the queue goes on', async () => {
    await runner.start();
    const put = store.blobs.put.bind(store.blobs);
    store.blobs.put = () => Promise.reject(noSpace());
    // 80 kB: more than what goes into the completing commit.
    const { id } = await runner.submit(request(10_000));
    const job = await runner.waitForEnd(id, LONG_MS);
    expect(job).toMatchObject({ state: 'failed', cause: 'internal', phase: 'finishing' });
    expect(job.failure).toMatchObject({ code: 'storage-full', retryable: true });
    store.blobs.put = put;
    const next = await runner.submit(request(2));
    expect((await runner.waitForEnd(next.id, LONG_MS)).state).toBe('succeeded');
  });

  it('where a small result is stored by the commit that names it, no file is written', async () => {
    await runner.start();
    store.blobs.put = () => Promise.reject(noSpace());
    const { id } = await runner.submit(request(3));
    const { state, samplesBlob } = await runner.waitForEnd(id, LONG_MS);
    expect(state).toBe('succeeded');
    const { bytes } = (await store.sampleSets.findByJob(id)) ?? {};
    expect((await store.blobs.get(samplesBlob ?? 'sha256:')).length).toBe(bytes);
  });

  it('that cannot even store the end is asked again until it can', async () => {
    await runner.start();
    device.held = true;
    const { id } = await runner.submit(request(1, { retry: 'never' }));
    await device.started();
    const transaction = store.transaction.bind(store);
    let refusals = 0;
    store.transaction = async (work) => {
      if (refusals++ === 0) throw noSpace();
      return transaction(work);
    };
    device.failWith = fail('link-lost');
    device.release();
    expect(await runner.waitForEnd(id, LONG_MS)).toMatchObject({ state: 'failed', cause: 'link-lost' });
    expect(refusals).toBe(2);
  });
});

describe('a job whose link is lost', () => {
  it('runs again, and fails after the third attempt with all of them listed', async () => {
    await runner.start();
    device.failWith = fail('link-lost');
    const first = await runner.submit(request(1));
    expect(await runner.waitForEnd(first.id, LONG_MS)).toMatchObject({
      state: 'succeeded',
      attempts: [{ state: 'failed', cause: 'link-lost' }, { state: 'succeeded' }],
    });
    const relax = device.relax.bind(device);
    device.relax = (...asked) => {
      device.failWith = fail('link-lost');
      return relax(...asked);
    };
    const second = await runner.submit(request(2));
    const job = await runner.waitForEnd(second.id, LONG_MS);
    expect(job).toMatchObject({ state: 'failed', cause: 'link-lost', failure: { code: 'link-lost' } });
    expect(job.attempts.map(({ cause }) => cause)).toEqual(['link-lost', 'link-lost', 'link-lost']);
    expect(device.ran).toEqual([1, 1, 2, 2, 2]);
    expect(runner.counters()).toMatchObject({ finished: { succeeded: 1, failed: 1 } });
  });

  it('is not run again when a cancel was asked for meanwhile', async () => {
    await runner.start();
    device.held = true;
    const { id } = await runner.submit(request(1));
    await device.started();
    await store.jobs.patch(id, { cancelRequestedAt_ms: 1 });
    await runner.close();
    expect(await store.jobs.get(id)).toMatchObject({ state: 'cancelled', cause: 'cancelled' });
  });
});

describe('order', () => {
  it('takes the highest priority first, then the oldest, one at a time', async () => {
    await runner.submit(request(1, { priority: 'batch' }));
    await runner.submit(request(2));
    await runner.submit(request(3, { priority: 'interactive' }));
    const last = await runner.submit(request(4, { priority: 'batch' }));
    await runner.submit(request(5, { priority: 'interactive' }));
    await runner.start();
    await runner.waitForEnd(last.id, LONG_MS);
    expect(device.ran).toEqual([3, 5, 2, 1, 4]);
  });
});

describe('cancelling', () => {
  it('a queued job ends it at once, and the device never hears of it', async () => {
    const { id } = await runner.submit(request());
    expect(await runner.cancel(id)).toMatchObject({ outcome: 'cancelled', job: { state: 'cancelled' } });
    await runner.start();
    const after = await runner.submit(request(9));
    await runner.waitForEnd(after.id, LONG_MS);
    expect(device.ran).toEqual([9]);
    expect(await runner.cancel(id)).toMatchObject({ outcome: 'already-finished' });
  });

  it('a running job stops the device and frees it for the next one', async () => {
    await runner.start();
    device.held = true;
    const { id } = await runner.submit(request());
    await device.started();
    expect(await runner.cancel(id)).toMatchObject({ outcome: 'stopping', job: { state: 'running' } });
    expect(await runner.waitForEnd(id, LONG_MS)).toMatchObject({ state: 'cancelled', cause: 'cancelled' });
    device.held = false;
    const next = await runner.submit(request(2));
    expect((await runner.waitForEnd(next.id, LONG_MS)).state).toBe('succeeded');
    expect(runner.counters().failedByCause).toEqual({});
  });

  it('keeps what is written alongside in the same transaction', async () => {
    const { id } = await runner.submit(request());
    const alongside = (): Promise<void> => Promise.reject(fail('no'));
    await expect(runner.cancel(id, { alongside })).rejects.toThrow('no');
    expect((await runner.view(id)).state).toBe('queued');
  });

  it('an unknown job is an error', async () => {
    await expect(runner.cancel('nobody')).rejects.toMatchObject({ code: 'unknown-job' });
  });
});

describe('a device that is away', () => {
  it('refuses a job, unless it may wait; then it runs when the device is back', async () => {
    await runner.start();
    device.become('offline');
    await expect(runner.submit(request())).rejects.toMatchObject({ code: 'device-offline', retryable: true });
    const { id } = await runner.submit(request(1, { onUnmet: 'wait' }));
    expect((await runner.waitFor(id, 1, 50)).state).toBe('queued');
    device.become('ready');
    expect((await runner.waitForEnd(id, LONG_MS)).state).toBe('succeeded');
  });

  it('that was never seen is held against its capabilities when it comes', async () => {
    await runner.start();
    device.capabilities = null;
    device.backend = null;
    device.become('connecting');
    const { id } = await runner.submit(
      request(1, { onUnmet: 'wait', device: { id: device.id, backend: 'chip' } }),
    );
    device.backend = 'twin';
    device.capabilities = new FakeDevice().capabilities;
    device.become('ready');
    const job = await runner.waitForEnd(id, LONG_MS);
    expect(job).toMatchObject({ state: 'failed', failure: { code: 'wrong-backend' } });
    expect(device.ran).toEqual([]);
  });
});

describe('a restart', () => {
  it('fails what was running and must not be repeated, keeps what was queued', async () => {
    const running = await runner.submit(request(1, { retry: 'never' }));
    const queued = await runner.submit(request(2));
    // As a killed process leaves it.
    await store.jobs.transition(running.id, 'queued', 'running', { startedAt_ms: 1 });
    runner = makeRunner();
    await runner.start();
    expect(await runner.view(running.id)).toMatchObject({
      state: 'failed',
      cause: 'service-restart',
      failure: { retryable: true },
    });
    expect((await runner.waitForEnd(queued.id, LONG_MS)).state).toBe('succeeded');
    expect(device.ran).toEqual([2]);
  });

  it('runs again what was running, with the lost attempt listed', async () => {
    const { id } = await runner.submit(request(1));
    const lost = { startedAt_ms: 1, finishedAt_ms: null, state: 'running', cause: null } as const;
    await store.jobs.transition(id, 'queued', 'running', { startedAt_ms: 1, attempts: [lost] });
    runner = makeRunner();
    await runner.start();
    const job = await runner.waitForEnd(id, LONG_MS);
    expect(job).toMatchObject({ state: 'succeeded', cause: null, failure: null });
    expect(job.attempts).toMatchObject([
      { state: 'failed', cause: 'service-restart' },
      { state: 'succeeded', cause: null },
    ]);
    expect(device.ran).toEqual([1]);
    const log = await store.jobs.log(id);
    expect(log.map(({ attempt }) => attempt)).toEqual([1, 2]);
    expect(log[1].lines[0]).toMatchObject({ message: 'taken from the queue' });
  });

  it('in order puts the running job back, and refuses new ones', async () => {
    await runner.start();
    device.held = true;
    const { id } = await runner.submit(request());
    await device.started();
    await runner.close();
    const put = await store.jobs.get(id);
    expect(put).toMatchObject({ state: 'queued', startedAt_ms: null, finishedAt_ms: null });
    expect(put.attempts).toMatchObject([{ state: 'failed', cause: 'service-restart' }]);
    await expect(runner.submit(request())).rejects.toMatchObject({ code: 'runner-closed' });
  });
});

describe('submitting', () => {
  it('writes the job and what goes with it together or not at all', async () => {
    const alongside = (): Promise<void> => Promise.reject(fail('no'));
    await expect(runner.submit(request(), { alongside })).rejects.toThrow('no');
    expect(await store.jobs.list()).toEqual([]);
    expect(events).toEqual([]);
  });

  it('refuses what the device cannot do, and changes nothing', async () => {
    const tooStrong = await addModel((m) => (m.couplings[1] = m.couplings[UNITS] = 5));
    await expect(runner.submit(request(1, { model: tooStrong }))).rejects.toMatchObject({
      code: 'coupling-out-of-range',
    });
    await expect(runner.submit(request(1, { model: 'sha256:00' }))).rejects.toMatchObject({
      code: 'unknown-model',
    });
    await expect(runner.submit(request(1, { device: { id: 'x' } }))).rejects.toMatchObject({
      code: 'unknown-device',
    });
    const onChip = request(1, { device: { id: device.id, backend: 'chip' } });
    await expect(runner.submit(onChip)).rejects.toMatchObject({ code: 'wrong-backend' });
    await expect(runner.submit(request(20_000))).rejects.toMatchObject({
      code: 'validation-failed',
      errors: [{ pointer: '/samples/count', allowed: { min: 1, max: 10_000 } }],
    });
    expect(await store.jobs.list()).toEqual([]);
  });
});

describe('waiting', () => {
  it('ends with the next change of the row', async () => {
    device.held = true;
    const { id, revision } = await runner.submit(request());
    const change = runner.waitFor(id, revision, LONG_MS);
    await runner.start();
    const seen = await change;
    expect(seen).toMatchObject({ state: 'running', revision: revision + 1 });
    device.release();
    await device.started();
    await runner.cancel(id);
    expect((await runner.waitFor(id, seen.revision, LONG_MS)).state).not.toBe('running');
  });

  it('ends with the time, or when the caller goes', async () => {
    const { id } = await runner.submit(request());
    expect((await runner.waitForEnd(id, 20)).state).toBe('queued');
    const gone = new AbortController();
    const waiting = runner.waitForEnd(id, LONG_MS, gone.signal);
    gone.abort();
    expect((await waiting).state).toBe('queued');
  });
});

describe('calibrations', () => {
  const outcome = {
    values: { noiseTemperature_ratio: 1.01 },
    stderr: { noiseTemperature_ratio: 0.001 },
    device: FAKE_IDENTITY,
    blob: new Uint8Array([1, 2, 3]),
  };

  /** Takes any options. */
  const procedure = (run: CalibrationProcedure<FakeDevice>['run']): CalibrationProcedure<FakeDevice> => ({
    check: () => undefined,
    run,
  });

  it('run in the queue of the device and are named by later results', async () => {
    const seen: JsonObject[] = [];
    procedures['noise-temperature'] = procedure(async (_device, options, control) => {
      seen.push(options);
      control.onProgress({ done: 1, total: 2 });
      return outcome;
    });
    await runner.start();
    const { id } = await runner.submitCalibration({
      kind: 'noise-temperature',
      device: device.id,
      options: { holds: 5 },
    });
    const job = await runner.submit(request());
    const done = await runner.waitForEnd(job.id, LONG_MS);
    const calibration = await runner.viewCalibration(id);
    expect(seen).toEqual([{ holds: 5 }]);
    expect(calibration).toMatchObject({
      state: 'succeeded',
      deviceUid: 'cafe',
      values: outcome.values,
      stderr: outcome.stderr,
    });
    expect(await store.blobs.get(calibration.blob ?? '')).toEqual(outcome.blob);
    expect((done.result as unknown as JobResult).provenance.calibration).toBe(id);
    expect(events.some((e) => e.type === 'calibration.progress')).toBe(true);
  });

  it('that fail say why', async () => {
    procedures['noise-temperature'] = procedure(() => Promise.reject(fail('link-lost')));
    await runner.start();
    const asked = await runner.submitCalibration({ kind: 'noise-temperature', device: device.id });
    let row = asked;
    while (row.state === 'queued' || row.state === 'running')
      row = await runner.waitForCalibration(asked.id, row.revision, LONG_MS);
    expect(row).toMatchObject({ state: 'failed', cause: 'link-lost', failure: { code: 'link-lost' } });
  });

  it('of an unknown kind are refused with the kinds there are', async () => {
    procedures['noise-temperature'] = procedure(() => Promise.reject(fail('x')));
    await expect(runner.submitCalibration({ kind: 'magic', device: device.id })).rejects.toMatchObject({
      code: 'unknown-calibration-kind',
      errors: [{ allowed: ['noise-temperature'] }],
    });
  });
});
