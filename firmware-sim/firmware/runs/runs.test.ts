// A run on the wire: records, credit, repeats, pause, stop, safe hold, refusals of the core.
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { FrameFlag } from '../../../src/link/frame/index.ts';
import { Code, Detail, DeviceState, RunPhase } from '../../../src/link/messages/index.ts';
import type { Envelope, RunState, StartRun } from '../../../src/link/messages/index.ts';
import {
  boardWithProgram,
  buildImage,
  CAPABILITIES,
  fakeCode,
  LIMITS,
  packSlowly,
  settle,
  sha256,
  startRun,
  TestHost,
  UNITS,
} from '../board.test-support.ts';

const RECORD_BYTES = 18; // two reads of five codes and a padding code each

/** The records of samples [0, count), from the fake core's rule and the slow packer. */
function expectedBytes(seed: bigint, count: number): Uint8Array {
  const bytes: number[] = [];
  for (let sample = 0; sample < count; sample++) {
    for (let read = 0; read < 2; read++) {
      const codes = Array.from({ length: UNITS }, (_, unit) => fakeCode(seed, sample, read, unit));
      bytes.push(...packSlowly(codes));
    }
  }
  return Uint8Array.from(bytes);
}

function start(host: TestHost, image: Uint8Array, changes: Partial<StartRun> = {}): Envelope | undefined {
  return host.request({ type: 'startRun', value: startRun(sha256(image), changes) });
}
function received(host: TestHost): Uint8Array {
  const out: number[] = [];
  for (const { offset, data } of host.samples()) data.forEach((byte, k) => (out[offset + k] = byte));
  return Uint8Array.from(out);
}
const credit = (
  host: TestHost,
  ackedTo: number,
  windowEnd: number,
  missing: [number, number][] = [],
  run = 1,
) =>
  host.oneWay({
    type: 'streamCredit',
    value: {
      run,
      ackedTo: BigInt(ackedTo),
      windowEnd: BigInt(windowEnd),
      missing: missing.map(([from, to]) => ({ from: BigInt(from), to: BigInt(to) })),
    },
  });
const state = (host: TestHost): { device: DeviceState; run?: RunState } => {
  const reply = host.request({ type: 'getStatus', value: {} });
  if (reply?.body?.type !== 'deviceStatus') throw new Error('no status');
  return { device: reply.body.value.state, run: reply.body.value.run };
};

describe('a run', () => {
  it('delivers every record, ends with the digest, and is repeated until it is acknowledged', async () => {
    const { host, image, clock } = boardWithProgram();
    const accepted = start(host, image);
    expect(accepted?.body).toEqual({
      type: 'runAccepted',
      value: { run: 1, recordBytes: RECORD_BYTES, totalBytes: 180n, estMs: 0 },
    });
    await settle();
    const bytes = received(host);
    expect(bytes).toEqual(expectedBytes(5n, 10));
    expect(host.samples().at(-1)?.flags).toBe(FrameFlag.last);
    const digest = new Uint8Array(createHash('sha256').update(bytes).digest());
    const done = { run: 1, phase: RunPhase.DONE, totalBytes: 180n, digest, gaps: 0 };
    expect(host.eventsOf('runState')).toMatchObject([done]);
    expect(state(host)).toMatchObject({ device: DeviceState.IDLE, run: done });
    clock.advance(1000);
    expect(host.eventsOf('heartbeat').at(-1)?.unacked).toMatchObject(done);

    host.request({ type: 'ackRun', value: { run: 1 } });
    clock.advance(1000);
    expect(host.eventsOf('heartbeat').at(-1)?.unacked).toBeUndefined();
    expect(state(host).run).toBeUndefined();
  });

  it('gives the same bytes in any batches, which go on where the last one ended', async () => {
    const { host, image, core } = boardWithProgram();
    start(host, image, { samples: 200 });
    await settle();
    expect(core.runs.map((run) => [run.firstSample, run.samples])).toEqual([
      [0, 56],
      [56, 48],
      [104, 48],
      [152, 48],
    ]);
    expect(received(host)).toEqual(expectedBytes(5n, 200));
  });

  it('takes a drawn seed when none is given, and the step that is asked for', async () => {
    const { host, image, core } = boardWithProgram();
    start(host, image, { seed: undefined, stepNs: 10 });
    await settle();
    expect(core.runs[0]).toMatchObject({ seed: 1234n, step_ns: 10 });
    expect(core.runs[0].phases.map((phase) => phase.steps)).toEqual([250, 250]);
  });

  it('starts once per token, also after it was acknowledged', async () => {
    const { host, image, core } = boardWithProgram();
    start(host, image);
    await settle();
    host.request({ type: 'ackRun', value: { run: 1 } });
    expect(start(host, image)?.body).toMatchObject({ value: { run: 1 } });
    await settle();
    expect(core.runs).toHaveLength(1);
    expect(start(host, image, { runToken: 78n })?.body).toMatchObject({ value: { run: 2 } });
  });

  it('sends no byte beyond the window of the hello, then of the credit', async () => {
    const { host, image } = boardWithProgram();
    host.hello({ hostNonce: 60, rxWindowBytes: 50 });
    start(host, image);
    await settle();
    expect(received(host)).toHaveLength(50);
    expect(state(host).run?.phase).toBe(RunPhase.FINISHING);
    credit(host, 20, 100);
    expect(received(host)).toHaveLength(100);
    credit(host, 10, 90); // an older credit, overtaken
    credit(host, 100, 180, [], 7); // of another run
    expect(received(host)).toHaveLength(100);
    expect(host.eventsOf('runState')).toEqual([]);
    credit(host, 100, 1000);
    expect(received(host)).toEqual(expectedBytes(5n, 10));
    expect(host.eventsOf('runState')).toHaveLength(1);
  });

  it('repeats what is missing, marked as a repeat, also after the end', async () => {
    const { host, image } = boardWithProgram();
    start(host, image);
    await settle();
    const before = host.samples().length;
    credit(host, 30, 1000, [
      [20, 40],
      [100, 101],
    ]);
    const repeats = host.samples().slice(before);
    expect(repeats.map(({ offset, data, flags }) => [offset, data.length, flags])).toEqual([
      [30, 10, FrameFlag.replay], // below 30 is acknowledged and may be gone
      [100, 1, FrameFlag.replay],
    ]);
    const reply = host.request({ type: 'getStatus', value: {} });
    expect(reply?.body?.type === 'deviceStatus' && reply.body.value.link?.txReplayBytes).toBe(11);
  });

  it('pauses on a full ring and loses nothing', async () => {
    const limits = { ...LIMITS, sampleRingBytes: 4 * RECORD_BYTES };
    const { host, image, core } = boardWithProgram({ limits });
    start(host, image);
    await settle();
    expect(core.runs.map((run) => run.samples)).toEqual([4]);
    expect(state(host)).toMatchObject({ device: DeviceState.RUNNING, run: { phase: RunPhase.PAUSED } });
    credit(host, RECORD_BYTES - 1, 1000); // not yet one record
    await settle();
    expect(core.runs).toHaveLength(1);
    for (let acked = RECORD_BYTES; acked <= 180; acked += RECORD_BYTES) {
      credit(host, acked, 1000);
      await settle();
    }
    expect(received(host)).toEqual(expectedBytes(5n, 10));
    expect(host.eventsOf('runState').at(-1)?.phase).toBe(RunPhase.DONE);
  });

  it('sends samples only while the stream takes bytes, and replies before them', async () => {
    const { host, image, core } = boardWithProgram();
    host.hello({ hostNonce: 61, maxPayload: 632, rxWindowBytes: 1e6 });
    core.hold = true;
    start(host, image, { samples: 64 });
    await settle();
    host.takes = false;
    core.release();
    await settle();
    expect(host.samples()).toHaveLength(1);
    expect(host.samples()[0].data).toHaveLength(624);
    const count = host.frames.length;
    host.request({ type: 'ping', value: { nonce: 1 } });
    host.takes = true;
    host.attachment.drained();
    expect(host.frames[count].kind).toBe(2);
    expect(received(host)).toEqual(expectedBytes(5n, 64));
  });
});

describe('stopping', () => {
  it('is answered at once while a batch computes, and the next run waits for the core', async () => {
    const { host, image, core } = boardWithProgram();
    core.hold = true;
    start(host, image);
    await settle();
    expect(core.running).toBe(1);
    expect(host.request({ type: 'stopRun', value: { run: 1 } })?.status?.code).toBe(Code.OK);
    expect(host.eventsOf('runState')).toMatchObject([
      { run: 1, phase: RunPhase.STOPPED, totalBytes: 0n, status: { code: Code.CANCELLED } },
    ]);
    expect(start(host, image, { runToken: 2n })?.body).toMatchObject({ value: { run: 2 } });
    await settle();
    expect(core.runs).toHaveLength(1);
    core.hold = false;
    core.release();
    await settle();
    expect(core.aborted).toBe(1);
    expect(received(host)).toEqual(expectedBytes(5n, 10));
    expect(host.eventsOf('runState').at(-1)).toMatchObject({ run: 2, phase: RunPhase.DONE });
  });

  it('lets Activate wait until the core is idle, and answers it once', async () => {
    const { host, image, core } = boardWithProgram();
    const other = buildImage({ bias: [9, 9, 9, 9, 9] });
    host.load(other, { bank: 1 });
    core.hold = true;
    start(host, image);
    await settle();
    expect(host.activate(other)?.status).toMatchObject({ detail: Detail.BANK_BUSY });
    host.request({ type: 'stopRun', value: { run: 0 } });
    expect(host.activate(other)).toBeUndefined();
    const id = host.lastRequestId;
    host.request(
      { type: 'activate', value: { programId: sha256(other), expectActiveId: new Uint8Array(0) } },
      id,
    );
    core.release();
    await settle();
    expect(host.replies(id).map((reply) => reply.status?.code)).toEqual([Code.OK]);
    expect(core.program?.biasCode[0]).toBe(9);
  });

  it('of what does not run is fine', async () => {
    const { host, image } = boardWithProgram();
    const stop = (run: number) => host.request({ type: 'stopRun', value: { run } })?.status?.code;
    expect(stop(0)).toBe(Code.OK);
    start(host, image);
    await settle();
    expect([stop(1), stop(99)]).toEqual([Code.OK, Code.OK]);
    expect(host.eventsOf('runState').map((s) => s.phase)).toEqual([RunPhase.DONE]);
  });

  it('keeps what was sampled in its digest', async () => {
    const { host, image, core } = boardWithProgram();
    core.hold = true;
    start(host, image, { samples: 200 });
    await settle();
    core.release(); // the first of four batches
    await settle();
    host.request({ type: 'stopRun', value: { run: 1 } });
    const stopped = host.eventsOf('runState').at(-1);
    expect(stopped?.totalBytes).toBe(BigInt(56 * RECORD_BYTES));
    expect(Buffer.from(stopped?.digest ?? [])).toEqual(sha256(expectedBytes(5n, 56)));
  });

  it('comes with a reset as well', async () => {
    const { host, image, core } = boardWithProgram();
    core.hold = true;
    start(host, image);
    await settle();
    const bootId = host.hello({ hostNonce: 70 })?.bootId ?? 0n;
    host.request({ type: 'reset', value: { bootId, hard: true } });
    core.hold = false;
    core.release();
    await settle();
    expect(core.aborted).toBe(1);
    host.hello({ hostNonce: 71 });
    expect(host.load(image)?.status?.code).toBe(Code.OK);
    expect(host.activate(image)?.status?.code).toBe(Code.OK);
    expect(start(host, image)?.body).toMatchObject({ value: { run: 1 } });
    await settle();
    expect(received(host)).toEqual(expectedBytes(5n, 10));
  });
});

describe('a silent host', () => {
  it('puts the core in safe hold after 5 s; any word of it lets the same run go on', async () => {
    const { host, image, core, clock } = boardWithProgram();
    core.hold = true;
    start(host, image);
    await settle();
    clock.advance(4999);
    expect(host.eventsOf('runState')).toEqual([]);
    clock.advance(1);
    expect(host.eventsOf('runState')).toMatchObject([
      { phase: RunPhase.PAUSED, status: { detail: Detail.HOST_SILENT } },
    ]);
    clock.advance(1000);
    expect(host.eventsOf('heartbeat').at(-1)?.state).toBe(DeviceState.SAFE_HOLD);
    core.hold = false;
    core.release();
    await settle();
    expect(core.aborted).toBe(1);
    host.request({ type: 'ping', value: { nonce: 1 } });
    await settle();
    expect(received(host)).toEqual(expectedBytes(5n, 10));
    expect(host.eventsOf('runState').at(-1)?.phase).toBe(RunPhase.DONE);
  });

  it('is one whose stream is gone, too', async () => {
    const { host, image, core, clock, controller } = boardWithProgram();
    core.hold = true;
    start(host, image);
    await settle();
    host.attachment.detach();
    clock.advance(5000);
    core.hold = false;
    core.release();
    await settle();
    expect(core.aborted).toBe(1);
    const back = new TestHost(controller);
    back.hello({ hostNonce: 3 });
    await settle();
    expect(received(back)).toEqual(expectedBytes(5n, 10));
  });

  it('is not one that pings', async () => {
    const { host, image, core, clock } = boardWithProgram();
    core.hold = true;
    start(host, image);
    await settle();
    for (let second = 0; second < 20; second++) {
      clock.advance(1000);
      host.request({ type: 'ping', value: { nonce: second } });
    }
    expect(host.eventsOf('runState')).toEqual([]);
  });
});

describe('fields in a run', () => {
  it('reach the core as codes, and their slot is not loaded over meanwhile', async () => {
    const { host, image, core } = boardWithProgram();
    const field = buildImage({ kind: 2, field: [1, -2, 3, -4, 5] });
    host.load(field);
    core.hold = true;
    const [prepare, relax] = startRun(sha256(image)).phase;
    const held = { ...prepare, fieldId: sha256(field), fieldFrom: 32768, fieldTo: 0 };
    start(host, image, { phase: [held, relax] });
    await settle();
    expect(core.runs[0].phases[0].field).toEqual({
      code: Int16Array.of(1, -2, 3, -4, 5),
      scale_E0: 4e-3,
      from_q15: 32768,
      to_q15: 0,
    });
    const other = buildImage({ kind: 2, field: [9, 9, 9, 9, 9] });
    expect(refusedLoad(host.load(other))).toBe(Detail.BANK_BUSY);
    expect(host.load(other, { bank: 1 })?.status?.code).toBe(Code.OK);
    host.request({ type: 'stopRun', value: { run: 0 } });
    expect(host.load(buildImage({ kind: 2, field: [8, 8, 8, 8, 8] }))?.status?.code).toBe(Code.OK);
  });

  const refusedLoad = (envelope: Envelope | undefined): Detail | undefined => envelope?.status?.detail;
});

describe('GetCapabilities', () => {
  it('states what the board was built with', () => {
    const { host } = boardWithProgram();
    const reply = host.request({ type: 'getCapabilities', value: {} });
    expect(reply?.body).toEqual({ type: 'capabilities', value: CAPABILITIES });
  });
});
