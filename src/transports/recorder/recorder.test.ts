// The recorder around a port: what it keeps of a connection, and what the flight recorder forgets.
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { VirtualClock } from '../../../test/support/virtual-clock.ts';
import type { CaptureEvent, CaptureSink } from '../capture/format.ts';
import { readCapture } from '../capture/read.ts';
import { createMemoryPair, parsePortUrl, type Port, type TransportError } from '../index.ts';
import { EventRing, FlightRecorder, KEPT_CAPTURES } from './flight-recorder.ts';
import { RecorderPort } from './recorder-port.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'thermoloop-recorder-'));
});
afterAll(() => rm(folder, { recursive: true }));

const never = new AbortController().signal;

async function recorded(): Promise<{
  port: Port;
  far: Port;
  clock: VirtualClock;
  events: CaptureEvent[];
  ends: boolean[];
}> {
  const clock = new VirtualClock();
  const [near, far] = createMemoryPair({ clock, delay_ms: 3 });
  const events: CaptureEvent[] = [];
  const ends: boolean[] = [];
  const sink: CaptureSink = {
    take: (event) => void events.push(event),
    end: (isLost) => Promise.resolve(void ends.push(isLost)),
  };
  const port = new RecorderPort(near, { clock, startSink: () => sink });
  await far.open(never);
  await port.open(never);
  return { port, far, clock, events, ends };
}

const plain = (events: CaptureEvent[]): string[] =>
  events.map((event) =>
    event.kind === 'bytes'
      ? `${event.at_ms} ${event.direction} ${Buffer.from(event.bytes).toString('hex')}`
      : `${event.at_ms} ${Object.values(event.note).join(' ')}`,
  );

describe('a recorded port', () => {
  it('keeps bytes of both directions, choices, timers and the end, each with its time', async () => {
    const { port, far, clock, events, ends } = await recorded();
    expect(port.tap?.isReplay).toBe(false);
    expect(port.tap?.choose('nonce', 77)).toBe(77);
    port.write(Uint8Array.of(1, 2));
    port.tap?.clock?.after(10, () => port.write(Uint8Array.of(3)));
    far.write(Uint8Array.of(9));
    await clock.pass(20);
    port.tap?.linkEnded('link-lost', true);
    await port.close();
    expect(plain(events)).toEqual([
      '0 opened',
      '0 choice nonce 77',
      '0 host_to_device 0102',
      '3 device_to_host 09',
      '10 timer 10 1',
      '10 host_to_device 03',
      '20 turn',
      '20 link-ended link-lost',
      expect.stringMatching(/^20 closed host asked/),
    ]);
    expect(ends).toEqual([true]);
  });

  it('counts a link that its user closed, and one that never stood, as not lost', async () => {
    for (const [code, established] of [
      ['cancelled', true],
      ['not-a-device', false],
    ] as const) {
      const { port, ends } = await recorded();
      port.tap?.linkEnded(code, established);
      await port.close();
      expect(ends).toEqual([false]);
    }
  });

  it('keeps nothing of a port that does not open', async () => {
    const [near, far] = createMemoryPair();
    await far.close();
    const startSink = (): CaptureSink => expect.fail('a sink was started');
    const port = new RecorderPort(near, { clock: new VirtualClock(), startSink });
    await near.close();
    await expect(port.open(never)).rejects.toMatchObject({ code: 'open-failed' });
    await port.close();
  });

  it('stands first in an address, and once', () => {
    const address = parsePortUrl(
      'record+chaos+tcp://h:1?faults=drop:1e-5&capture=%2Ftmp%2Fa%26b.mcap&seed=4',
    );
    expect(address).toMatchObject({
      kind: 'record',
      file: '/tmp/a&b.mcap',
      inner: { kind: 'chaos', seed: 4, inner: { kind: 'tcp', host: 'h', port: 1 } },
    });
    for (const bad of [
      'record+tcp://h:1',
      'record+record+tcp://h:1?capture=a&capture=b',
      'record+replay:a?capture=b',
      'chaos+record+tcp://h:1?faults=drop:1&capture=b',
    ])
      expect(() => parsePortUrl(bad)).toThrow(expect.objectContaining({ code: 'bad-url' }));
  });
});

describe('the flight recorder', () => {
  const event = (at_ms: number, length: number): CaptureEvent => ({
    kind: 'bytes',
    at_ms,
    direction: 'device_to_host',
    bytes: new Uint8Array(length),
  });

  it('keeps the latest within its time and size, and says how much it forgot', () => {
    const ring = new EventRing({ duration_ms: 1000, limit_bytes: 10_000 });
    for (let i = 0; i < 5000; i += 1) {
      ring.push(event(i * 100, 900));
      expect(ring.size_bytes).toBeLessThanOrEqual(10_000);
    }
    expect(ring.events.map(({ at_ms }) => at_ms)).toEqual(
      Array.from({ length: 10 }, (_, i) => (4990 + i) * 100),
    );
    expect(ring.dropped_bytes).toBe(4990 * 900);
    ring.push(event(600_000, 50_000)); // one that is too large alone is kept, alone
    expect(ring.events).toHaveLength(1);
  });

  const options = (name: string) => {
    const faults: TransportError[] = [];
    const written: string[] = [];
    const onFault = (error: TransportError): void => void faults.push(error);
    const onWritten = (path: string): void => void written.push(path);
    return { folder: join(folder, name), name: 'chip-0', onFault, onWritten, faults, written };
  };
  const start = (second: number) => ({ label: 'x', opened_wall_ms: Date.UTC(2026, 0, 1, 0, 0, second) });

  it('writes a file when the link was lost, and none otherwise', async () => {
    const all = options('lost');
    const calm = new FlightRecorder(start(0), all);
    calm.take(event(0, 5));
    await calm.end(false);
    const lost = new FlightRecorder(start(1), { ...all, limits: { duration_ms: 100 } });
    for (let i = 0; i < 10; i += 1) lost.take(event(i * 50, 5));
    await lost.end(true);
    expect(all.written).toEqual([join(all.folder, 'chip-0-2026-01-01T00-00-01-000Z.mcap')]);
    const { facts, events } = await readCapture(all.written[0]);
    expect(events.map(({ at_ms }) => at_ms)).toEqual([350, 400, 450]);
    expect(facts.dropped_bytes).toBe(7 * 5);
  });

  it('makes room for the latest captures, its own and no others', async () => {
    const all = options('many');
    for (let second = 0; second < KEPT_CAPTURES + 3; second += 1) {
      const recorder = new FlightRecorder(start(second), all);
      recorder.take(event(0, 1));
      await recorder.end(true);
      if (second === 0) await writeFile(join(all.folder, 'chip-01-2026-01-01T00-00-00-000Z.mcap'), 'mine');
    }
    const files = (await readdir(all.folder)).sort();
    expect(files).toHaveLength(KEPT_CAPTURES + 1);
    expect(files).toContain('chip-01-2026-01-01T00-00-00-000Z.mcap');
    expect(files[0]).toContain('00-00-03');
  });

  it('reports a folder that cannot be', async () => {
    await writeFile(join(folder, 'file'), '');
    const all = options(join('file', 'x'));
    const recorder = new FlightRecorder(start(0), all);
    recorder.take(event(0, 1));
    await recorder.end(true);
    expect(all.faults.map(({ code }) => code)).toEqual(['capture-unwritable']);
  });
});
