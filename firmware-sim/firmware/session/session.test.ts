// The controller on the wire: silence, handshake, takeover, requests once only, heartbeat, reset.
import { describe, expect, it } from 'vitest';
import {
  cobsDecode,
  cobsEncode,
  cobsMaxLength,
  crc32c,
  encodeFrame,
  FrameKind,
} from '../../../src/link/frame/index.ts';
import {
  Code,
  Detail,
  DeviceState,
  encodeEnvelope,
  encodeHostHello,
  Feature,
  LoadState,
  ResetReason,
  SCHEMA_HASH,
} from '../../../src/link/messages/index.ts';
import type { DeviceStatus, Envelope } from '../../../src/link/messages/index.ts';
import {
  boardWithProgram,
  bootBoard,
  buildImage,
  LIMITS,
  sha256,
  startRun,
  TestHost,
} from '../board.test-support.ts';
import { OK_STATUS } from '../status.ts';

const getStatus = { type: 'getStatus', value: {} } as const;
function statusOf(envelope: Envelope | undefined): DeviceStatus {
  if (envelope?.body?.type !== 'deviceStatus') throw new Error(`no status but ${envelope?.body?.type}`);
  return envelope.body.value;
}

describe('silence', () => {
  it('is kept until a valid hello, whatever comes in and however long it takes', () => {
    const { controller, clock } = bootBoard();
    const host = new TestHost(controller);
    host.attachment.receive(new TextEncoder().encode('AT\r\nATE0\r\n'));
    host.attachment.receive(new Uint8Array(5000).fill(0x41));
    host.attachment.receive(Uint8Array.of(0, 0, 0, 0));
    host.session = 5;
    host.request(getStatus);
    host.sendFrame(FrameKind.hello, Uint8Array.of(0xff, 0xff, 0xff));
    clock.advance(10_000);
    expect(host.rxBytes).toBe(0);
    expect(host.hello()).not.toBeNull();
    const { link } = statusOf(host.request(getStatus));
    expect(link).toMatchObject({ rxOversize: 1, rxCorrupt: 0, rxStaleSession: 1, rxRejected: 1 });
  });
});

describe('the handshake', () => {
  it('states who answers, once per nonce', () => {
    const { controller } = bootBoard();
    const host = new TestHost(controller);
    const hello = host.hello({ hostNonce: 0xdeadbeef });
    expect(hello).toMatchObject({
      hostNonce: 0xdeadbeef,
      proto: 1,
      schemaHash: SCHEMA_HASH,
      deviceUid: Uint8Array.of(0xab, 0xcd),
      fwVersion: '1.2.3',
      simulated: true,
      resetReason: ResetReason.POWER_ON,
      limits: LIMITS,
      features: Feature.PATCH | Feature.RECORD_HEADER | Feature.DROP_WITH_GAP,
    });
    expect(host.hello({ hostNonce: 0xdeadbeef })).toEqual(hello);
    const next = host.hello({ hostNonce: 2 });
    expect(next?.session).not.toBe(hello?.session);
    expect(next?.bootId).toBe(hello?.bootId);
  });

  it('leaves the session as it was when it refuses another host', () => {
    const { controller } = bootBoard();
    const host = new TestHost(controller);
    host.hello({ fence: 4n });
    const late = new TestHost(controller);
    expect(late.hello({ clientId: 2, fence: 3n })).toMatchObject({
      session: 0,
      refused: { code: Code.FAILED_PRECONDITION, detail: Detail.FENCE_STALE },
    });
    expect(late.hello({ clientId: 2, schemaHash: 1 })?.refused?.detail).toBe(Detail.SCHEMA_MISMATCH);
    expect(late.hello({ clientId: 2, protoMin: 7, protoMax: 9 })?.refused?.detail).toBe(
      Detail.UNSUPPORTED_VERSION,
    );
    expect(host.ended).toBe(false);
    expect(host.eventsOf('sessionLost')).toEqual([]);
    expect(host.request(getStatus)?.status?.code).toBe(Code.OK);
  });

  it('does not answer its own hello, accepted or refused, when a tty echoes it', () => {
    const { controller } = bootBoard();
    const host = new TestHost(controller);
    host.hello({ schemaHash: 1 });
    const refused = host.frames.at(-1);
    host.hello();
    const accepted = host.frames.at(-1);
    const before = host.frames.length;
    for (const own of [refused, accepted]) host.sendFrame(FrameKind.hello, own?.payload ?? new Uint8Array(0));
    expect(host.frames.length).toBe(before);
    expect(statusOf(host.request(getStatus)).link).toMatchObject({ rxRejected: 2, rxStaleSession: 0 });
  });

  it('tells the old session when another client takes over, and ends its stream', () => {
    const { controller } = bootBoard();
    const [first, second] = [new TestHost(controller), new TestHost(controller)];
    first.hello({ clientId: 1 });
    second.hello({ clientId: 2 });
    expect(first.eventsOf('sessionLost')).toEqual([{ byClientId: 2 }]);
    expect(first.frames.at(-1)?.session).toBe(first.session);
    expect(first.ended).toBe(true);
    expect(first.request(getStatus)).toBeUndefined();
    expect(statusOf(second.request(getStatus)).link?.rxStaleSession).toBe(1);
  });

  it('does so on the same stream too', () => {
    const { controller } = bootBoard();
    const host = new TestHost(controller);
    const before = host.hello({ clientId: 1 });
    host.hello({ clientId: 2 });
    const lost = host.frames.find((frame) => frame.kind === FrameKind.event);
    expect(lost?.session).toBe(before?.session);
    expect(host.ended).toBe(false);
  });

  it('ends with its stream; the device is silent until the next one', () => {
    const { controller, clock } = bootBoard();
    const host = new TestHost(controller);
    const first = host.hello();
    host.attachment.detach();
    clock.advance(3000);
    const [bytes, next] = [host.rxBytes, new TestHost(controller)];
    const again = next.hello();
    expect(again?.session).not.toBe(first?.session);
    expect(again?.bootId).toBe(first?.bootId);
    expect(host.rxBytes).toBe(bytes);
  });

  it('begins each stream with a delimiter, and again after a gap', () => {
    const { controller, clock } = bootBoard();
    const written: Uint8Array[] = [];
    const attachment = controller.attach({ write: (bytes) => written.push(bytes.slice()) > 0 });
    const say = (nonce: number) => {
      const host = {
        protoMin: 1,
        protoMax: 1,
        maxPayload: 4076,
        rxWindowBytes: 0,
        hostVersion: '',
        fence: 0n,
      };
      const payload = encodeHostHello({ hostNonce: nonce, clientId: 1, schemaHash: SCHEMA_HASH, ...host });
      attachment.receive(encodeFrame({ kind: FrameKind.hello, flags: 0, session: 0, seq: 0, payload }));
    };
    say(1);
    say(2);
    clock.advance(51);
    say(3);
    expect(written.map((bytes) => bytes[0] === 0)).toEqual([true, false, true]);
  });
});

describe('requests', () => {
  it('are executed once: a repeat gets the same reply, byte for byte', () => {
    const { host, image } = boardWithProgram();
    const value = startRun(sha256(image));
    const first = host.request({ type: 'startRun', value });
    const again = host.request({ type: 'startRun', value: { ...value, runToken: 5n } }, host.lastRequestId);
    expect(first?.body?.type).toBe('runAccepted');
    expect(again).toEqual(first);
    const replies = host.frames.filter((f) => f.kind === FrameKind.rpc).slice(-2);
    expect(replies[1].payload).toEqual(replies[0].payload);
  });

  it('are refused as out of window once a newer one took the slot', () => {
    const { controller } = bootBoard();
    const host = new TestHost(controller);
    host.hello();
    const abort = { type: 'abortLoad', value: { transfer: 1 } } as const;
    host.request(abort, 1);
    host.request(abort, 9);
    host.request(abort, 1);
    expect(host.replies(1).at(-1)?.status).toMatchObject({ detail: Detail.OUT_OF_WINDOW });
    expect(host.request(getStatus, 1)?.body?.type).toBe('deviceStatus'); // reads are executed whenever they come
  });

  it('of a new client start from nothing', () => {
    const { controller } = bootBoard();
    const host = new TestHost(controller);
    host.hello({ clientId: 1 });
    const abort = { type: 'abortLoad', value: { transfer: 1 } } as const;
    host.request(abort, 9);
    host.hello({ clientId: 1, hostNonce: 2 });
    host.request(abort, 1);
    expect(host.replies(1).at(-1)?.status?.detail).toBe(Detail.OUT_OF_WINDOW);
    host.hello({ clientId: 2, hostNonce: 3 });
    host.request(abort, 1);
    expect(host.replies(1).at(-1)?.status?.code).toBe(Code.OK);
  });

  it('that nobody knows get UNIMPLEMENTED, and what is no request gets nothing', () => {
    const { controller } = bootBoard();
    const host = new TestHost(controller);
    host.hello();
    // Envelope{request_id 7, field 40}: Calibrate of a later version.
    host.sendFrame(FrameKind.rpc, Uint8Array.of(0x0d, 7, 0, 0, 0, 0xc2, 0x02, 0));
    expect(host.replies(7).at(-1)?.status?.code).toBe(Code.UNIMPLEMENTED);
    const report = { transfer: 1, receivedBytes: 0, contiguousTo: 0, missing: [], moreMissing: false };
    expect(host.request({ type: 'loadReport', value: report })?.status?.code).toBe(Code.UNIMPLEMENTED);
    const count = host.frames.length;
    host.oneWay(getStatus); // could not be answered
    host.sendFrame(FrameKind.rpc, Uint8Array.of(0x08)); // no protobuf
    const reply = { requestId: 3, status: OK_STATUS, body: getStatus };
    host.sendFrame(FrameKind.rpc, encodeEnvelope(reply)); // echoed by a tty
    expect(host.frames).toHaveLength(count);
    expect(statusOf(host.request(getStatus)).link?.rxRejected).toBe(3);
  });

  it('with an unknown incompatible flag are answered, in the current session only', () => {
    const { controller } = bootBoard();
    const host = new TestHost(controller);
    host.hello();
    const payload = encodeEnvelope({ requestId: 21, body: getStatus });
    const wire = (session: number): Uint8Array => {
      const frame = { kind: FrameKind.rpc, flags: 0, session, seq: 0, payload } as const;
      return withFlag(encodeFrame(frame), 0x10);
    };
    host.attachment.receive(wire(host.session ^ 1));
    expect(host.replies(21)).toEqual([]);
    host.attachment.receive(wire(host.session));
    expect(host.replies(21).at(-1)?.status).toMatchObject({
      code: Code.UNIMPLEMENTED,
      detail: Detail.UNSUPPORTED_FLAG,
    });
  });

  it('are held while the stream is full, and heartbeats are left out', () => {
    const { controller, clock } = bootBoard();
    const host = new TestHost(controller);
    host.hello();
    host.takes = false;
    host.request({ type: 'ping', value: { nonce: 1 } }); // fills the stream
    expect(host.request({ type: 'ping', value: { nonce: 2 } })).toBeUndefined();
    clock.advance(3000);
    host.takes = true;
    host.attachment.drained();
    expect(host.envelopes().map((e) => e.body?.type === 'ping' && e.body.value.nonce)).toEqual([1, 2]);
    expect(host.eventsOf('heartbeat')).toEqual([]);
    clock.advance(1000);
    expect(host.eventsOf('heartbeat')).toHaveLength(1);
  });
});

describe('heartbeat, counters and reset', () => {
  it('beats once a second in a session, with state and counters', () => {
    const { controller, clock } = bootBoard();
    const host = new TestHost(controller);
    const hello = host.hello();
    clock.advance(3000);
    expect(host.eventsOf('heartbeat')).toHaveLength(3);
    expect(host.eventsOf('heartbeat')[0]).toMatchObject({ state: DeviceState.IDLE, run: 0, faults: 0 });
    expect(host.events().map((e) => [e.bootId, e.eventSeq, e.uptimeUs])).toEqual([
      [hello?.bootId, 1, 1_000_000n],
      [hello?.bootId, 2, 2_000_000n],
      [hello?.bootId, 3, 3_000_000n],
    ]);
  });

  it('counts gaps of the frame counter and damaged frames', () => {
    const { controller } = bootBoard();
    const host = new TestHost(controller);
    host.hello();
    host.request(getStatus);
    host.sendFrame(FrameKind.rpc, encodeEnvelope({ requestId: 50, body: getStatus }), { seq: 9 });
    const frame = { kind: FrameKind.rpc, flags: 0, session: host.session, seq: 10 } as const;
    const damaged = encodeFrame({ ...frame, payload: Uint8Array.of(1, 2, 3) });
    damaged[10] ^= 1;
    host.attachment.receive(damaged);
    const { link } = statusOf(host.replies(50).at(-1));
    expect(link).toMatchObject({ rxSeqGaps: 1, rxCorrupt: 0 });
    host.sendFrame(FrameKind.rpc, encodeEnvelope({ requestId: 51, body: getStatus }), { seq: 10 });
    expect(statusOf(host.replies(51).at(-1)).link).toMatchObject({ rxSeqGaps: 1, rxCorrupt: 1 });
  });

  it('forgets everything volatile on Reset, answers before it, and ignores a reset of an earlier boot', () => {
    const { host, controller, clock } = boardWithProgram();
    const bootId = host.hello({ hostNonce: 50, fence: 9n })?.bootId ?? 0n;
    expect(host.request({ type: 'reset', value: { bootId: bootId ^ 1n, hard: false } })?.status?.code).toBe(
      Code.OK,
    );
    expect(statusOf(host.request(getStatus)).bank[0].state).toBe(LoadState.ACTIVE);
    expect(host.request({ type: 'reset', value: { bootId, hard: false } })?.status?.code).toBe(Code.OK);
    const bytes = host.rxBytes;
    expect(host.request(getStatus)).toBeUndefined();
    clock.advance(5000);
    expect(host.rxBytes).toBe(bytes);

    const hello = host.hello({ hostNonce: 51, fence: 1n });
    expect(hello?.resetReason).toBe(ResetReason.SOFTWARE);
    expect(hello?.bootId).not.toBe(bootId);
    const status = statusOf(host.request(getStatus));
    expect(status.bank.map((bank) => bank.state)).toEqual([LoadState.EMPTY, LoadState.EMPTY]);
    expect(status.bootId).toBe(hello?.bootId);
    controller.close();
  });
});

describe('activation', () => {
  const other = buildImage({ bias: [9, 9, 9, 9, 9] });
  it('compares and swaps, and may be repeated', () => {
    const { host, image, core } = boardWithProgram();
    host.load(other, { bank: 1 });
    const swap = (to: Uint8Array, from: Uint8Array) =>
      host.request({ type: 'activate', value: { programId: sha256(to), expectActiveId: from } })?.status;
    expect(swap(other, sha256(other))).toMatchObject({ detail: Detail.PROGRAM_CHANGED });
    expect(core.program?.biasCode[0]).toBe(-3);
    expect(swap(other, sha256(image))?.code).toBe(Code.OK);
    expect(swap(other, sha256(image))?.code).toBe(Code.OK);
    expect(core.program?.biasCode[0]).toBe(9);
    const banks = statusOf(host.request(getStatus)).bank;
    expect(banks.map((bank) => bank.state)).toEqual([LoadState.STAGED, LoadState.ACTIVE]);
  });

  it('needs a staged image', () => {
    const { host } = boardWithProgram();
    expect(host.activate(other)?.status?.code).toBe(Code.NOT_FOUND);
    const half = { programId: new Uint8Array(4), expectActiveId: new Uint8Array(0) };
    expect(host.request({ type: 'activate', value: half })?.status?.code).toBe(Code.INVALID_ARGUMENT);
  });
});

/** Sets a flag bit of a wire frame and repairs its CRC by encoding anew, as an encoder of a later version would. */
function withFlag(wire: Uint8Array, flag: number): Uint8Array {
  const raw = new Uint8Array(wire.length);
  const length = cobsDecode(wire, 0, wire.length - 1, raw);
  raw[1] |= flag;
  new DataView(raw.buffer).setUint32(length - 4, crc32c(raw.subarray(0, length - 4)), true);
  const out = new Uint8Array(cobsMaxLength(length) + 1);
  return out.subarray(0, cobsEncode(raw, length, out, 0) + 1);
}
