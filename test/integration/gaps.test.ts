// Runs with record headers end to end, on virtual time: the host's link over a memory port on the firmware of the twin, with
// a core that takes a millisecond for a batch, 10 ms to the host and back, and a ring too small for that.
import { describe, expect, it } from 'vitest';
import type { CoreRun } from '../../firmware-sim/chip/analog-core.ts';
import {
  bootBoard,
  buildImage,
  FakeCore,
  LIMITS,
  UNITS,
} from '../../firmware-sim/firmware/board.test-support.ts';
import { attachMemory } from '../../firmware-sim/ports/index.ts';
import { connect, type Link, type RunRequest, type RunResult } from '../../src/link/index.ts';
import { createMemoryPair } from '../../src/transports/memory/memory-port.ts';
import { bench, failure, request } from '../support/link-bench.ts';
import { lossyPort, type Damage } from '../support/lossy-port.ts';
import { seededRandom32 } from '../support/seeded-random.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const CODE_BYTES = 18;
const RECORD_BYTES = 12 + CODE_BYTES;
const SAMPLES = 400;
const FEATURES = 6; // RECORD_HEADER and DROP_WITH_GAP

class TimedCore extends FakeCore {
  readonly #clock: VirtualClock;
  constructor(clock: VirtualClock) {
    super();
    this.#clock = clock;
  }
  override async run(run: CoreRun, signal?: AbortSignal): Promise<Int16Array> {
    await new Promise<void>((resolve) => this.#clock.after(1, resolve));
    return super.run(run, signal);
  }
}

/** A board of `ringRecords` with a program active, and a run on it. */
async function runOn(
  ringRecords: number,
  changes: Partial<RunRequest>,
  damage?: Damage,
): Promise<{ result: RunResult; link: Link }> {
  const clock = new VirtualClock();
  const limits = { ...LIMITS, sampleRingBytes: ringRecords * RECORD_BYTES };
  const { controller } = bootBoard({ clock, core: new TimedCore(clock), limits });
  const [near, far] = createMemoryPair({ clock, delay_ms: 5, maxPieceBytes: 700, seed: 2 });
  attachMemory(controller, far);
  await far.open(new AbortController().signal);
  const port = damage === undefined ? near : lossyPort(near, damage);
  const facts = { random32: seededRandom32(3), clientId: 3, hostVersion: 'test' };
  const link = await clock.settle(connect({ port, clock, ...facts }));
  const { programId } = await clock.settle(link.load(buildImage(), { kind: 'program', units: UNITS }));
  await clock.settle(link.activate(programId));
  const phases = [{ duration_ns: 2500, coupled: true, readAt_ns: [0, 2500] }];
  const order = { programId, samples: SAMPLES, initial: 'zero', phases, seed: 5n, ...changes } as const;
  const result = await clock.settle(link.run(order));
  return { result, link };
}

describe('a run with record headers', () => {
  const dropping = { recordHeader: true, onFull: 'drop-with-gap' } as const;

  it('gives the states of one without, and the same bytes as ever without', async () => {
    const { result: plain } = await runOn(20, {});
    const { result } = await runOn(20, { recordHeader: true });
    expect(plain).not.toHaveProperty('headed');
    expect(plain.recordBytes).toBe(CODE_BYTES);
    expect(result).toMatchObject({ recordBytes: RECORD_BYTES, samples: SAMPLES });
    expect(result.headed).toMatchObject({ gaps: [], lostSamples: 0 });
    expect(result.headed?.states).toEqual(plain.bytes);
    expect(result.headed?.headers.map(({ index }) => index)).toEqual(
      Array.from({ length: SAMPLES }, (_, k) => k),
    );
  });

  it.each<[string, Damage | undefined]>([
    ['a clean line', undefined],
    ['a bad one', { drop: 2e-4, flip: 2e-4, seed: 5 }],
  ])('tells over %s what a small ring lost, and keeps the rest as it is', async (_, damage) => {
    const { result: plain } = await runOn(20, {});
    const { result, link } = await runOn(20, dropping, damage);
    const { headed } = result;
    if (headed === undefined) throw new Error('no headers');
    expect(headed.gaps.length).toBeGreaterThan(1);
    expect(headed.lostSamples).toBeGreaterThan(0);
    expect(headed.lostSamples).toBe(headed.gaps.reduce((sum, gap) => sum + gap.lostSamples, 0));
    expect(headed.headers.length).toBeGreaterThan(20); // it went on after the first gap
    const lost = headed.gaps.flatMap((gap) =>
      Array.from({ length: gap.lostSamples }, (__, k) => gap.firstSample + k),
    );
    const all = [...lost, ...headed.headers.map(({ index }) => index)].sort((a, b) => a - b);
    expect(all).toEqual(Array.from({ length: SAMPLES }, (__, k) => k));
    for (const [k, { index }] of headed.headers.entries()) {
      const state = headed.states.subarray(k * CODE_BYTES, (k + 1) * CODE_BYTES);
      expect(state).toEqual(plain.bytes.subarray(index * CODE_BYTES, (index + 1) * CODE_BYTES));
    }
    const times = headed.headers.map(({ time_us }) => time_us);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect(result.bytes).toHaveLength((headed.headers.length + headed.gaps.length) * RECORD_BYTES);
    expect(link.counters().digestFailures).toBe(0);
  });

  it('loses nothing where the ring holds the run', async () => {
    const { result } = await runOn(SAMPLES, dropping);
    expect(result.headed).toMatchObject({ gaps: [], lostSamples: 0 });
    expect(result.bytes).toHaveLength(SAMPLES * RECORD_BYTES);
  });
});

describe('a device without the feature', () => {
  it('is not asked for headers, and runs as ever without', async () => {
    const { open, clock, device } = bench();
    const link = await open();
    const error = await failure(clock.settle(link.run({ ...request(3), recordHeader: true })));
    expect([error.code, device.executed['startRun']]).toEqual(['refused', undefined]);
    expect((await clock.settle(link.run(request(3)))).bytes).toHaveLength(3 * 96);
  });

  it('that claims it is found out: a digest that agrees does not make up for indices that do not', async () => {
    const { open, clock } = bench({ recordBytes: 24, hello: (hello) => ({ ...hello, features: FEATURES }) });
    const link = await open();
    const error = await failure(clock.settle(link.run({ ...request(3), recordHeader: true })));
    expect([error.code, error.message]).toEqual([
      'data-loss',
      expect.stringMatching(/record 0 is of sample/),
    ]);
  });
});
