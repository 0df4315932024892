// A capture in the place of a device: what is released when, what a host is held to, and how a replay ends.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { VirtualClock } from '../../../test/support/virtual-clock.ts';
import type { CaptureEvent, CaptureNote, Direction } from '../capture/format.ts';
import { CaptureWriter } from '../capture/write.ts';
import { openPort, parsePortUrl, ReplayPort, type PortCloseReason, type ReplayOptions } from '../index.ts';
import type { TransportError } from '../port.ts';
import { HostScript } from './host-script.ts';

let folder: string;
let files = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'thermoloop-replay-'));
});
afterAll(() => rm(folder, { recursive: true }));

const never = new AbortController().signal;
const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'));
const bytes = (at_ms: number, direction: Direction, text: string): CaptureEvent => ({
  kind: 'bytes',
  at_ms,
  direction,
  bytes: hex(text),
});
const out = (at_ms: number, text: string): CaptureEvent => bytes(at_ms, 'host_to_device', text);
const back = (at_ms: number, text: string): CaptureEvent => bytes(at_ms, 'device_to_host', text);
const note = (at_ms: number, what: CaptureNote): CaptureEvent => ({ kind: 'note', at_ms, note: what });

async function captureOf(events: CaptureEvent[], dropped_bytes = 0): Promise<string> {
  const facts = { label: 'x', opened_wall_ms: 1_790_000_000_000, dropped_bytes };
  const path = join(folder, `${(files += 1)}.mcap`);
  const writer = new CaptureWriter({ path, facts, onFault: (error) => expect.fail(error.message) });
  for (const event of events) writer.take(event);
  await writer.end();
  return path;
}

async function replay(events: CaptureEvent[], options: Partial<ReplayOptions> = {}) {
  const port = new ReplayPort({ path: await captureOf(events), ...options });
  const received: string[] = [];
  const closes: PortCloseReason[] = [];
  port.onData((piece) => received.push(Buffer.from(piece).toString('hex')));
  port.onClosed((why) => closes.push(why));
  await port.open(never);
  return { port, received, closes };
}

const turns = async (count = 20): Promise<void> => {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turns(1);
}
const cause = (why: PortCloseReason): TransportError => why.cause as TransportError;

describe('a replay', () => {
  it('releases an arrival only when the host has sent what it had sent by then', async () => {
    const { port, received } = await replay([
      back(0, 'aa'),
      out(1, '0102'),
      out(2, '03'),
      back(3, 'bb'),
      out(4, '04'),
      back(5, 'cc'),
    ]);
    await turns();
    expect(received).toEqual(['aa']);
    port.write(hex('01'));
    port.write(hex('02'));
    await turns();
    expect(received).toEqual(['aa']);
    port.write(hex('0304')); // ahead of the recording, in another split: the same bytes
    await until(() => received.length === 3);
    expect(received).toEqual(['aa', 'bb', 'cc']);
    await port.close();
  });

  it('ends at the first byte that differs, and names it', async () => {
    const { port, closes, received } = await replay([out(0, '01020304'), back(1, 'aa')], {});
    port.write(hex('0102'));
    port.write(hex('3304'));
    await until(() => closes.length > 0);
    const { code, message, remedy } = cause(closes[0]);
    expect(closes[0].code).toBe('error');
    expect(code).toBe('replay-mismatch');
    expect(message).toContain('at byte 2 of host_to_device');
    expect(message).toContain('expected 03 04, got 33 04');
    expect(remedy.length).toBeGreaterThan(20);
    expect(received).toEqual([]);
  });

  it('ends when the host sends more than was recorded', async () => {
    const closed = note(2, { event: 'closed', by: 'host', code: 'asked', message: 'closed' });
    const { port, closes } = await replay([out(0, '01'), closed]);
    port.write(hex('0102'));
    await until(() => closes.length > 0);
    expect(cause(closes[0]).message).toContain('at byte 1 of host_to_device');
    expect(cause(closes[0]).message).toContain('expected nothing, got 02');
  });

  it('counts runs of 0x00 as one, at the start as none', async () => {
    const script = new HostScript([hex('0000000001020000'), hex('0003000004')]);
    expect(script.take(hex('0102'))).toBeNull();
    expect(script.hasSent(0)).toBe(false);
    expect(script.take(hex('00'))).toBeNull();
    expect(script.hasSent(0)).toBe(true);
    expect(script.take(hex('0000030004'))).toBeNull();
    expect(script.isComplete).toBe(true);
    const other = new HostScript([hex('0000000001020000'), hex('0003000004')]);
    expect(other.take(hex('0102000300ff'))).toEqual({ at_byte: 12, expected: '04', actual: 'ff' });
    // A zero that is missing between two frames is no run: the frames would be one.
    expect(new HostScript([hex('010002')]).take(hex('0102'))).toMatchObject({ at_byte: 1 });
  });

  it('gives a host that does nothing up when its patience ends, and else waits', async () => {
    const clock = new VirtualClock();
    const events = [note(7, { event: 'turn' }), out(7, '01'), back(8, 'aa')];
    const { closes } = await replay(events, { patience_ms: 60_000, clock });
    const passes = async (time_ms: number): Promise<void> => {
      await turns();
      await clock.pass(time_ms);
      await turns();
    };
    await passes(1_000); // looks around first, then waits
    await passes(58_000);
    expect(closes).toEqual([]);
    await passes(2_000);
    await until(() => closes.length > 0);
    expect(cause(closes[0])).toMatchObject({ code: 'replay-silent', retryable: false });
    const patient = await replay(events, { clock });
    await passes(1_000);
    await passes(3_600_000);
    expect(patient.closes).toEqual([]);
    patient.port.write(hex('01'));
    await until(() => patient.received.length === 1);
    await patient.port.close();
    // What nobody has to ask for follows by itself, or never.
    const stuck = await replay([back(6, 'ff'), out(7, '01')], { clock });
    await passes(1_000);
    await passes(10_000);
    expect(stuck.received).toEqual(['ff']);
    expect(cause(stuck.closes[0]).code).toBe('replay-silent');
  });

  it('gives the host the recorded times, timers and choices', async () => {
    const { port, received } = await replay([
      note(0, { event: 'choice', what: 'random32', value: 5 }),
      note(0, { event: 'choice', what: 'random32', value: 6 }),
      note(0, { event: 'choice', what: 'version', value: 'old' }),
      back(2.5, 'aa'),
      note(53.25, { event: 'timer', due_ms: 52.5, order: 1 }),
      out(53.25, '01'),
      back(60, 'bb'),
    ]);
    const { clock } = port.tap;
    const times: number[] = [];
    port.onData(() => {
      times.push(clock?.now_ms() ?? NaN);
      if (times.length > 1) return;
      clock?.after(50, () => {
        times.push(clock.now_ms());
        port.write(hex('01'));
      });
      clock?.after(20, () => times.push(-1)); // did not ring in the recording
    });
    const draws = [1, 2, 3].map((own) => port.tap.choose('random32', own));
    expect(draws).toEqual([5, 6, 3]);
    expect(port.tap.choose('version', 'new')).toBe('old');
    expect(port.tap.choose('version', 'new')).toBe('new');
    await until(() => received.length === 2);
    expect(times).toEqual([2.5, 53.25, 60]);
    expect(clock?.wall_ms()).toBe(1_790_000_000_060);
    await port.close();
  });

  it('waits for a caller whose first byte is a lone 0x00, and gives it the time it had', async () => {
    const { port, received } = await replay([
      out(0, '0500'),
      back(10, 'aa'),
      note(700, { event: 'turn' }),
      out(700, '00'),
      out(700, '0600'),
      back(710, 'bb'),
    ]);
    port.write(hex('0500'));
    await until(() => received.length === 1);
    await turns();
    expect(port.tap.clock?.now_ms()).toBe(700); // the host looks at the time because its caller acts
    port.write(hex('00'));
    port.write(hex('0600'));
    await until(() => received.length === 2);
    await port.close();
  });

  it('gives a caller that comes before its place in the recording the time it had there', async () => {
    const { port, received } = await replay([
      back(10, 'aa'),
      back(20, 'ab'),
      note(700, { event: 'turn' }),
      out(700, '0600'),
      back(710, 'bb'),
    ]);
    expect(port.tap.clock?.now_ms()).toBe(700);
    port.write(hex('0600'));
    await until(() => received.length === 3);
    expect(port.tap.clock?.now_ms()).toBe(710);
    await port.close();
  });

  it('tells the host what its port told it', async () => {
    const { port } = await replay([
      out(0, '01'),
      note(0, { event: 'queued', bytes: 70_000, reads: 0 }),
      out(0, '02'),
      note(0, { event: 'full' }),
      note(9, { event: 'drained' }),
      note(9, { event: 'queued', bytes: 0, reads: 1 }),
      out(9, '03'),
    ]);
    let drained = 0;
    port.onDrain(() => {
      drained += 1;
      expect([port.queuedBytes, port.queuedBytes]).toEqual([70_000, 0]);
      expect(port.write(hex('03'))).toBe(true);
    });
    expect(port.queuedBytes).toBe(0);
    expect(port.write(hex('01'))).toBe(true);
    expect(port.queuedBytes).toBe(70_000);
    expect(port.write(hex('02'))).toBe(false);
    await until(() => drained === 1);
    await port.close();
  });

  it('ends as the recording ends', async () => {
    const gone = note(1, { event: 'closed', by: 'device', code: 'disconnected', message: 'cable' });
    const lost = await replay([back(0, 'aa'), gone]);
    await until(() => lost.closes.length > 0);
    expect(lost.received).toEqual(['aa']);
    expect(lost.closes).toHaveLength(1);
    expect(lost.closes[0].code).toBe('disconnected');
    expect(lost.closes[0].message).toMatch(/^replay:.*recorded: cable$/);
    const cut = await replay([back(0, 'aa')]);
    await until(() => cut.closes.length > 0);
    expect(cut.closes[0].message).toContain('the recording ends here');
  });

  it('plays at the recorded speed when asked', async () => {
    const clock = new VirtualClock();
    const { received, port } = await replay([back(0, 'aa'), back(500, 'bb')], { speed: 'recorded', clock });
    await turns();
    expect(received).toEqual(['aa']);
    await clock.pass(499);
    await turns();
    expect(received).toEqual(['aa']);
    await clock.pass(1);
    await turns();
    expect(received).toEqual(['aa', 'bb']);
    await port.close();
  });

  it('refuses a capture without its beginning, and what is no capture', async () => {
    const port = openPort(`replay:${await captureOf([back(0, 'aa')], 12)}`);
    await expect(port.open(never)).rejects.toMatchObject({
      code: 'capture-incomplete',
      message: expect.stringContaining('12 bytes before it were forgotten') as string,
      remedy: expect.stringContaining('record+') as string,
    });
    await port.close();
    const missing = openPort(`replay:${join(folder, 'missing')}`).open(never);
    await expect(missing).rejects.toMatchObject({ code: 'capture-unreadable' });
  });

  it('is opened once, and not when it was cancelled or closed meanwhile', async () => {
    const path = await captureOf([back(0, 'aa')]);
    const reason = new Error('changed my mind');
    await expect(new ReplayPort({ path }).open(AbortSignal.abort(reason))).rejects.toBe(reason);
    const closed = new ReplayPort({ path });
    const opening = closed.open(never);
    await closed.close();
    await expect(opening).rejects.toMatchObject({ code: 'open-failed' });
    await expect(closed.open(never)).rejects.toMatchObject({ code: 'open-failed' });
  });

  it('has an address', () => {
    expect(parsePortUrl('replay:./a%20b.mcap?speed=recorded&patience=5')).toEqual({
      kind: 'replay',
      file: './a b.mcap',
      speed: 'recorded',
      patience_s: 5,
    });
    for (const bad of [
      'replay:',
      'replay:a?speed=2',
      'replay:a?patience=0',
      'replay:a?x=1',
      'chaos+replay:a',
    ])
      expect(() => parsePortUrl(bad)).toThrow(expect.objectContaining({ code: 'bad-url' }));
  });
});
