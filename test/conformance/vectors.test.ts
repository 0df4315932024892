// The golden vectors through both ends as they are built: the decoder of both roles, the host's channel on a port, and
// the controller of the twin behind a byte stream. test/conformance/firmware-c.test.ts drives the decoder in C.
import { describe, expect, it } from 'vitest';
import { bootBoard, LIMITS, TestHost } from '../../firmware-sim/firmware/board.test-support.ts';
import { encodeFrame } from '../../src/link/frame/index.ts';
import type { Frame } from '../../src/link/frame/index.ts';
import type { LinkCounters as DeviceCounters } from '../../src/link/messages/index.ts';
import { newLinkCounters } from '../../src/link/session/counters.ts';
import { FrameChannel, HOST_MAX_PAYLOAD } from '../../src/link/session/frame-channel.ts';
import type { Port } from '../../src/transports/port.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { allStreams, bytesOf, decodedLines, frameOf, frameVectors, hexOf } from './vectors.ts';

describe('the decoder that host and twin share', () => {
  it.each(allStreams)('$role: $name', ({ role, maxPayload, wire, lines }) => {
    const bytes = bytesOf(wire);
    expect(decodedLines(role, maxPayload, [bytes])).toEqual(lines);
    const single = Array.from(bytes, (_, at) => bytes.subarray(at, at + 1));
    expect(decodedLines(role, maxPayload, single)).toEqual(lines);
  });

  it('encodes every canonical vector to its bytes', () => {
    for (const vector of frameVectors.accepts.filter((v) => v.canonical)) {
      expect(hexOf(encodeFrame(frameOf(vector))), vector.name).toBe(vector.wire);
    }
  });
});

describe("the host's channel", () => {
  const forHost = <T extends { role: string; maxPayload: number }>(vectors: T[]): T[] =>
    vectors.filter((v) => v.role === 'host');

  it.each(forHost(frameVectors.accepts))('delivers: $name', (vector) => {
    const channel = openChannel();
    channel.begin(vector.frame.session);
    channel.receive(vector.wire);
    expect(channel.frames).toEqual([frameOf(vector)]);
    expect(channel.counters).toMatchObject({ rxFrames: 1, rxCorrupt: {}, rxRejected: {}, rxOversize: 0 });
  });

  it('drops and counts frames of another session', () => {
    for (const vector of forHost(frameVectors.accepts).filter((v) => v.frame.session !== 0)) {
      const channel = openChannel();
      channel.begin((vector.frame.session % 0xffff) + 1);
      channel.receive(vector.wire);
      expect(channel.frames).toEqual([]);
      expect(channel.counters).toMatchObject({ rxFrames: 0, rxStaleSession: 1 });
    }
  });

  it.each(
    forHost(frameVectors.rejects).filter(
      (v) => v.maxPayload === HOST_MAX_PAYLOAD || !/^too-long$|^oversize$/.test(v.reason),
    ),
  )('counts as $result, $reason: $name', ({ wire, result, reason }) => {
    const channel = openChannel();
    channel.begin(0x1234);
    channel.receive(wire);
    expect(channel.frames).toEqual([]);
    const { rxCorrupt, rxRejected, rxOversize } = channel.counters;
    const counted = reason === 'oversize' ? { oversize: rxOversize } : { ...rxCorrupt, ...rxRejected };
    expect(counted).toEqual({ [reason]: 1 });
    expect(Object.keys(result === 'rejected' ? rxCorrupt : rxRejected)).toEqual([]);
  });
});

describe("the twin's controller", () => {
  const forDevice = <T extends { role: string; maxPayload: number }>(vectors: T[]): T[] =>
    vectors.filter((v) => v.role === 'device');

  it.each(forDevice(frameVectors.accepts))('takes: $name', (vector) => {
    const { counts } = sendToTwin(vector.wire, vector.maxPayload, vector.frame.session);
    expect(counts).toMatchObject({ rxFrames: 1, rxCorrupt: 0, rxOversize: 0, rxStaleSession: 0 });
  });

  it('answers the ping of the first worked example', () => {
    const { host } = sendToTwin(frameVectors.accepts[0].wire, 632, frameVectors.accepts[0].frame.session);
    expect(host.replies(7)).toMatchObject([{ body: { type: 'ping', value: { nonce: 0x01020304 } } }]);
  });

  it.each(forDevice(frameVectors.rejects))(
    'counts as $result, $reason: $name',
    ({ wire, maxPayload, result, reason }) => {
      const { counts, answered } = sendToTwin(wire, maxPayload, 0x2222);
      const counter =
        reason === 'oversize' ? 'rxOversize' : result === 'corrupt' ? 'rxCorrupt' : 'rxRejected';
      const none = {
        rxFrames: 0,
        rxCorrupt: 0,
        rxOversize: 0,
        rxRejected: 0,
        rxStaleSession: 0,
        rxSeqGaps: 0,
      };
      expect(counts).toEqual({ ...none, [counter]: 1 });
      expect(answered).toBe(0);
    },
  );
});

/** A channel on a port that is nothing but a callback. */
function openChannel(): {
  counters: ReturnType<typeof newLinkCounters>;
  frames: Frame[];
  begin(session: number): void;
  receive(wire: string): void;
} {
  let deliver: (bytes: Uint8Array) => void = () => undefined;
  const port: Port = {
    label: 'test',
    queuedBytes: 0,
    open: () => Promise.resolve(),
    write: () => true,
    onData: (callback) => void (deliver = callback),
    onDrain: () => undefined,
    onClosed: () => undefined,
    close: () => Promise.resolve(),
  };
  const counters = newLinkCounters();
  const frames: Frame[] = [];
  const channel = new FrameChannel(port, new VirtualClock(), counters, {
    onFrame: (frame) => frames.push(frame),
    onDrain: () => undefined,
    onClosed: () => undefined,
  });
  return {
    counters,
    frames,
    begin: (session) => channel.beginSession(session),
    receive: (wire) => deliver(bytesOf(wire)),
  };
}

const COUNTED = ['rxFrames', 'rxCorrupt', 'rxOversize', 'rxRejected', 'rxStaleSession', 'rxSeqGaps'] as const;

/** Sends the bytes of one vector to a controller with a session of that number, and reads what it counted for them. */
function sendToTwin(
  wire: string,
  maxPayload: number,
  session: number,
): { host: TestHost; counts: Record<string, number>; answered: number } {
  const random32 = (): number => (session === 0 ? 5 : session - 1); // the session drawn is one more
  const { controller } = bootBoard({ random32, limits: { ...LIMITS, maxPayload } });
  const host = new TestHost(controller);
  host.hello();
  const before = countersOf(host);
  const frames = host.frames.length;
  host.attachment.receive(bytesOf(wire));
  const answered = host.frames.length - frames;
  const after = countersOf(host);
  // The second status request itself is one more frame.
  const counts = Object.fromEntries(
    COUNTED.map((name) => [name, after[name] - before[name] - (name === 'rxFrames' ? 1 : 0)]),
  );
  return { host, counts, answered };
}

function countersOf(host: TestHost): DeviceCounters {
  const reply = host.request({ type: 'getStatus', value: {} });
  if (reply?.body?.type !== 'deviceStatus' || reply.body.value.link === undefined)
    throw new Error('no status');
  return reply.body.value.link;
}
