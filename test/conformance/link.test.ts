// One suite for everything that a link runs over: what a transport, a damaged line or a recording may change (time,
// counters) and what it may not (a single code).
import { createHash } from 'node:crypto';
import { afterAll, describe, expect, it } from 'vitest';
import {
  LinkError,
  type Link,
  type LoadOutcome,
  type RunRequest,
  type RunResult,
} from '../../src/link/index.ts';
import { decodeSamples, encodeProgramImage, quantise, UNLIMITED_RANGES } from '../../src/physics/index.ts';
import { seededUniform } from '../support/seeded-random.ts';
import { conformanceTargets, UID, UNITS, type Board } from './targets.ts';

const SAMPLES = 400;
const RECORD_BYTES = 2 * 3 * (UNITS / 2);

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

const image = programImage(1);
const imageId = createHash('sha256').update(image).digest('hex');
const load = (link: Link): Promise<LoadOutcome> => link.load(image, { kind: 'program', units: UNITS });

async function loadAndRun(link: Link): Promise<{ loaded: LoadOutcome; result: RunResult }> {
  const loaded = await load(link);
  await link.activate(loaded.programId);
  return { loaded, result: await link.run(generation(loaded.programId)) };
}

async function code(promise: Promise<unknown>): Promise<string> {
  const error: unknown = await promise.then(
    () => null,
    (e: unknown) => e,
  );
  return error instanceof LinkError ? error.code : `no LinkError but ${String(error)}`;
}

/** A long run, once samples of it arrive. */
async function flowing(link: Link, signal?: AbortSignal): Promise<{ run: Promise<RunResult> }> {
  const { promise: begun, resolve } = Promise.withResolvers<void>();
  const run = link.run(generation(imageId, 20_000), { signal, onRecords: () => resolve() });
  run.catch(() => resolve());
  await begun;
  return { run };
}

const targets = conformanceTargets();
const present = targets.filter(({ absent }) => absent === null);
for (const { name, absent } of targets) {
  if (absent === null) continue;
  process.stderr.write(`the link is not tested over ${name}: ${absent}\n`);
  it.skip(`a link over ${name} (skipped: ${absent})`, () => undefined);
}
/** Every target gives these bytes for this seed. */
const digests = new Set<string>();

describe.each(present)('a link over $name', (target) => {
  afterAll(() => target.close());
  const perform = (seed: number, scenario: (board: Board) => Promise<void>) => (): Promise<void> =>
    target.perform(seed, scenario);

  const clean = perform(1, async (board) => {
    const link = await board.plug();
    if (target.name !== 'device') expect(link.identity).toMatchObject({ uid: UID, firmware: 'test' });
    expect(link.identity).toMatchObject({ simulated: true });
    expect((await link.capabilities()).unitsMax).toBe(UNITS);
    const { loaded, result } = await loadAndRun(link);
    expect(loaded.programId).toBe(imageId);
    expect(result.recordBytes).toBe(RECORD_BYTES);
    expect(result.bytes).toHaveLength(SAMPLES * RECORD_BYTES);
    expect(result.digest).toBe(createHash('sha256').update(result.bytes).digest('hex'));
    digests.add(result.digest);
    expect(digests.size).toBe(1);
    expect(link.counters()).toMatchObject({
      txReplayBytes: 0,
      sampleGaps: 0,
      rxSeqGaps: 0,
      digestFailures: 0,
    });
    expect(await load(link)).toMatchObject({ skipped: true, sentBytes: 0 });
    expect(await link.ping()).toBeGreaterThanOrEqual(0);
    await link.close();
  });
  it('loads, activates and runs on a clean line, without one repeat', clean);

  it.each([
    { drop: 1e-5, flip: 1e-5, seed: 1 },
    { drop: 0, flip: 5e-5, seed: 3 },
    { drop: 5e-5, flip: 0, seed: 4 },
    { drop: 5e-5, flip: 5e-5, seed: 5 },
  ])('gives the same bytes through loss: $drop dropped, $flip flipped per byte, seed $seed', (damage) =>
    target.perform(damage.seed + 10, async (board) => {
      const link = await board.plug({ damage: { ...damage, spare_bytes: 500 } });
      const { loaded, result } = await loadAndRun(link);
      expect(loaded.programId).toBe(imageId);
      digests.add(result.digest);
      expect(digests.size).toBe(1);
      const { digestFailures, txReplayBytes, sampleRepairBytes } = link.counters();
      expect(digestFailures).toBe(0);
      // A device may hold the program already; what was lost is repaired in any case.
      if (target.name !== 'device') expect(txReplayBytes + sampleRepairBytes).toBeGreaterThan(0);
      await link.close();
    }),
  );

  const unplugged = perform(20, async (board) => {
    const clientId = 77;
    const first = await board.plug({ clientId });
    const ends: string[] = [];
    first.onClosed((why) => ends.push(why.code));
    await load(first);
    await first.activate(imageId);
    const { run } = await flowing(first);
    await board.unplug();
    expect(await code(run)).toBe('link-lost');
    expect(ends).toEqual(['link-lost']);
    // The orphaned run goes on at the device until the next host clears it.
    const second = await board.plug({ clientId });
    expect(second.identity.bootId).toBe(first.identity.bootId);
    const again = await loadAndRun(second);
    expect(again.loaded.skipped).toBe(true);
    digests.add(again.result.digest);
    expect(digests.size).toBe(1);
    await second.close();
  });
  if (target.canUnplug)
    it('goes on after a pulled cable with what the device has, under the same client', unplugged);
  else it.skip('goes on after a pulled cable (skipped: nobody here can pull it)', unplugged);

  const stopped = perform(22, async (board) => {
    const link = await board.plug();
    await load(link);
    await link.activate(imageId);
    const { run } = await flowing(link);
    const outcome = code(run);
    await link.stop();
    expect(await outcome).toBe('run-failed');
    const abort = new AbortController();
    const long = await flowing(link, abort.signal);
    const cancelled = code(long.run);
    abort.abort();
    expect(await cancelled).toBe('cancelled');
    digests.add((await link.run(generation(imageId))).digest);
    expect(digests.size).toBe(1);
    await link.close();
  });
  it('stops a long run from stop() and from a signal, and the device is free afterwards', stopped);

  const refused = perform(23, async (board) => {
    const link = await board.plug();
    expect(await code(link.run(generation('00'.repeat(32))))).toBe('refused');
    expect(await code(link.activate('00'.repeat(32)))).toBe('refused');
    const broken = image.slice();
    broken[0] = 0; // no longer the magic of an image
    expect(await code(link.load(broken, { kind: 'program', units: UNITS }))).toBe('refused');
    await link.close();
  });
  it('passes the refusals of the firmware on', refused);

  const reference = perform(20, async (board) => {
    const link = await board.plug();
    const { referenceLevelMaxX, stateScale } = await link.capabilities();
    const request = { units: UNITS, samples: 50, levels_ratio: [-1, 0, 0.5] };
    const result = await link.readReference({ ...request, seed: 7n });
    expect(result.recordBytes).toBe(3 * 3 * (UNITS / 2));
    const codes = decodeSamples(result.bytes, { units: UNITS, reads: 3, samples: 50 });
    // Offsets, gains and noise are what it is for: a tenth of the range only says that levels and channels are in order.
    codes.forEach((code, k) => {
      const level_x = request.levels_ratio[Math.floor(k / UNITS) % 3] * referenceLevelMaxX;
      expect(Math.abs(code * stateScale - level_x)).toBeLessThan(0.1 * referenceLevelMaxX);
    });
    expect(await code(link.readReference({ ...request, levels_ratio: [] }))).toBe('refused');
    expect((await link.status()).run).toBeUndefined();
    await link.close();
  });
  it('reads the converter reference, without a program', reference);

  const secondHost = perform(21, async (board) => {
    const first = await board.plug();
    if (target.isExclusive) {
      expect(await code(board.plug())).toBe('port-busy');
      expect((await first.status()).run).toBeUndefined();
      return first.close();
    }
    const ended = new Promise<LinkError>((resolve) => first.onClosed(resolve));
    const second = await board.plug();
    expect((await ended).code).toBe('link-lost');
    expect((await second.status()).run).toBeUndefined();
    await second.close();
  });
  it('loses the device to a second host, or keeps it where the line is locked, and says so', secondHost);
});
