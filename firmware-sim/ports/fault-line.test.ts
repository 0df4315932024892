// Link faults on the streams of a board: what arrives, in which order and when, on a clock moved by hand.
import { describe, expect, it } from 'vitest';
import { FrameKind } from '../../src/link/frame/index.ts';
import { fakeFaults } from '../../test/support/planted-faults.ts';
import { bootBoard, TestHost } from '../firmware/board.test-support.ts';
import type { ByteSink, Controller } from '../firmware/index.ts';
import { LANE_BYTES_MAX } from './fault-lane.ts';
import { withFaultLine } from './fault-line.ts';

/** A board that keeps what it is sent and says what it is told to, and the host at its other end. */
function line() {
  const { registry, clock } = fakeFaults();
  const toDevice: number[] = [];
  const toHost: number[] = [];
  const host = { takes: true };
  let board: ByteSink = { write: () => true };
  let drains = 0;
  const controller: Controller = {
    attach: (sink) => {
      board = sink;
      return {
        receive: (bytes) => bytes.forEach((byte) => toDevice.push(byte)),
        drained: () => (drains += 1),
        detach: () => undefined,
      };
    },
    close: () => undefined,
  };
  const attachment = withFaultLine(controller, registry, clock).attach({
    write: (bytes) => {
      bytes.forEach((byte) => toHost.push(byte));
      return host.takes;
    },
  });
  return {
    registry,
    clock,
    toDevice,
    toHost,
    host,
    attachment,
    send: (bytes: Uint8Array) => attachment.receive(bytes),
    say: (bytes: Uint8Array) => board.write(bytes),
    drains: () => drains,
  };
}

const link = (type: string, more: object = {}): object => ({ component: 'link', type, ...more });
const magnitude = (value: number, unit: string): object => ({ magnitude: { value, unit } });
const bytes = (count: number, from = 0): Uint8Array => Uint8Array.from({ length: count }, (_, k) => from + k);
const numbers = (count: number, from = 0): number[] => Array.from(bytes(count, from));

describe('a line', () => {
  it('passes everything on at once without a fault, and again after one', () => {
    const { registry, toDevice, toHost, send, say } = line();
    for (const round of [0, 100]) {
      send(bytes(5, round));
      expect(say(bytes(3, round))).toBe(true);
      expect(toDevice.splice(0)).toEqual(numbers(5, round));
      expect(toHost.splice(0)).toEqual(numbers(3, round));
      registry.inject(link('off'));
      registry.clearAll();
    }
  });

  it.each([
    ['to-device', [], [7]],
    ['to-host', [7], []],
    [undefined, [], []],
  ])('off, direction %s: silence', (direction, atDevice, atHost) => {
    const { registry, toDevice, toHost, send, say } = line();
    registry.inject(link('off', { target: { direction } }));
    send(bytes(1, 7));
    say(bytes(1, 7));
    expect([toDevice, toHost]).toEqual([atDevice, atHost]);
  });

  it('stuck: waits, asks the firmware to wait, and arrives in order when the fault ends', () => {
    const { registry, clock, toHost, toDevice, send, say, drains } = line();
    registry.inject(link('stuck', { duration_s: 2 }));
    const large = new Uint8Array(64 * 1024).fill(9);
    expect(say(bytes(3))).toBe(true);
    expect(say(large)).toBe(false);
    send(bytes(2));
    clock.advance(1999);
    expect([toHost.length, toDevice.length, drains()]).toEqual([0, 0, 0]);
    clock.advance(1);
    expect(toHost).toEqual([...numbers(3), ...large]);
    expect([toDevice, drains()]).toEqual([numbers(2), 1]);
  });

  it('stuck: holds a bounded number of bytes', () => {
    const { registry, toDevice, send } = line();
    registry.inject(link('stuck'));
    const large = new Uint8Array(LANE_BYTES_MAX / 4);
    for (let k = 0; k < 6; k++) send(large);
    registry.clearAll();
    expect(toDevice).toHaveLength(LANE_BYTES_MAX);
  });

  it.each([0.01, 0.2])('garbage: %d random bytes per byte, the real ones in between', (ratio) => {
    const { registry, toDevice, send } = line();
    registry.inject(link('garbage', magnitude(ratio, 'ratio')));
    const real = new Uint8Array(20_000).fill(0);
    send(real);
    const added = toDevice.length - real.length;
    expect(Math.abs(added - 20_000 * ratio)).toBeLessThan(4 * Math.sqrt(20_000 * ratio));
    expect(toDevice.filter((byte) => byte === 0).length).toBeGreaterThanOrEqual(real.length);
  });

  it.each([0.001, 0.1])('wrong: one flipped bit in a share of %d of the bytes', (ratio) => {
    const { registry, toDevice, send } = line();
    registry.inject(link('wrong', magnitude(ratio, 'ratio')));
    send(new Uint8Array(20_000));
    const hit = toDevice.filter((byte) => byte !== 0);
    expect(toDevice).toHaveLength(20_000);
    expect(hit.every((byte) => (byte & (byte - 1)) === 0)).toBe(true);
    expect(Math.abs(hit.length - 20_000 * ratio)).toBeLessThan(4 * Math.sqrt(20_000 * ratio));
  });

  it.each(['wrong', 'garbage'])('%s: the same places for one seed, however the stream is cut', (type) => {
    const received = (seed: number, piece: number, direction?: string): number[] => {
      const { registry, toDevice, send } = line();
      registry.inject(link(type, { seed, target: { direction }, ...magnitude(0.05, 'ratio') }));
      const all = bytes(3000);
      for (let at = 0; at < all.length; at += piece) send(all.subarray(at, at + piece));
      return toDevice;
    };
    const once = received(5, 3000);
    expect(received(5, 7)).toEqual(once);
    expect(received(5, 1, 'to-device')).toEqual(once);
    expect(received(6, 3000)).not.toEqual(once);
  });

  it.each([1000, 20_000])('slow: %d bytes a second', (rate) => {
    const { registry, clock, toDevice, send } = line();
    registry.inject(link('slow', magnitude(rate, 'bytes_per_s')));
    send(bytes(10_000));
    for (let k = 1; k <= 4; k++) {
      clock.advance(100);
      // Bytes go in steps of 2 ms.
      expect(Math.abs(toDevice.length - (rate * k) / 10)).toBeLessThanOrEqual((rate * 2) / 1000 + 1);
    }
    clock.advance((10_000 / rate) * 1000);
    expect(toDevice).toEqual(numbers(10_000));
  });

  it.each([5, 700])('delayed by %d ms', (delay_ms) => {
    const { registry, clock, toDevice, send } = line();
    registry.inject(link('delayed', magnitude(delay_ms, 'ms')));
    send(bytes(2));
    clock.advance(2);
    send(bytes(2, 2));
    clock.advance(delay_ms - 3);
    expect(toDevice).toEqual([]);
    clock.advance(1);
    expect(toDevice).toEqual([0, 1]);
    clock.advance(2);
    expect(toDevice).toEqual([0, 1, 2, 3]);
  });

  it('delayed: what is on its way arrives when the fault is cleared, before what comes then', () => {
    const { registry, toDevice, send } = line();
    registry.inject(link('delayed', magnitude(1000, 'ms')));
    send(bytes(2));
    registry.clearAll();
    send(bytes(1, 2));
    expect(toDevice).toEqual([0, 1, 2]);
  });

  it.each([0.25, 0.75])('intermittent: silent for %d of each period', (duty_ratio) => {
    const { registry, clock, toDevice, send } = line();
    registry.inject(link('intermittent', { period_s: 0.1, duty_ratio }));
    for (let k = 0; k < 20; k++, clock.advance(10)) send(bytes(1, k));
    expect(toDevice).toEqual(numbers(20).filter((k) => (k % 10) / 10 >= duty_ratio));
  });

  it('asks the firmware to go on only when line and host both take bytes again', () => {
    const { registry, host, say, attachment, drains } = line();
    registry.inject(link('stuck'));
    say(new Uint8Array(64 * 1024));
    host.takes = false;
    registry.clearAll();
    expect(drains()).toBe(0);
    host.takes = true;
    attachment.drained();
    expect(drains()).toBe(1);
  });

  it('loses what it holds when its stream ends', () => {
    const { registry, clock, toDevice, send, attachment } = line();
    registry.inject(link('delayed', magnitude(10, 'ms')));
    send(bytes(2));
    attachment.detach();
    clock.advance(100);
    registry.clearAll();
    expect(toDevice).toEqual([]);
  });
});

describe('the firmware behind a failing line', () => {
  /** A host with a session, on a board whose line fails from now on. */
  function session(fault: object) {
    const { registry, clock } = fakeFaults();
    const { controller } = bootBoard({ clock });
    const host = new TestHost(withFaultLine(controller, registry, clock));
    host.hello();
    registry.inject(fault);
    return { registry, clock, host };
  }
  const isAnswered = (host: TestHost): boolean =>
    host.request({ type: 'ping', value: { nonce: 7 } }) !== undefined;
  /** Damaged frames that the firmware has counted, asked once the line is well again. */
  const corrupt = (host: TestHost): number => {
    const status = host.request({ type: 'getStatus', value: {} });
    if (status?.body?.type !== 'deviceStatus') throw new Error('no status');
    return status.body.value.link?.rxCorrupt ?? 0;
  };

  it.each(['off', 'stuck'])('%s: no answer, and one once it is cleared', (type) => {
    const { registry, host } = session(link(type));
    expect(isAnswered(host)).toBe(false);
    registry.clearAll();
    expect(isAnswered(host)).toBe(true);
    expect(corrupt(host)).toBe(0);
  });

  it.each([
    ['wrong', 0.02],
    ['wrong', 0.2],
    ['garbage', 0.02],
    ['garbage', 0.2],
  ])('%s in a share of %d: frames are lost and counted, none is believed', (type, ratio) => {
    const target = { direction: 'to-device' };
    const { registry, host } = session(link(type, { target, ...magnitude(ratio, 'ratio') }));
    let answered = 0;
    for (let k = 0; k < 50; k++) answered += isAnswered(host) ? 1 : 0;
    registry.clearAll();
    // The first one after it may follow half a frame.
    isAnswered(host);
    expect(answered).toBeLessThan(50);
    expect(corrupt(host)).toBeGreaterThan(0);
    expect(isAnswered(host)).toBe(true);
  });

  it.each([
    ['slow', 1000, 'bytes_per_s'],
    ['slow', 200, 'bytes_per_s'],
    ['delayed', 20, 'ms'],
    ['delayed', 200, 'ms'],
  ])('%s, %d %s: the answer comes, later', (type, value, unit) => {
    const { clock, host } = session(link(type, magnitude(value, unit)));
    const answers = (): number => host.frames.filter(({ kind }) => kind === FrameKind.rpc).length;
    expect(isAnswered(host)).toBe(false);
    clock.advance(10);
    expect(answers()).toBe(0);
    clock.advance(990);
    expect(answers()).toBe(1);
  });

  it.each([0.25, 0.75])('intermittent, %d of each period: answers outside the windows', (duty_ratio) => {
    const { clock, host } = session(link('intermittent', { period_s: 0.1, duty_ratio }));
    for (let k = 0; k < 20; k++, clock.advance(10))
      expect(isAnswered(host)).toBe((k % 10) / 10 >= duty_ratio);
  });
});
