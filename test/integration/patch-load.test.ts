// Loads between the real host link and the real firmware on virtual time: a patch where one is worth it, the image where
// it is not, and after a pulled cable only what is missing, to the byte.
import { createHash } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { SMALL_UNITS as UNITS } from '../../bench/link-faults/bench-controller.ts';
import { Board } from '../../bench/link-faults/board.ts';
import { connect, ImageCache, LinkError, type Link } from '../../src/link/index.ts';
import { encodePatch } from '../../src/link/transfers/patch.ts';
import { encodeProgramImage, quantise, UNLIMITED_RANGES } from '../../src/physics/index.ts';
import { ChaosPort, createMemoryPair, type ChaosFaults } from '../../src/transports/index.ts';
import { seededRandom32, seededUniform } from '../support/seeded-random.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

let clients = 5_000;
const boards: Board[] = [];
afterEach(() => {
  for (const board of boards.splice(0)) board.close();
});

/** A program of small couplings from a seed; `changed` of them, scattered, come from another one. */
function programImage(changed = 0, seed = 1): Uint8Array {
  const [uniform, other] = [seededUniform(seed), seededUniform(2)];
  const couplings = new Float64Array(UNITS * UNITS);
  let pair = 0;
  for (let i = 0; i < UNITS; i += 1) {
    for (let j = i + 1; j < UNITS; j += 1, pair += 1) {
      const value = (uniform() - 0.5) * 0.02;
      // Never the largest, which sets the scale of all.
      const isOther = pair % 5 === 0 && pair / 5 < changed;
      couplings[i * UNITS + j] = couplings[j * UNITS + i] = isOther ? (other() - 0.5) * 0.018 : value;
    }
  }
  couplings[1] = couplings[UNITS] = 0.01;
  const ones = new Float64Array(UNITS).fill(1);
  const biases = new Float64Array(UNITS).fill(0.1);
  const model = { units: UNITS, couplings, biases, j2: ones, j4: ones, noiseTemperature_E0: 0.1 };
  return encodeProgramImage(quantise(model, UNLIMITED_RANGES));
}

const first = programImage();
const second = programImage(200);
const id = (image: Uint8Array): string => createHash('sha256').update(image).digest('hex');
const options = { kind: 'program', units: UNITS } as const;
const patch = encodePatch(first, second, first.length) ?? new Uint8Array(0);

class Bench {
  readonly clock = new VirtualClock();
  readonly board: Board;
  readonly images = new ImageCache();

  constructor() {
    this.board = new Board(this.clock, 1);
    boards.push(this.board);
  }

  /** Another cable and another session of the same host, or of one with an empty memory. */
  async plug(faults: ChaosFaults = { out: {}, in: {} }, images = this.images): Promise<Link> {
    clients += 1;
    const [near, far] = createMemoryPair({
      clock: this.clock,
      delay_ms: 1,
      seed: clients,
      maxPieceBytes: 300,
    });
    this.board.plug(far);
    await far.open(new AbortController().signal);
    const port = new ChaosPort(near, { faults, seed: 1, clock: this.clock });
    const random32 = seededRandom32(clients);
    const { clock } = this;
    return clock.settle(connect({ port, clock, random32, clientId: clients, hostVersion: 'test', images }));
  }

  load(link: Link, image: Uint8Array, more: { bank?: number; patch?: boolean } = {}) {
    return this.clock.settle(link.load(image, { ...options, ...more }));
  }

  async activate(link: Link, image: Uint8Array): Promise<void> {
    await this.clock.settle(link.activate(id(image)));
  }

  /** The bytes of a short run of the active program. */
  async run(link: Link, image: Uint8Array): Promise<string> {
    const phases = [{ duration_ns: 40, coupled: true, readAt_ns: [40] }];
    const request = {
      programId: id(image),
      samples: 3,
      initial: 'zero',
      phases,
      seed: 5n,
      step_ns: 10,
    } as const;
    return (await this.clock.settle(link.run(request))).digest;
  }
}

describe('a load', () => {
  it('is a patch when the device holds an image close to it, and drives the chip as the image does', async () => {
    const bench = new Bench();
    const link = await bench.plug();
    expect(await bench.load(link, first)).toMatchObject({ patched: false, sentBytes: first.length });
    await bench.activate(link, first);
    expect(await bench.load(link, second)).toMatchObject({
      programId: id(second),
      patched: true,
      skipped: false,
      sentBytes: patch.length,
    });
    expect(patch.length).toBeLessThan(first.length / 3);
    await bench.activate(link, second);
    expect(link.counters()).toMatchObject({
      patches: 1,
      patchFallbacks: 0,
      digestFailures: 0,
      txReplayBytes: 0,
    });

    const plain = new Bench();
    const other = await plain.plug();
    expect(await plain.load(other, second)).toMatchObject({ patched: false });
    await plain.activate(other, second);
    expect(await bench.run(link, second)).toBe(await plain.run(other, second));
  });

  it('sends nothing for the same program again, nor for the one before it', async () => {
    const bench = new Bench();
    const link = await bench.plug();
    for (const image of [first, second]) await bench.load(link, image);
    for (const image of [second, first]) {
      expect(await bench.load(link, image)).toMatchObject({ skipped: true, patched: false, sentBytes: 0 });
    }
    const late = await bench.plug(undefined, new ImageCache());
    expect(await bench.load(late, second)).toMatchObject({ skipped: true, sentBytes: 0 });
  });

  it('sends what was forecast', async () => {
    const bench = new Bench();
    const link = await bench.plug();
    const forecast = (image: Uint8Array) => bench.clock.settle(link.forecastLoad(image, id(image)));
    for (const [image, sends] of [
      [first, 'image'],
      [second, 'patch'],
      [first, 'nothing'],
    ] as const) {
      const told = await forecast(image);
      expect(told.sends).toBe(sends);
      expect(await bench.load(link, image)).toMatchObject({
        sentBytes: told.bytes,
        patched: sends === 'patch',
        skipped: sends === 'nothing',
      });
      if (sends === 'image') await bench.activate(link, image);
    }
  });

  it('is the image after a restart of the host, when patches are not wanted, and when a patch saves too little', async () => {
    const bench = new Bench();
    const link = await bench.plug();
    await bench.load(link, first);
    const image = { patched: false, skipped: false, sentBytes: first.length };
    expect(await bench.load(link, programImage(0, 3))).toMatchObject(image);
    const restarted = await bench.plug(undefined, new ImageCache());
    expect(await bench.load(restarted, second)).toMatchObject(image);
    const again = await bench.plug();
    expect(await bench.load(again, programImage(100), { patch: false })).toMatchObject(image);
  });

  it('is a patch again after a lost link, and the image after a reboot', async () => {
    const bench = new Bench();
    const link = await bench.plug();
    await bench.load(link, first);
    await link.close();
    const next = await bench.plug();
    expect(await bench.load(next, second)).toMatchObject({ patched: true });
    bench.board.reboot();
    await bench.clock.pass(10_000);
    const rebooted = await bench.plug();
    expect(await bench.load(rebooted, programImage(100))).toMatchObject({
      patched: false,
      sentBytes: first.length,
    });
  });

  it('is the image in the end when the host has other bytes for the base', async () => {
    const bench = new Bench();
    const link = await bench.plug();
    await bench.load(link, first);
    const wrong = new ImageCache();
    const almost = first.slice();
    const changed = first.findIndex((byte, k) => byte !== second[k]);
    almost[changed] = second[changed]; // which no patch will then mention
    wrong.put(id(first), almost);
    const misled = await bench.plug(undefined, wrong);
    const outcome = await bench.load(misled, second);
    expect(outcome).toMatchObject({ programId: id(second), patched: false, skipped: false });
    expect(outcome.sentBytes).toBeGreaterThan(first.length);
    expect(misled.counters()).toMatchObject({ patches: 0, patchFallbacks: 1, digestFailures: 1 });
    await bench.activate(misled, second);
  });
});

describe('a cable pulled in the middle', () => {
  /** Loads `image` over a line that breaks after so many bytes from the host, then over a good one. */
  async function pulled(bench: Bench, image: Uint8Array, at_bytes: number) {
    const link = await bench.plug({ out: { disconnectAt_bytes: at_bytes }, in: {} });
    const error: unknown = await bench.load(link, image).then(
      () => null,
      (e: unknown) => e,
    );
    const next = await bench.plug();
    const { bank } = await bench.clock.settle(next.status());
    const half = bank.find(({ programId }) => Buffer.from(programId).toString('hex') === id(image));
    const rest = await bench.load(next, image);
    await bench.activate(next, image);
    return { code: error instanceof LinkError ? error.code : String(error), half, rest };
  }

  it.each([700, 1_500, 2_800])('of a load, at byte %i: only what is missing is sent', async (at_bytes) => {
    const { code, half, rest } = await pulled(new Bench(), first, at_bytes);
    expect(code).toBe('link-lost');
    expect(half?.receivedBytes).toBeGreaterThan(at_bytes / 2);
    expect(rest).toMatchObject({ skipped: false, sentBytes: first.length - (half?.receivedBytes ?? 0) });
  });

  it.each([350, 600, 750])('of a patch, at byte %i: only what is missing of it is sent', async (at_bytes) => {
    const bench = new Bench();
    const link = await bench.plug();
    await bench.load(link, first);
    await bench.activate(link, first);
    await link.close();
    const { code, half, rest } = await pulled(bench, second, at_bytes);
    expect(code).toBe('link-lost');
    expect(half).toMatchObject({ patch: true });
    expect(half?.receivedBytes).toBeGreaterThan(0);
    expect(rest).toMatchObject({ patched: true, sentBytes: patch.length - (half?.receivedBytes ?? 0) });
  });
});
