// The host's link against the real firmware and analog core of the twin, joined by memory ports in one process: what a
// damaged line may change (time, counters) and what it may not (a single code).
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTwinCore, type AnalogCore } from '../../firmware-sim/chip/index.ts';
import {
  createController,
  twinCapabilities,
  twinLimits,
  type Controller,
} from '../../firmware-sim/firmware/index.ts';
import { systemClock } from '../../src/clock/clock.ts';
import { connect, LinkError, type Link, type RunRequest } from '../../src/link/index.ts';
import { encodeProgramImage, quantise, UNLIMITED_RANGES } from '../../src/physics/index.ts';
import { createMemoryPair } from '../../src/transports/memory/memory-port.ts';
import { lossyPort, type Damage } from '../support/lossy-port.ts';
import { seededRandom32, seededUniform } from '../support/seeded-random.ts';

const UNITS = 512;
const SAMPLES = 256;

let core: AnalogCore;
const controllers: Controller[] = [];

beforeAll(async () => {
  core = await createTwinCore({ units: UNITS, threads: 1, noiseTemperatureError_ratio: 0 });
});

afterAll(async () => {
  for (const controller of controllers) controller.close();
  await core.close();
});

function boot(seed: number): Controller {
  const controller = createController({
    core,
    clock: systemClock,
    random32: seededRandom32(seed),
    drawSeed: () => 1n,
    identity: {
      uid: Uint8Array.of(1, 2),
      firmwareVersion: 'test',
      firmwareGit: new Uint8Array(0),
      simulated: true,
    },
    capabilities: twinCapabilities(UNITS),
    limits: twinLimits(UNITS),
  });
  controllers.push(controller);
  return controller;
}

let clients = 1000;
let cables = 0;

/** Another cable to the controller, and a link over it. */
async function plug(controller: Controller, damage?: Damage, clientId = (clients += 1)) {
  cables += 1;
  const [near, far] = createMemoryPair({ maxPieceBytes: 3000, seed: cables });
  const attachment = controller.attach({
    write: (bytes) => far.write(bytes),
    end: () => void far.close(),
  });
  far.onData((bytes) => attachment.receive(bytes));
  far.onDrain(() => attachment.drained());
  far.onClosed(() => attachment.detach());
  await far.open(new AbortController().signal);
  const port = damage === undefined ? near : lossyPort(near, damage);
  const random32 = seededRandom32(cables);
  const link = await connect({ port, clock: systemClock, random32, clientId, hostVersion: 'test' });
  return { link, unplug: () => far.close() };
}

/** A dense program of small couplings, from a seed. */
function programImage(seed: number): Uint8Array {
  const uniform = seededUniform(seed);
  const couplings = new Float64Array(UNITS * UNITS);
  for (let i = 0; i < UNITS; i += 1) {
    for (let j = i + 1; j < UNITS; j += 1) {
      const value = (uniform() - 0.5) * 0.02;
      couplings[i * UNITS + j] = value;
      couplings[j * UNITS + i] = value;
    }
  }
  const ones = new Float64Array(UNITS).fill(1);
  const biases = Float64Array.from({ length: UNITS }, () => uniform() - 0.5);
  const model = { units: UNITS, couplings, biases, j2: ones, j4: ones, noiseTemperature_E0: 0.1 };
  return encodeProgramImage(quantise(model, UNLIMITED_RANGES));
}

function generation(programId: string, samples = SAMPLES, duration_ns = 40): RunRequest {
  const phases = [
    { duration_ns, coupled: false },
    { duration_ns, coupled: true, readAt_ns: [0, duration_ns] },
  ];
  return { programId, samples, initial: 'zero', phases, seed: 42n, step_ns: 10 };
}

async function loadAndRun(link: Link, image: Uint8Array) {
  const loaded = await link.load(image, { kind: 'program', units: UNITS });
  await link.activate(loaded.programId);
  const result = await link.run(generation(loaded.programId));
  return { loaded, result, counters: link.counters() };
}

async function code(promise: Promise<unknown>): Promise<string> {
  const error: unknown = await promise.then(
    () => null,
    (e: unknown) => e,
  );
  return error instanceof LinkError ? error.code : `no LinkError but ${String(error)}`;
}

describe('host and firmware over memory ports', () => {
  const image = programImage(1);
  let clean: Awaited<ReturnType<typeof loadAndRun>>;

  it('load, activate and run on a clean line, without one repeat', async () => {
    const { link } = await plug(boot(1));
    expect(link.identity).toMatchObject({ uid: '0102', simulated: true, firmware: 'test' });
    expect((await link.capabilities()).unitsMax).toBe(UNITS);
    clean = await loadAndRun(link, image);
    expect(clean.loaded).toMatchObject({ skipped: false, sentBytes: image.length });
    expect(clean.loaded.programId).toBe(createHash('sha256').update(image).digest('hex'));
    expect(clean.result.recordBytes).toBe(2 * 3 * (UNITS / 2));
    expect(clean.result.bytes).toHaveLength(SAMPLES * clean.result.recordBytes);
    expect(clean.result.digest).toBe(createHash('sha256').update(clean.result.bytes).digest('hex'));
    expect(clean.counters).toMatchObject({
      txReplayBytes: 0,
      sampleGaps: 0,
      rxSeqGaps: 0,
      digestFailures: 0,
    });
    expect((await link.load(image, { kind: 'program', units: UNITS })).skipped).toBe(true);
    await link.close();
  });

  it.each([
    { drop: 1e-5, flip: 1e-5, seed: 1 },
    { drop: 1e-5, flip: 1e-5, seed: 2 },
    { drop: 0, flip: 5e-5, seed: 3 },
    { drop: 5e-5, flip: 0, seed: 4 },
    { drop: 5e-5, flip: 5e-5, seed: 5 },
  ])('the same bytes through loss: $drop dropped, $flip flipped per byte, seed $seed', async (damage) => {
    const { link } = await plug(boot(damage.seed + 10), damage);
    const lossy = await loadAndRun(link, image);
    expect(lossy.loaded.programId).toBe(clean.loaded.programId);
    expect(lossy.result.digest).toBe(clean.result.digest);
    expect(lossy.counters.digestFailures).toBe(0);
    expect(lossy.counters.txReplayBytes + lossy.counters.sampleRepairBytes).toBeGreaterThan(0);
    await link.close();
  });

  it('resumes after a pulled cable with what the device has, under the same client', async () => {
    const controller = boot(20);
    const first = await plug(controller);
    const ends: string[] = [];
    first.link.onClosed((why) => ends.push(why.code));
    await first.link.load(image, { kind: 'program', units: UNITS });
    const program = createHash('sha256').update(image).digest('hex');
    await first.link.activate(program);
    const running = first.link.run(generation(program, 20_000));
    await new Promise((resolve) => setTimeout(resolve, 100));
    await first.unplug();
    expect(await code(running)).toBe('link-lost');
    expect(ends).toEqual(['link-lost']);
    // The orphaned run goes on at the device until the next host clears it.
    const second = await plug(controller, undefined, clients);
    expect(second.link.identity.bootId).toBe(first.link.identity.bootId);
    const again = await loadAndRun(second.link, image);
    expect(again.loaded.skipped).toBe(true);
    expect(again.result.digest).toBe(clean.result.digest);
    await second.link.close();
  });

  it('loses the device to a second host, and says so', async () => {
    const controller = boot(21);
    const first = await plug(controller);
    const ended = new Promise<LinkError>((resolve) => first.link.onClosed(resolve));
    const second = await plug(controller);
    expect((await ended).code).toBe('link-lost');
    expect((await second.link.status()).run).toBeUndefined();
    await second.link.close();
  });

  it('stops a long run from stop() and from a signal, and the device is free afterwards', async () => {
    const controller = boot(22);
    const { link } = await plug(controller);
    const { programId } = await link.load(image, { kind: 'program', units: UNITS });
    await link.activate(programId);
    const stopped = code(link.run(generation(programId, 20_000)));
    await new Promise((resolve) => setTimeout(resolve, 50));
    await link.stop();
    expect(await stopped).toBe('run-failed');
    const abort = new AbortController();
    const cancelled = code(link.run(generation(programId, 20_000), { signal: abort.signal }));
    await new Promise((resolve) => setTimeout(resolve, 50));
    abort.abort();
    expect(await cancelled).toBe('cancelled');
    expect((await link.run(generation(programId))).digest).toBe(clean.result.digest);
    await link.close();
  });

  it('passes the refusals of the firmware on', async () => {
    const { link } = await plug(boot(23));
    expect(await code(link.run(generation('00'.repeat(32))))).toBe('refused');
    expect(await code(link.activate('00'.repeat(32)))).toBe('refused');
    const broken = image.slice();
    broken[0] = 0; // no longer the magic of an image
    expect(await code(link.load(broken, { kind: 'program', units: UNITS }))).toBe('refused');
    await link.close();
  });
});
