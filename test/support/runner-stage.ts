// For tests: a runner over a store in a new folder, with a fake device and a model, fresh for every test of a file.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import { FakeDevice } from '../fakes/relax-device.ts';
import { systemClock } from '../../src/clock/clock.ts';
import { emptyModel, type Model } from '../../src/physics/index.ts';
import { encodeModelContent, openStore, type Store } from '../../src/store/index.ts';
import {
  createJobRunner,
  type CalibrationProcedure,
  type JobEvent,
  type JobRunner,
  type RelaxJobRequest,
} from '../../src/jobs/index.ts';

export const UNITS = 4;
export const LONG_MS = 20_000;

/** An error of a lower floor. */
export const fail = (code: string, extra: object = {}): Error =>
  Object.assign(new Error(code), { code, ...extra });

export function exampleModel(): Model {
  const example = emptyModel(UNITS);
  example.couplings[1] = example.couplings[UNITS] = 0.25;
  example.biases[2] = -0.5;
  return example;
}

/** What a test has around it. */
export interface Stage {
  dataDir: string;
  store: Store;
  device: FakeDevice;
  procedures: Record<string, CalibrationProcedure<FakeDevice>>;
  /** Made, and not started. */
  runner: JobRunner;
  /** Of the runner that was made last. */
  events: JobEvent[];
  /** The digest of `exampleModel`. */
  model: string;
}

/** Call it once in a file: `at` is filled anew before each test. */
export function useStage() {
  const at = {} as Stage;
  const request = (samples = 3, change: Partial<RelaxJobRequest> = {}): RelaxJobRequest => ({
    mode: 'relax',
    model: at.model,
    device: { id: at.device.id },
    relax: { duration_s: 2.5e-6 },
    samples: { count: samples },
    ...change,
  });
  const makeRunner = (): JobRunner => {
    const { store, device, procedures } = at;
    const devices = new Map([[device.id, device]]);
    const made = createJobRunner({ store, clock: systemClock, devices, procedures });
    at.events = [];
    made.onEvent((event) => at.events.push(event));
    return made;
  };
  const addModel = async (change: (model: Model) => void = () => {}): Promise<string> => {
    const example = exampleModel();
    change(example);
    const bytes = encodeModelContent(example);
    const digest = await at.store.blobs.put(bytes);
    const kept = { name: null, metadata: {}, keyId: null };
    await at.store.models.add({ digest, blob: digest, bytes: bytes.length, units: UNITS, ...kept });
    return digest;
  };

  beforeEach(async () => {
    at.dataDir = mkdtempSync(join(tmpdir(), 'thermoloop-jobs-'));
    at.store = await openStore({ dataDir: at.dataDir, clock: systemClock });
    at.device = new FakeDevice();
    at.procedures = {};
    at.model = await addModel();
    at.runner = makeRunner();
  });

  afterEach(async () => {
    await at.runner.close();
    await at.store.close();
    rmSync(at.dataDir, { recursive: true });
  });
  return { at, request, makeRunner, addModel };
}
