// What an attempt costs: from meters to entries, and the entries that the runner writes with every end of an attempt.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CAPABILITIES, FakeDevice } from '../../../test/fakes/relax-device.ts';
import { systemClock } from '../../clock/clock.ts';
import type { TelemetryReading } from '../../device/index.ts';
import { emptyModel } from '../../physics/index.ts';
import { encodeModelContent, openStore, type Store } from '../../store/index.ts';
import { createJobRunner, type EarlyStop, type JobResult, type JobRunner } from '../index.ts';
import { byHour, energyBetween_J } from './energy.ts';
import { effectiveSamples } from './entries.ts';

const HOUR_MS = 3_600_000;
const LONG_MS = 20_000;

/** Meters at a time; idle, program, relax, read. */
function meters(at_ms: number, ...joules: (number | null)[]): TelemetryReading {
  const [idleEnergy_J, programEnergy_J, relaxEnergy_J, readEnergy_J] = joules;
  const values = { idleEnergy_J, programEnergy_J, relaxEnergy_J, readEnergy_J };
  return { at_ms, uptime_s: at_ms / 1000, values };
}

describe('meters', () => {
  it('give the difference of sums, phase by phase', () => {
    expect(energyBetween_J(meters(0, 1, 2, 3, 4), meters(1, 1.5, 2, 5, 8))).toEqual({
      idle: 0.5,
      program: 0,
      relax: 2,
      read: 4,
    });
  });

  it.each([
    ['a meter that fell', meters(1, 1, 2, 2.9, 9)],
    ['a meter that says nothing', meters(1, 1, null, 9, 9)],
    ['a meter that is missing', { at_ms: 1, uptime_s: 1, values: { idleEnergy_J: 9 } }],
  ])('give nothing for %s', (_what, after) => {
    expect(energyBetween_J(meters(0, 1, 2, 3, 4), after)).toBeNull();
    expect(energyBetween_J(after, meters(2, 1, 1, 1, 1))).toBeNull();
  });

  it('are parted by the hour, without loss', () => {
    const energy_J = { idle: 60, program: 6, relax: 0, read: 0 };
    const parts = byHour({ from_ms: HOUR_MS / 2, to_ms: 3 * HOUR_MS, energy_J });
    expect(parts.map(({ from_ms, to_ms }) => [from_ms / HOUR_MS, to_ms / HOUR_MS])).toEqual([
      [0.5, 1],
      [1, 2],
      [2, 3],
    ]);
    expect(parts.map((part) => part.energy_J.idle)).toEqual([12, 24, 24]);
    expect(byHour({ from_ms: 5, to_ms: 5, energy_J })).toEqual([]);
  });
});

describe('effective samples', () => {
  const stop = (...found: Partial<EarlyStop['observables'][number]>[]): EarlyStop => ({
    targetEss: 1,
    stoppedBy: 'target',
    observables: found.map((one) => ({
      name: 'energy',
      unit: null,
      ess: 100,
      essStderr: 1,
      autocorrelationTime: 1,
      quality: 'trusted',
      ...one,
    })),
    batches: [],
  });

  it('are those of the observable that knows least', () => {
    expect(effectiveSamples(stop({ ess: 80 }, { ess: 40 }, { quality: 'constant', ess: null }))).toBe(40);
  });

  it('are not known without a measurement that is to be believed', () => {
    expect(effectiveSamples(undefined)).toBeNull();
    expect(effectiveSamples(stop())).toBeNull();
    expect(effectiveSamples(stop({}, { quality: 'short' }))).toBeNull();
    expect(effectiveSamples(stop({ quality: 'constant', ess: null }))).toBeNull();
  });
});

describe('the entry of an attempt', () => {
  let dataDir: string;
  let store: Store;
  let device: FakeDevice;
  let runner: JobRunner;
  let model: string;

  const start = (): JobRunner =>
    createJobRunner({ store, clock: systemClock, devices: new Map([[device.id, device]]) });

  beforeEach(async () => {
    dataDir = mkdtempSync(join(tmpdir(), 'thermoloop-heat-'));
    store = await openStore({ dataDir, clock: systemClock });
    device = new FakeDevice();
    const metrics = ['idleEnergy_J', 'programEnergy_J', 'relaxEnergy_J', 'readEnergy_J'] as const;
    const telemetry = { mask: 1, metrics: [...metrics], periodMin_s: 1, periodMax_s: 1 };
    device.capabilities = { ...CAPABILITIES, telemetry };
    const bytes = encodeModelContent(emptyModel(2));
    model = await store.blobs.put(bytes);
    const row = { blob: model, units: 2, bytes: bytes.length, name: null, metadata: {}, keyId: null };
    await store.models.add({ ...row, digest: model as never, blob: model as never });
    runner = start();
    await runner.start();
  });

  afterEach(async () => {
    await runner.close();
    await store.close();
    rmSync(dataDir, { recursive: true });
  });

  const run = async (change: object = {}) => {
    const { id } = await runner.submit(
      {
        mode: 'relax',
        model,
        device: { id: device.id },
        relax: { duration_s: 2.5e-6 },
        samples: { count: 5 },
        ...change,
      },
      { keyId: 'k1' },
    );
    return runner.waitForEnd(id, LONG_MS);
  };

  it('has the joules of a job that succeeded, which stand in its result too', async () => {
    device.meters.push(meters(10_000, 1, 1, 1, 1), meters(12_000, 1.5, 2, 3, 5));
    const job = await run();
    const [entry, ...others] = await store.heat.ofJob(job.id);
    expect(others).toEqual([]);
    expect(entry).toMatchObject({
      device: device.id,
      backend: 'twin',
      jobId: job.id,
      attempt: 1,
      keyId: 'k1',
      ended: 'succeeded',
      from_ms: 10_000,
      to_ms: 12_000,
      samples: 5,
      effectiveSamples: null,
      energy_J: { idle: 0.5, program: 1, relax: 2, read: 4 },
      energyReason: null,
      heatReason: null,
      calibration: null,
    });
    const result = job.result as unknown as JobResult;
    expect(result.energy_J).toEqual({ ...entry.energy_J, total: 7.5 });
    expect(result.energyReason).toBeNull();
    const { released_kT = NaN, absorbed_kT = NaN, mean_kT = NaN } = result.heat ?? {};
    expect(entry).toMatchObject({ released_kT, absorbed_kT });
    expect(released_kT - absorbed_kT).toBeCloseTo(5 * mean_kT, 9);
  });

  it('says why there are no joules where the device has no meters', async () => {
    device.capabilities = CAPABILITIES;
    const job = await run({ record: { heat: false } });
    expect(job.result).toMatchObject({ energy_J: null, energyReason: 'the device has no meters for energy' });
    expect(await store.heat.ofJob(job.id)).toMatchObject([
      {
        energy_J: null,
        energyReason: 'the device has no meters for energy',
        released_kT: null,
        absorbed_kT: null,
      },
    ]);
  });

  it('gives what lies between two jobs to the device', async () => {
    device.meters.push(meters(10_000, 1, 1, 1, 1), meters(12_000, 1.5, 2, 3, 5));
    device.meters.push(meters(20_000, 6.5, 2, 3, 5), meters(21_000, 7, 3, 4, 6));
    const jobs = [await run(), await run()];
    const to_ms = 30_000;
    const groups = await store.heat.groups({ device: device.id, by: 'key', from_ms: 0, to_ms, limit: 9 });
    expect(groups).toMatchObject([
      { group: 'k1', attempts: 2, samples: 10, energy_J: { idle: 1, program: 2, relax: 3, read: 5 } },
      { group: 'device', attempts: 0, deviceEnergy_J: { idle: 5, program: 0, relax: 0, read: 0 } },
    ]);
    expect((await store.heat.ofJob(jobs[1].id))[0].energy_J).toEqual({
      idle: 0.5,
      program: 1,
      relax: 1,
      read: 1,
    });
  });

  it('has the joules of an attempt that failed, and of the one that is made again', async () => {
    device.meters.push(meters(10_000, 1, 1, 1, 1), meters(12_000, 1, 2, 2, 2));
    device.meters.push(meters(12_000, 1, 2, 2, 2), meters(13_000, 1, 3, 3, 3));
    device.failWith = Object.assign(new Error('gone'), { code: 'link-lost', retryable: true });
    const job = await run();
    expect(job.attempts.map(({ state }) => state)).toEqual(['failed', 'succeeded']);
    expect(await store.heat.ofJob(job.id)).toMatchObject([
      { attempt: 1, ended: 'failed', samples: 0, heatReason: 'the attempt has no samples' },
      { attempt: 2, ended: 'succeeded', samples: 5 },
    ]);
    expect((await store.heat.ofJob(job.id)).map(({ energy_J }) => energy_J?.read)).toEqual([1, 1]);
  });

  it('says that joules are a lower bound where the meters were not told again', async () => {
    device.meters.push(meters(10_000, 1, 1, 1, 1));
    device.failWith = Object.assign(new Error('gone'), { code: 'link-lost' });
    const [before] = device.meters;
    let looks = 0;
    Object.defineProperty(device, 'telemetry', {
      value: {
        get status() {
          return { latest: meters(11_000, 1, 1.5, 1, 1) };
        },
        readNow: async () => (looks++ === 0 ? before : null),
      },
    });
    const job = await run({ retry: 'never' });
    const [entry] = await store.heat.ofJob(job.id);
    expect(entry).toMatchObject({ ended: 'failed', energy_J: { program: 0.5, relax: 0 } });
    expect(entry.energyReason).toContain('lower bound');
  });

  it('is written once for an attempt that a process left behind', async () => {
    device.held = true;
    const started = device.started();
    const { id } = await runner.submit({
      mode: 'relax',
      model,
      device: { id: device.id },
      relax: { duration_s: 2.5e-6 },
      samples: { count: 5 },
      retry: 'never',
    });
    await started;
    const other = createJobRunner({ store, clock: systemClock, devices: new Map() });
    await other.start();
    expect(await store.jobs.get(id)).toMatchObject({ state: 'failed', cause: 'service-restart' });
    expect(await store.heat.ofJob(id)).toMatchObject([{ attempt: 1, ended: 'failed', energy_J: null }]);
    device.held = false;
    device.release();
    await other.close();
  });
});
