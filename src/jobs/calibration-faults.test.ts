// Calibrations and planted faults: refused unless forced, at the door and when they run, and results that say so.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FAKE_IDENTITY, FakeDevice } from '../../test/fakes/relax-device.ts';
import { systemClock } from '../clock/clock.ts';
import { emptyModel } from '../physics/index.ts';
import { encodeModelContent, openStore, type Store } from '../store/index.ts';
import type { CalibrationProcedure } from './calibration-port.ts';
import { createJobRunner, type CalibrationView, type JobResult, type JobRunner } from './index.ts';

const LONG_MS = 20_000;
let dataDir: string;
let store: Store;
let device: FakeDevice;
let runner: JobRunner;
/** Called in the middle of a calibration. */
let meanwhile: () => void;

const procedure: CalibrationProcedure<FakeDevice> = {
  check: () => undefined,
  run: async () => {
    meanwhile();
    return {
      values: {},
      stderr: {},
      device: FAKE_IDENTITY,
    };
  },
};

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'thermoloop-faults-'));
  store = await openStore({ dataDir, clock: systemClock });
  device = new FakeDevice();
  meanwhile = () => undefined;
  const devices = new Map([[device.id, device]]);
  runner = createJobRunner({ store, clock: systemClock, devices, procedures: { hold: procedure } });
  await runner.start();
});
afterEach(async () => {
  await runner.close();
  await store.close();
  rmSync(dataDir, { recursive: true, force: true });
});

/** Plants or clears, as a device that tells of it. */
function plant(active: boolean): void {
  device.faultsActive = active;
  device.become(device.state);
}

function calibrate(more: { force?: boolean; onUnmet?: 'wait' } = {}): Promise<CalibrationView> {
  return runner.submitCalibration({ kind: 'hold', device: device.id, ...more });
}

async function ended(submitted: CalibrationView): Promise<CalibrationView> {
  let view = submitted;
  while (view.finishedAt_ms === null) {
    view = await runner.waitForCalibration(view.id, view.revision, LONG_MS);
  }
  return view;
}

describe('a calibration', () => {
  it('without faults says so', async () => {
    const view = await ended(await calibrate());
    expect(view).toMatchObject({ state: 'succeeded', forced: false, provenance: { faultsActive: false } });
  });

  it('is refused while faults are planted, with what to do', async () => {
    plant(true);
    const refusal = {
      code: 'faults-active',
      retryable: false,
      remedy: expect.stringContaining('"force": true') as string,
    };
    await expect(calibrate()).rejects.toMatchObject(refusal);
    expect(await store.calibrations.list()).toEqual([]);
  });

  it('that is forced runs, and its result says so', async () => {
    plant(true);
    const view = await ended(await calibrate({ force: true }));
    expect(view).toMatchObject({ state: 'succeeded', forced: true, provenance: { faultsActive: true } });
    expect(await store.calibrations.find(view.id)).toMatchObject({ forced: true });
  });

  it.each([
    ['that are there when it begins', () => plant(true), () => undefined],
    ['planted and cleared in the middle of it', () => undefined, () => [true, false].forEach(plant)],
    ['planted in the middle of it', () => undefined, () => plant(true)],
  ])('fails for faults %s', async (_name, before, during) => {
    device.become('offline');
    const queued = await calibrate({ onUnmet: 'wait' });
    before();
    meanwhile = during;
    device.become('ready');
    const view = await ended(queued);
    expect(view).toMatchObject({
      state: 'failed',
      cause: 'device-fault',
      failure: { code: 'faults-active' },
    });
  });

  it('that is forced and waits keeps that over a restart', async () => {
    device.become('offline');
    plant(true);
    const queued = await calibrate({ force: true, onUnmet: 'wait' });
    await runner.close();
    const devices = new Map([[device.id, device]]);
    runner = createJobRunner({ store, clock: systemClock, devices, procedures: { hold: procedure } });
    await runner.start();
    device.become('ready');
    expect(await ended(queued)).toMatchObject({ state: 'succeeded', provenance: { faultsActive: true } });
  });
});

describe('a job', () => {
  it.each([
    ['no fault', () => undefined, false],
    ['a fault that was cleared again during the run', () => [true, false].forEach(plant), true],
    ['a fault planted during the run', () => plant(true), true],
  ])('with %s: its provenance says so', async (_name, during, faultsActive) => {
    const bytes = encodeModelContent(emptyModel(4));
    const model = await store.blobs.put(bytes);
    const facts = { digest: model, blob: model, bytes: bytes.length, units: 4, name: null };
    await store.models.add({ ...facts, metadata: {}, keyId: null });
    device.held = true;
    const job = await runner.submit({
      mode: 'relax',
      model,
      device: { id: device.id },
      relax: { duration_s: 2.5e-6 },
      samples: { count: 3 },
    });
    await device.started();
    during();
    device.release();
    const view = await runner.waitForEnd(job.id, LONG_MS);
    expect((view.result as unknown as JobResult).provenance.faultsActive).toBe(faultsActive);
  });
});
