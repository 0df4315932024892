import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../../test/support/virtual-clock.ts';
import { createMemoryPair, hasPlantedFaults, openPort, parsePortUrl, TransportError } from '../index.ts';
import { ChaosPort } from './chaos-port.ts';
import { parseFaults, type LaneFaults } from './faults.ts';

const never = new AbortController().signal;
const counting = (length: number): Uint8Array => Uint8Array.from({ length }, (_, k) => k & 255);

/** A chaos port and what reaches its far end, with the time of each piece. */
async function line(out: LaneFaults, seed = 1, into: LaneFaults = {}) {
  const clock = new VirtualClock();
  const [near, far] = createMemoryPair({ clock });
  const port = new ChaosPort(near, { faults: { out, in: into }, seed, clock });
  const pieces: { at_ms: number; bytes: Buffer }[] = [];
  far.onData((bytes) => pieces.push({ at_ms: clock.now_ms(), bytes: Buffer.from(bytes) }));
  await port.open(never);
  await far.open(never);
  return { clock, port, far, pieces, received: () => Buffer.concat(pieces.map(({ bytes }) => bytes)) };
}

async function sent(out: LaneFaults, bytes: Uint8Array, seed = 1, cut = bytes.length): Promise<Buffer> {
  const { clock, port, received } = await line(out, seed);
  for (let at = 0; at < bytes.length; at += cut) port.write(bytes.subarray(at, at + cut));
  await clock.pass(10_000);
  return received();
}

describe('a chaos line', () => {
  it('without faults passes everything on', async () => {
    expect(await sent({}, counting(5_000))).toEqual(Buffer.from(counting(5_000)));
  });

  it('drops, flips and duplicates about as many bytes as it says', async () => {
    const bytes = new Uint8Array(200_000).fill(0x55);
    const expected = 200;
    const within = (count: number): void => {
      expect(count).toBeGreaterThan(expected - 6 * Math.sqrt(expected));
      expect(count).toBeLessThan(expected + 6 * Math.sqrt(expected));
    };
    within(bytes.length - (await sent({ drop: 1e-3 }, bytes)).length);
    within((await sent({ duplicate: 1e-3 }, bytes)).length - bytes.length);
    const flipped = (await sent({ flip: 1e-3 }, bytes)).filter((byte) => byte !== 0x55);
    within(flipped.length);
    for (const byte of flipped) expect([1, 2, 4, 8, 16, 32, 64, 128]).toContain(byte ^ 0x55);
  });

  it('damages the same bytes for the same seed, however they are cut into writes', async () => {
    const faults = { drop: 1e-3, flip: 1e-3, duplicate: 1e-3 };
    const whole = await sent(faults, counting(50_000), 5);
    expect(await sent(faults, counting(50_000), 5, 17)).toEqual(whole);
    expect(await sent(faults, counting(50_000), 6)).not.toEqual(whole);
  });

  it('spares the first bytes', async () => {
    const received = await sent({ flip: 1, spare_bytes: 100 }, counting(200));
    expect(received.subarray(0, 100)).toEqual(Buffer.from(counting(100)));
    for (let k = 100; k < 200; k += 1) expect(received[k]).not.toBe(k);
  });

  it('lets a write be overtaken by the next, and lets it go when there is none', async () => {
    const { clock, port, received } = await line({ reorder: 1 });
    for (const byte of [1, 2, 3]) port.write(Uint8Array.of(byte));
    await clock.pass(100);
    expect([...received()]).toEqual([2, 1, 3]);
  });

  it('delays, limits the rate and stalls once', async () => {
    const delayed = await line({ delay_ms: 30 });
    delayed.port.write(counting(10));
    await delayed.clock.pass(100);
    expect(delayed.pieces.map(({ at_ms }) => at_ms)).toEqual([30]);
    const limited = await line({ rate_Bps: 1_000 });
    limited.port.write(counting(500));
    expect(limited.port.queuedBytes).toBe(500);
    await limited.clock.pass(1_000);
    expect(limited.pieces.at(-1)?.at_ms).toBeCloseTo(500, -1);
    expect(limited.received()).toEqual(Buffer.from(counting(500)));
    const stalled = await line({ stall: { duration_ms: 400, at_bytes: 15 } });
    for (let k = 0; k < 4; k += 1) stalled.port.write(counting(10));
    await stalled.clock.pass(1_000);
    expect(stalled.pieces.map(({ at_ms }) => at_ms)).toEqual([0, 400, 400, 400]);
  });

  it('cuts the line before its byte, and tells both ends once', async () => {
    const { clock, port, far, received } = await line({ disconnectAt_bytes: 25 });
    const why: string[] = [];
    port.onClosed(({ code }) => why.push(code));
    far.onClosed(() => why.push('far'));
    for (let k = 0; k < 4; k += 1) port.write(counting(10));
    await clock.pass(100);
    expect(received()).toHaveLength(25);
    expect(why).toEqual(['disconnected', 'far']);
    expect(port.write(counting(1))).toBe(false);
  });

  it('cuts writes short and keeps their order', async () => {
    const { clock, port, pieces, received } = await line({ shortWrites_bytes: 7 });
    port.write(counting(1_000));
    await clock.pass(10);
    expect(received()).toEqual(Buffer.from(counting(1_000)));
    expect(Math.max(...pieces.map(({ bytes }) => bytes.length))).toBe(7);
  });

  it('tells a writer that waited when a slow line is empty again', async () => {
    const { clock, port } = await line({ rate_Bps: 1_000_000 });
    let drained = 0;
    port.onDrain(() => (drained += 1));
    expect(port.write(counting(100_000))).toBe(false);
    await clock.pass(50);
    expect(drained).toBe(0);
    await clock.pass(100);
    expect(drained).toBe(1);
  });

  it('treats what comes back on its own', async () => {
    const { clock, port, far } = await line({}, 1, { drop: 1 });
    let bytes = 0;
    port.onData((piece) => (bytes += piece.length));
    far.write(counting(10));
    await clock.pass(10);
    expect(bytes).toBe(0);
  });
});

describe('the address of a chaos line', () => {
  it('is read with direction, seed and the settings of the line inside', () => {
    expect(
      parsePortUrl('chaos+tcp://127.0.0.1:7070?faults=flip:1e-5,out.drop:0.5,stall:20@9&seed=7'),
    ).toEqual({
      kind: 'chaos',
      inner: { kind: 'tcp', host: '127.0.0.1', port: 7070 },
      faults: {
        out: { flip: 1e-5, drop: 0.5, stall: { duration_ms: 20, at_bytes: 9 } },
        in: { flip: 1e-5, stall: { duration_ms: 20, at_bytes: 9 } },
      },
      seed: 7,
    });
    expect(parsePortUrl('chaos+serial:///dev/ttyACM0?baud=9600&faults=in.delay:5')).toMatchObject({
      inner: { kind: 'serial', path: '/dev/ttyACM0', baud: 9600 },
      faults: { out: {}, in: { delay_ms: 5 } },
      seed: 0,
    });
    expect(openPort('chaos+tcp://127.0.0.1:7070?faults=short:3').label).toBe('chaos+tcp://127.0.0.1:7070');
    expect(parseFaults('duplicate:.1,reorder:1,disconnect:0,short:1,rate:11520,spare:4').in).toEqual({
      duplicate: 0.1,
      reorder: 1,
      disconnectAt_bytes: 0,
      shortWrites_bytes: 1,
      rate_Bps: 11_520,
      spare_bytes: 4,
    });
    expect([hasPlantedFaults('chaos+tcp://h:1?faults=drop:1'), hasPlantedFaults('tcp://h:1')]).toEqual([
      true,
      false,
    ]);
  });

  it.each([
    'chaos+tcp://h:1',
    'chaos+tcp://h:1?faults=',
    'chaos+tcp://h:1?faults=flop:1',
    'chaos+tcp://h:1?faults=toString:1',
    'chaos+tcp://h:1?faults=drop',
    'chaos+tcp://h:1?faults=drop:2',
    'chaos+tcp://h:1?faults=drop:-1',
    'chaos+tcp://h:1?faults=drop:0.6,flip:0.6',
    'chaos+tcp://h:1?faults=drop:0.1,out.drop:0.2',
    'chaos+tcp://h:1?faults=up.drop:0.1',
    'chaos+tcp://h:1?faults=stall:5',
    'chaos+tcp://h:1?faults=rate:0',
    'chaos+tcp://h:1?faults=drop:0.1&seed=x',
    'chaos+tcp://h:1?faults=drop:0.1&faults=flip:0.1',
    'chaos+tcp://h:1?faults=drop:0.1&speed=7',
    'chaos+chaos+tcp://h:1?faults=drop:0.1',
    'chaos+tcp://?faults=drop:0.1',
  ])('%s is refused with a remedy', (url) => {
    let thrown: unknown;
    try {
      parsePortUrl(url);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(TransportError);
    expect((thrown as TransportError).code).toBe('bad-url');
    expect((thrown as TransportError).remedy).toMatch(/:\/\//);
  });
});
