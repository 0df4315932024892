// Jobs and calibrations of a runner as they are meant to go: submitted, in order, told, cancelled, waited for.
import { describe, expect, it } from 'vitest';
import type { FakeDevice } from '../../test/fakes/relax-device.ts';
import { FAKE_IDENTITY } from '../../test/fakes/relax-device.ts';
import { calibrationProcedures } from '../calibration/index.ts';
import type { Device } from '../device/index.ts';
import { heat_kT } from '../physics/index.ts';
import type { JsonObject } from '../store/index.ts';
import type { CalibrationProcedure } from './calibration-port.ts';
import {
  createJobRunner,
  readJobSamples,
  type JobResult,
  type JobRunner,
  type JobRunnerOptions,
} from './index.ts';
import { LONG_MS, UNITS, exampleModel, fail, useStage } from '../../test/support/runner-stage.ts';

// Compiles for as long as real devices and procedures can take the place of the fakes.
export const realRunner = (options: JobRunnerOptions<Device>): JobRunner =>
  createJobRunner<Device>({ ...options, procedures: calibrationProcedures });

const { at, request, addModel } = useStage();

describe('a job that succeeds', () => {
  it('stores samples, heat and provenance with its end', async () => {
    await at.runner.start();
    const { id } = await at.runner.submit(
      request(3, { labels: { run: 'A' }, noiseTemperature: 0.5, seed: 7 }),
    );
    const job = await at.runner.waitForEnd(id, LONG_MS);
    expect(job).toMatchObject({ state: 'succeeded', phase: null, cause: null, progress: null, revision: 3 });
    expect(job.attempts).toMatchObject([{ state: 'succeeded', cause: null }]);
    const result = job.result as unknown as JobResult;
    expect(result.samples).toMatchObject({ shape: [3, 2, UNITS], dtype: 'int16', wireDigest: 'bb' });
    expect(result.provenance).toMatchObject({
      deviceUid: 'cafe',
      backend: 'twin',
      model: at.model,
      seed: '7',
      fastMode: false,
      noiseTemperature_ratio: 0.5,
      calibration: null,
    });
    // In kT of the job: half the program's kT is twice the heat.
    const expected = 2 * heat_kT(exampleModel(), Array(UNITS).fill(1), Array(UNITS).fill(0.5));
    expect(result.heat?.mean_kT).toBeCloseTo(expected, 2);
    expect(result.heat).toMatchObject({ sd_kT: 0, n: 3, until_s: 2.5e-6 });
    const samples = await readJobSamples(at.store, id);
    expect([...(samples?.codes.subarray(0, 2 * UNITS) ?? [])]).toEqual([
      ...(Array(UNITS).fill(1024) as number[]),
      ...(Array(UNITS).fill(512) as number[]),
    ]);
    expect(samples?.heat_kT?.[2]).toBe(result.heat?.mean_kT);
    expect(at.runner.counters()).toMatchObject({ finished: { succeeded: 1 }, samples: 3 });
  });

  it('has no heat without the switch-on read, and says why; a long step is labelled', async () => {
    await at.runner.start();
    const { id } = await at.runner.submit(request(2, { record: { heat: false }, step_s: 1e-8 }));
    const job = await at.runner.waitForEnd(id, LONG_MS);
    const result = job.result as unknown as JobResult;
    expect(result.heat).toBeNull();
    expect(result.heatReason).toMatch(/record\.heat/);
    expect(result.provenance.fastMode).toBe(true);
    expect((await readJobSamples(at.store, id))?.heat_kT).toBeNull();
  });

  it('is told as it goes: states in order, progress by phase', async () => {
    await at.runner.start();
    const { id } = await at.runner.submit(request());
    await at.runner.waitForEnd(id, LONG_MS);
    const states = at.events.flatMap((e) => (e.type === 'job.state' ? e.job.state : []));
    expect(states).toEqual(['queued', 'running', 'succeeded']);
    const phases = at.events.flatMap((e) => (e.type === 'job.progress' ? e.progress.phase : []));
    expect(phases).toEqual(['programming', 'relaxing', 'reading', 'finishing']);
  });
});

describe('order', () => {
  it('takes the highest priority first, then the oldest, one at a time', async () => {
    await at.runner.submit(request(1, { priority: 'batch' }));
    await at.runner.submit(request(2));
    await at.runner.submit(request(3, { priority: 'interactive' }));
    const last = await at.runner.submit(request(4, { priority: 'batch' }));
    await at.runner.submit(request(5, { priority: 'interactive' }));
    await at.runner.start();
    await at.runner.waitForEnd(last.id, LONG_MS);
    expect(at.device.ran).toEqual([3, 5, 2, 1, 4]);
  });
});

describe('cancelling', () => {
  it('a queued job ends it at once, and the device never hears of it', async () => {
    const { id } = await at.runner.submit(request());
    expect(await at.runner.cancel(id)).toMatchObject({ outcome: 'cancelled', job: { state: 'cancelled' } });
    await at.runner.start();
    const after = await at.runner.submit(request(9));
    await at.runner.waitForEnd(after.id, LONG_MS);
    expect(at.device.ran).toEqual([9]);
    expect(await at.runner.cancel(id)).toMatchObject({ outcome: 'already-finished' });
  });

  it('a running job stops the device and frees it for the next one', async () => {
    await at.runner.start();
    at.device.held = true;
    const { id } = await at.runner.submit(request());
    await at.device.started();
    expect(await at.runner.cancel(id)).toMatchObject({ outcome: 'stopping', job: { state: 'running' } });
    expect(await at.runner.waitForEnd(id, LONG_MS)).toMatchObject({ state: 'cancelled', cause: 'cancelled' });
    at.device.held = false;
    const next = await at.runner.submit(request(2));
    expect((await at.runner.waitForEnd(next.id, LONG_MS)).state).toBe('succeeded');
    expect(at.runner.counters().failedByCause).toEqual({});
  });

  it('keeps what is written alongside in the same transaction', async () => {
    const { id } = await at.runner.submit(request());
    const alongside = (): Promise<void> => Promise.reject(fail('no'));
    await expect(at.runner.cancel(id, { alongside })).rejects.toThrow('no');
    expect((await at.runner.view(id)).state).toBe('queued');
  });

  it('an unknown job is an error', async () => {
    await expect(at.runner.cancel('nobody')).rejects.toMatchObject({ code: 'unknown-job' });
  });
});

describe('submitting', () => {
  it('writes the job and what goes with it together or not at all', async () => {
    const alongside = (): Promise<void> => Promise.reject(fail('no'));
    await expect(at.runner.submit(request(), { alongside })).rejects.toThrow('no');
    expect(await at.store.jobs.list()).toEqual([]);
    expect(at.events).toEqual([]);
  });

  it('refuses what the device cannot do, and changes nothing', async () => {
    const tooStrong = await addModel((m) => (m.couplings[1] = m.couplings[UNITS] = 5));
    await expect(at.runner.submit(request(1, { model: tooStrong }))).rejects.toMatchObject({
      code: 'coupling-out-of-range',
    });
    await expect(at.runner.submit(request(1, { model: 'sha256:00' }))).rejects.toMatchObject({
      code: 'unknown-model',
    });
    await expect(at.runner.submit(request(1, { device: { id: 'x' } }))).rejects.toMatchObject({
      code: 'unknown-device',
    });
    const onChip = request(1, { device: { id: at.device.id, backend: 'chip' } });
    await expect(at.runner.submit(onChip)).rejects.toMatchObject({ code: 'wrong-backend' });
    await expect(at.runner.submit(request(20_000))).rejects.toMatchObject({
      code: 'validation-failed',
      errors: [{ pointer: '/samples/count', allowed: { min: 1, max: 10_000 } }],
    });
    expect(await at.store.jobs.list()).toEqual([]);
  });
});

describe('waiting', () => {
  it('ends with the next change of the row', async () => {
    at.device.held = true;
    const { id, revision } = await at.runner.submit(request());
    const change = at.runner.waitFor(id, revision, LONG_MS);
    await at.runner.start();
    const seen = await change;
    expect(seen).toMatchObject({ state: 'running', revision: revision + 1 });
    at.device.release();
    await at.device.started();
    await at.runner.cancel(id);
    expect((await at.runner.waitFor(id, seen.revision, LONG_MS)).state).not.toBe('running');
  });

  it('ends with the time, or when the caller goes', async () => {
    const { id } = await at.runner.submit(request());
    expect((await at.runner.waitForEnd(id, 20)).state).toBe('queued');
    const gone = new AbortController();
    const waiting = at.runner.waitForEnd(id, LONG_MS, gone.signal);
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
    at.procedures['noise-temperature'] = procedure(async (_device, options, control) => {
      seen.push(options);
      control.onProgress({ done: 1, total: 2 });
      return outcome;
    });
    await at.runner.start();
    const { id } = await at.runner.submitCalibration({
      kind: 'noise-temperature',
      device: at.device.id,
      options: { holds: 5 },
    });
    const job = await at.runner.submit(request());
    const done = await at.runner.waitForEnd(job.id, LONG_MS);
    const calibration = await at.runner.viewCalibration(id);
    expect(seen).toEqual([{ holds: 5 }]);
    expect(calibration).toMatchObject({
      state: 'succeeded',
      deviceUid: 'cafe',
      values: outcome.values,
      stderr: outcome.stderr,
    });
    expect(await at.store.blobs.get(calibration.blob ?? '')).toEqual(outcome.blob);
    expect((done.result as unknown as JobResult).provenance.calibration).toBe(id);
    expect(at.events.some((e) => e.type === 'calibration.progress')).toBe(true);
  });

  it('that fail say why', async () => {
    at.procedures['noise-temperature'] = procedure(() => Promise.reject(fail('link-lost')));
    await at.runner.start();
    const asked = await at.runner.submitCalibration({ kind: 'noise-temperature', device: at.device.id });
    let row = asked;
    while (row.state === 'queued' || row.state === 'running')
      row = await at.runner.waitForCalibration(asked.id, row.revision, LONG_MS);
    expect(row).toMatchObject({ state: 'failed', cause: 'link-lost', failure: { code: 'link-lost' } });
  });

  it('of an unknown kind are refused with the kinds there are', async () => {
    at.procedures['noise-temperature'] = procedure(() => Promise.reject(fail('x')));
    await expect(at.runner.submitCalibration({ kind: 'magic', device: at.device.id })).rejects.toMatchObject({
      code: 'unknown-calibration-kind',
      errors: [{ allowed: ['noise-temperature'] }],
    });
  });
});
