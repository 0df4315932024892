// Device and calibration against the real twin, over memory ports: everything but the operating system is as it ships.
import { afterEach, describe, expect, it } from 'vitest';
import { calibrationProcedures } from '../../src/calibration/index.ts';
import { systemClock } from '../../src/clock/clock.ts';
import {
  Device,
  type DeviceOptions,
  type DeviceProgress,
  type RelaxRequest,
} from '../../src/device/index.ts';
import { emptyModel, quantise, type Model } from '../../src/physics/index.ts';
import { startMemoryTwin, type MemoryTwin } from '../support/memory-twin.ts';
import { seededRandom32, seededUniform } from '../support/seeded-random.ts';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function startTwin(options: Parameters<typeof startMemoryTwin>[0]): Promise<MemoryTwin> {
  const twin = await startMemoryTwin(options);
  closers.push(() => twin.close());
  return twin;
}

function deviceOf(twin: MemoryTwin, options: Partial<DeviceOptions> = {}): Device {
  const device = new Device({
    id: 'twin',
    url: 'memory:',
    openPort: () => twin.openPort(),
    clock: systemClock,
    random32: seededRandom32(5),
    hostVersion: 'test',
    ...options,
  });
  closers.push(() => device.close());
  device.start();
  return device;
}

async function readyDevice(twin: MemoryTwin, options: Partial<DeviceOptions> = {}): Promise<Device> {
  const device = deviceOf(twin, options);
  await device.whenReady(5000);
  return device;
}

/** Couplings and biases from a seed, weak enough to stay a glass of single units. */
function randomModel(units: number, seed: number): Model {
  const uniform = seededUniform(seed);
  const model = emptyModel(units);
  for (let i = 0; i < units; i++) {
    model.biases[i] = 0.2 * (uniform() - 0.5);
    for (let j = i + 1; j < units; j++)
      model.couplings[i * units + j] = model.couplings[j * units + i] = 0.4 * (uniform() - 0.5);
  }
  return model;
}

function relaxRequest(device: Device, model: Model, changes: Partial<RelaxRequest> = {}): RelaxRequest {
  return {
    program: quantise(model, device.capabilities?.ranges),
    samples: 20,
    duration_s: 2.5e-6,
    readAt_s: [1e-6, 2.5e-6],
    recordSwitchOn: true,
    noiseTemperature_ratio: 1,
    seed: 11n,
    ...changes,
  };
}

describe('Device on the twin', () => {
  it('gives the same bytes for the same seed, others for another, and uploads a program once', async () => {
    const device = await readyDevice(await startTwin({ units: 16 }), { expectBackend: 'twin' });
    expect(device).toMatchObject({ backend: 'twin', capabilities: { unitsMax: 16, seed: true } });
    const model = randomModel(16, 3);
    const phases = new Set<DeviceProgress['phase']>();
    const first = await device.relax(relaxRequest(device, model), { onProgress: (p) => phases.add(p.phase) });
    const again = await device.relax(relaxRequest(device, model));
    const other = await device.relax(relaxRequest(device, model, { seed: 12n }));
    expect([...phases]).toEqual(['programming', 'verifying', 'settling', 'relaxing', 'reading']);
    expect(first.codes).toHaveLength(20 * 3 * 16);
    expect(first.reads.map((read) => read.label)).toEqual(['switch-on', 'read', 'read']);
    expect(again.digest).toBe(first.digest);
    expect(again.codes).toEqual(first.codes);
    expect(other.digest).not.toBe(first.digest);
    expect([first, again, other].map((r) => r.timing.skippedUpload)).toEqual([false, true, true]);
    // Another program goes to the bank that is not active; the first one is still there afterwards.
    const second = await device.relax(relaxRequest(device, randomModel(16, 4)));
    expect(second.programId).not.toBe(first.programId);
    const back = await device.relax(relaxRequest(device, model));
    expect(back).toMatchObject({ digest: first.digest, timing: { skippedUpload: true } });
  });

  it('gives samples as they arrive, each once and in order, while they are wanted', async () => {
    const device = await readyDevice(await startTwin({ units: 16 }));
    const request = relaxRequest(device, randomModel(16, 3), { samples: 200 });
    const seen = new Int16Array(200 * 3 * 16);
    let samples = 0;
    const result = await device.relax(request, {
      onSamples: (codes, firstSample) => {
        expect(firstSample).toBe(samples);
        seen.set(codes, firstSample * 3 * 16);
        samples += codes.length / (3 * 16);
      },
    });
    expect(samples).toBe(200);
    expect(seen).toEqual(result.codes);
    let wanted = 0;
    await device.relax(request, {
      wantsSamples: () => {
        wanted += 1;
        return false;
      },
      onSamples: () => {
        throw new Error('decoded although nobody wants it');
      },
    });
    expect(wanted).toBeGreaterThan(0);
  });

  it('splits a schedule into phases without disturbing the samples', async () => {
    const device = await readyDevice(await startTwin({ units: 8 }));
    const model = randomModel(8, 5);
    const few = await device.relax(relaxRequest(device, model, { readAt_s: [2.5e-6] }));
    const many = await device.relax(
      relaxRequest(device, model, { readAt_s: [0.3e-6, 0.7e-6, 1.1e-6, 2.5e-6] }),
    );
    for (let sample = 0; sample < 20; sample++) {
      const last = (result: typeof few): Int16Array => {
        const end = (sample + 1) * result.reads.length * 8;
        return result.codes.subarray(end - 8, end);
      };
      expect(last(many)).toEqual(last(few));
    }
  });

  it('is ended at once by a pulled cable, comes back, and works', async () => {
    const twin = await startTwin({ units: 64 });
    const device = await readyDevice(twin);
    const long = relaxRequest(device, randomModel(64, 6), { samples: 100_000 });
    const { promise: reading, resolve: onReading } = Promise.withResolvers<void>();
    const failure = device
      .relax(long, { onProgress: (p) => p.phase === 'reading' && onReading() })
      .catch((error: unknown) => error);
    await reading;
    await twin.unplug();
    expect(await failure).toMatchObject({ code: 'link-lost', retryable: true, outcome: 'unknown' });
    expect(device.state).toBe('offline');
    await device.whenReady(10_000);
    const result = await device.relax(relaxRequest(device, randomModel(64, 6)));
    expect(result.samples).toBe(20);
    expect(device.counters()).toMatchObject({ connects: 2, operationsFailed: { 'link-lost': 1 } });
  });

  it('stops the twin when the caller gives up, and is ready for the next', async () => {
    const device = await readyDevice(await startTwin({ units: 64 }));
    const caller = new AbortController();
    const long = relaxRequest(device, randomModel(64, 6), { samples: 100_000 });
    const run = device.relax(long, {
      signal: caller.signal,
      onProgress: (p) => p.phase === 'reading' && caller.abort(),
    });
    await expect(run).rejects.toMatchObject({ code: 'cancelled' });
    expect(device.state).toBe('ready');
    expect((await device.relax(relaxRequest(device, randomModel(64, 6)))).samples).toBe(20);
  });

  it('is refused where a chip is expected, and says what it is', async () => {
    const twin = await startTwin({ units: 4 });
    const device = deviceOf(twin, { expectBackend: 'chip' });
    await expect(device.whenReady(5000)).rejects.toMatchObject({ code: 'wrong-backend' });
    expect(device).toMatchObject({ state: 'refused', backend: 'twin', identity: { uid: twin.uid } });
  });
});

describe('calibration noise-temperature on the twin', () => {
  it.each([-0.1, 0.1])('recovers a planted error of %f', async (noiseTemperatureError_ratio) => {
    const twin = await startTwin({ units: 64, noiseTemperatureError_ratio });
    const device = await readyDevice(twin);
    const { values, stderr } = await calibrationProcedures['noise-temperature'].run(
      device,
      { seed: 21, holds: 300, step_timeUnits: 0.002 },
      { onProgress: () => undefined, signal: new AbortController().signal },
    );
    const ratio = values['noiseTemperature_ratio'] as number;
    const error = stderr['noiseTemperature_ratio'] as number;
    expect(error).toBeLessThan(0.006);
    // Three standard errors, and the 0.24 % that this step adds (decision 2).
    expect(Math.abs(ratio - (1 + noiseTemperatureError_ratio))).toBeLessThan(3 * error + 0.0024);
    expect(values).toMatchObject({ crossCheck: { trusted: true }, flagged: [] });
  });

  it.each([
    [-0.1, 31],
    [-0.1, 32],
    [0.1, 33],
    [0.1, 34],
  ])('recovers %f of 784 units within 1 percent from 200 holds (seed %i)', async (planted_ratio, seed) => {
    const twin = await startTwin({ units: 784, noiseTemperatureError_ratio: planted_ratio });
    const { values, stderr } = await calibrationProcedures['noise-temperature'].run(
      await readyDevice(twin),
      { seed, holds: 200, step_timeUnits: 0.002 },
      { onProgress: () => undefined, signal: new AbortController().signal },
    );
    const ratio = values['noiseTemperature_ratio'] as number;
    expect(Math.abs(ratio / (1 + planted_ratio) - 1)).toBeLessThan(0.01);
    expect(stderr['noiseTemperature_ratio']).toBeLessThan(0.002);
  });
});
