// A job over a recorded line and its replay: the same bytes, with no device.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createTwin, serveTcp } from '../../firmware-sim/ports/index.ts';
import { systemClock } from '../../src/clock/clock.ts';
import { Device, type RelaxRequest, type RelaxResult } from '../../src/device/index.ts';
import { emptyModel, quantise, type Model } from '../../src/physics/index.ts';
import { openPort } from '../../src/transports/index.ts';
import { seededRandom32, seededUniform } from '../support/seeded-random.ts';

const UNITS = 256;
let folder: string;
const closers: (() => Promise<void>)[] = [];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'thermoloop-replay-'));
});
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});
afterAll(() => rm(folder, { recursive: true }));

async function startTwin(): Promise<string> {
  const twin = await createTwin({
    units: UNITS,
    threads: 1,
    seed: 1n,
    noiseTemperatureError_ratio: 0,
    firmwareVersion: 'test',
    clock: systemClock,
  });
  closers.push(() => twin.close());
  const server = await serveTcp(twin.controller, { host: '127.0.0.1', port: 0 });
  closers.push(() => server.close());
  return `127.0.0.1:${server.port}`;
}

function randomModel(seed: number): Model {
  const uniform = seededUniform(seed);
  const model = emptyModel(UNITS);
  for (let i = 0; i < UNITS; i++) {
    model.biases[i] = 0.2 * (uniform() - 0.5);
    for (let j = i + 1; j < UNITS; j++)
      model.couplings[i * UNITS + j] = model.couplings[j * UNITS + i] = 0.1 * (uniform() - 0.5);
  }
  return model;
}

/** Two jobs of different programs, as a host does them. */
async function runJobs(url: string, seed: number): Promise<{ results: RelaxResult[]; backend: string }> {
  const device = new Device({
    id: 'd',
    url,
    openPort: () => openPort(url),
    clock: systemClock,
    random32: seededRandom32(seed),
    hostVersion: 'test',
  });
  try {
    device.start();
    await device.whenReady(10_000);
    const results: RelaxResult[] = [];
    for (const model of [randomModel(1), randomModel(2)]) {
      const request: RelaxRequest = {
        program: quantise(model, device.capabilities?.ranges),
        samples: 300,
        duration_s: 1e-7,
        readAt_s: [1e-7],
        recordSwitchOn: true,
        noiseTemperature_ratio: 1,
        seed: 11n,
      };
      results.push(await device.relax(request));
    }
    return { results, backend: String(device.backend) };
  } finally {
    await device.close();
  }
}

describe('a recorded job', () => {
  it.each([
    ['', ''],
    ['chaos+', 'faults=flip:1e-5,drop:1e-5,spare:4000&seed=1&'],
    ['chaos+', 'faults=flip:3e-5,drop:3e-5,duplicate:1e-5,reorder:1e-2,spare:4000&seed=2&'],
    ['chaos+', 'faults=rate:900000,flip:1e-5,delay:5&seed=3&'],
  ])('over %stcp, %s replays to the same bytes', async (prefix, faults) => {
    const address = await startTwin();
    const file = join(folder, `${Math.random()}.mcap`);
    const recorded = await runJobs(`record+${prefix}tcp://${address}?${faults}capture=${file}`, 1);
    const replayed = await runJobs(`replay:${file}?patience=5`, 2);
    expect(recorded.backend).toBe('twin');
    expect(replayed.backend).toBe('replay');
    expect(replayed.results.map((r) => r.digest)).toEqual(recorded.results.map((r) => r.digest));
    expect(replayed.results.map((r) => r.codes)).toEqual(recorded.results.map((r) => r.codes));
  });
});
