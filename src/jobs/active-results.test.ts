// What a calibration is told of its chip: the results that count on it, and on no other, as arrays over the ideal.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { FAKE_IDENTITY, FakeDevice } from '../../test/fakes/relax-device.ts';
import { systemClock } from '../clock/clock.ts';
import { openStore, type Store } from '../store/index.ts';
import type { CalibrationControl, CalibrationOutcome, CalibrationProcedure } from './calibration-port.ts';
import { createJobRunner, type CalibrationView, type JobRunner } from './index.ts';

const LONG_MS = 20_000;
const perUnit = (values: object): CalibrationOutcome['values'] => ({ perUnit: { ...values } });
let dataDir: string;
let store: Store;
let runner: JobRunner;
let device: FakeDevice;
/** What the last calibration was told. */
let told: CalibrationControl | null;

/** Says what it is asked to say, of the chip that the device is. */
const echo = (
  outcome: Pick<CalibrationOutcome, 'values' | 'stderr' | 'blob'>,
): CalibrationProcedure<FakeDevice> => ({
  check: () => undefined,
  run: async (_device, _options, control) => {
    told = control;
    return { ...outcome, device: { ...FAKE_IDENTITY, uid: device.identity?.uid ?? '' } };
  },
});
const offset = { values: perUnit({ offset_x: [0.01, 0.02], noise_x: [0.001, 0.002] }), stderr: {} };
const map = new Uint8Array(Float32Array.of(1, 0.5, 0.6, 1, 0, 0.1, 0.1, 0).buffer);

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'thermoloop-active-'));
  store = await openStore({ dataDir, clock: systemClock });
  device = new FakeDevice();
  device.identity = { uid: 'chip-a' };
  told = null;
  runner = createJobRunner({
    store,
    clock: systemClock,
    devices: new Map([[device.id, device]]),
    procedures: {
      'readout-offset': echo(offset),
      'coupling-map': echo({ values: { gain_ratio: 0.9 }, stderr: {}, blob: map }),
      full: echo({
        values: { nodes: { mobility: { state: 'succeeded', values: { mobility_ratio: 1.1 } } } },
        stderr: {},
      }),
      mobility: echo({ values: { mobility_ratio: 1.2 }, stderr: {} }),
    },
  });
  await runner.start();
});
afterEach(async () => {
  await runner.close();
  await store.close();
  rmSync(dataDir, { recursive: true, force: true });
});

async function calibrate(kind: string): Promise<CalibrationView> {
  let view = await runner.submitCalibration({ kind, device: device.id });
  while (view.finishedAt_ms === null) view = await runner.waitForCalibration(view.id, view.revision, LONG_MS);
  expect(view.state).toBe('succeeded');
  // Ages are told apart by their milliseconds.
  await new Promise((resolve) => setTimeout(resolve, 2));
  return view;
}

it('knows nothing at first, and then what has been measured, blobs included', async () => {
  await calibrate('readout-offset');
  expect(told?.known.readout).toBeNull();
  expect(told?.active).toEqual({});
  await calibrate('coupling-map');
  expect(told?.known.readout?.offset_x).toEqual(Float64Array.of(0.01, 0.02));
  expect(told?.active['readout-offset']?.age_s).toBeLessThan(60);
  await calibrate('coupling-map');
  expect(told?.known.coupling?.common_ratio).toBe(0.9);
  expect(told?.known.coupling?.map_ratio?.[1]).toBe(0.5);
});

it('takes the younger of a full calibration and one of the kind, and does not mix chips', async () => {
  await calibrate('mobility');
  await calibrate('full');
  await calibrate('readout-offset');
  expect(told?.known.mobility).toEqual({ common_ratio: 1.1 });
  await calibrate('mobility');
  await calibrate('readout-offset');
  expect(told?.known.mobility).toEqual({ common_ratio: 1.2 });
  device.identity = { uid: 'chip-b' };
  await calibrate('mobility');
  expect(told?.known).toMatchObject({ mobility: null, readout: null });
});

it('knows of no chip while nobody has said which one it is', async () => {
  await calibrate('mobility');
  device.identity = null;
  await calibrate('mobility');
  expect(told?.active).toEqual({});
});
