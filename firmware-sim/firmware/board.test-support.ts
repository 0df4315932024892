// What the firmware's tests stand on: a clock moved by hand, a core whose samples can be told at sight, images built byte
// by byte from docs/protocol.md, and a host that speaks encoded frames.
import { createHash } from 'node:crypto';
import type { AnalogCore, CoreProgram, CoreRefusal, CoreRun } from '../chip/analog-core.ts';
import { encodeFrame, FrameKind, StreamDecoder } from '../../src/link/frame/index.ts';
import type { Frame, FrameKindValue } from '../../src/link/frame/index.ts';
import {
  decodeBulk,
  decodeDeviceHello,
  decodeEnvelope,
  decodeEvent,
  encodeBulk,
  encodeEnvelope,
  encodeHostHello,
  ImageKind,
  Initial,
  OverflowPolicy,
  SampleFormat,
  SCHEMA_HASH,
} from '../../src/link/messages/index.ts';
import type {
  BeginLoad,
  BodyOf,
  Bulk,
  DeviceHello,
  Envelope,
  EnvelopeBodies,
  Event,
  EventBodies,
  HostHello,
  StartRun,
} from '../../src/link/messages/index.ts';
import { twinCapabilities, twinLimits } from './capabilities.ts';
import type { Attachment, BoardClock, Controller, ControllerOptions } from './contract.ts';
import { createController } from './controller.ts';

export const UNITS = 5;
export const CAPABILITIES = twinCapabilities(UNITS);
export const LIMITS = { ...twinLimits(UNITS), chunkBytes: 48 };

export class HandClock implements BoardClock {
  #now_ms = 0;
  #timers: { at: number; callback: () => void }[] = [];
  now_ms(): number {
    return this.#now_ms;
  }
  after(delay_ms: number, callback: () => void): { cancel(): void } {
    const timer = { at: this.#now_ms + delay_ms, callback };
    this.#timers.push(timer);
    return { cancel: () => (this.#timers = this.#timers.filter((t) => t !== timer)) };
  }
  /** Moves time on, calling what falls due in order. */
  advance(by_ms: number): void {
    const end = this.#now_ms + by_ms;
    for (;;) {
      const due = this.#timers.filter((t) => t.at <= end).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.#timers = this.#timers.filter((t) => t !== due);
      this.#now_ms = due.at;
      due.callback();
    }
    this.#now_ms = end;
  }
}

/** Lets promises that are settled already call back. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}

/** The code of one unit in one read of one sample: nothing but its indices and the seed. */
export function fakeCode(seed: bigint, sample: number, read: number, unit: number): number {
  return ((Number(seed % 97n) + 31 * sample + 7 * read + unit) % 4095) - 2047;
}

/** A core without physics. `hold` keeps batches until `release()`. */
export class FakeCore implements AnalogCore {
  readonly unitsMax = UNITS;
  program: CoreProgram | null = null;
  hold = false;
  refuseLoad: CoreRefusal | null = null;
  refuseCheck: CoreRefusal | null = null;
  failRun: Error | null = null;
  readonly runs: CoreRun[] = [];
  aborted = 0;
  running = 0;
  #release: (() => void)[] = [];

  load(program: CoreProgram): void {
    if (this.running > 0) throw new Error('load while a batch runs');
    if (this.refuseLoad !== null) throw this.refuseLoad;
    this.program = program;
  }
  check(): void {
    if (this.refuseCheck !== null) throw this.refuseCheck;
  }
  async run(run: CoreRun, signal?: AbortSignal): Promise<Int16Array> {
    if (this.running > 0) throw new Error('two batches at once');
    this.runs.push(run);
    this.running += 1;
    try {
      if (this.hold) await new Promise<void>((resolve) => this.#release.push(resolve));
      if (signal?.aborted) {
        this.aborted += 1;
        throw signal.reason;
      }
      if (this.failRun !== null) throw this.failRun;
      return this.#codes(run);
    } finally {
      this.running -= 1;
    }
  }
  /** Lets the held batch end, with its result or as aborted. */
  release(): void {
    this.#release.shift()?.();
  }
  close(): Promise<void> {
    return Promise.resolve();
  }
  #codes(run: CoreRun): Int16Array {
    const scheduled = run.phases.reduce((sum, phase) => sum + phase.readAtStep.length, 0);
    const reads = run.reference?.level_x.length ?? scheduled;
    const units = run.reference?.units ?? this.program?.units ?? 0;
    const codes = new Int16Array(run.samples * reads * units);
    for (let k = 0; k < codes.length; k++) {
      const [sample, read] = [Math.floor(k / (reads * units)), Math.floor(k / units) % reads];
      codes[k] = fakeCode(run.seed, run.firstSample + sample, read, k % units);
    }
    return codes;
  }
}

export const sha256 = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();

/** Packs one code after the other, bit by bit: slow and obviously right. */
export function packSlowly(codes: readonly number[]): number[] {
  const padded = codes.length % 2 === 0 ? codes : [...codes, 0];
  const bytes: number[] = [];
  for (let k = 0; k < padded.length; k += 2) {
    const pair = (padded[k] & 0xfff) + (padded[k + 1] & 0xfff) * 4096;
    bytes.push(pair & 0xff, (pair >> 8) & 0xff, (pair >> 16) & 0xff);
  }
  return bytes;
}

export interface ImageParts {
  kind?: 1 | 2;
  units?: number;
  j2?: number[];
  j4?: number[];
  bias?: number[];
  couplings?: number[];
  field?: number[];
  noiseCode?: number;
  scales?: number[];
}

/** An image of format v1; program by default. */
export function buildImage(parts: ImageParts = {}): Uint8Array {
  const kind = parts.kind ?? 1;
  const units = parts.units ?? UNITS;
  const pairs = (units * (units - 1)) / 2;
  const all = (count: number, code: number): number[] => Array.from({ length: count }, () => code);
  const blocks =
    kind === 1
      ? [
          parts.j2 ?? all(units, 1637),
          parts.j4 ?? all(units, 1637),
          parts.bias ?? all(units, -3),
          parts.couplings ?? all(pairs, -2047),
        ]
      : [parts.field ?? all(units, 100)];
  const scales = parts.scales ?? (kind === 1 ? [1e-4, 1e-4, 4e-3, 6e-4, 6e-4, 3e-5] : [0, 0, 4e-3, 0, 0, 0]);
  const header = Buffer.alloc(128);
  header.write('TLIM', 0, 'latin1');
  header.writeUInt16LE(1, 4);
  header.writeUInt16LE(kind, 6);
  header.writeUInt32LE(units, 8);
  header.writeUInt16LE(1, 12);
  header.writeUInt16LE(1, 14);
  header.writeUInt32LE(128, 16);
  header.writeUInt32LE(kind === 1 ? pairs : 0, 20);
  for (const [k, scale] of scales.entries()) header.writeDoubleLE(scale, 24 + 8 * k);
  header.writeDoubleLE(2 ** -10, 72);
  header.writeUInt16LE(parts.noiseCode ?? (kind === 1 ? 3276 : 0), 80);
  return Uint8Array.from(Buffer.concat([header, Buffer.from(blocks.flatMap(packSlowly))]));
}

export function beginLoad(image: Uint8Array, changes: Partial<BeginLoad> = {}): BeginLoad {
  const isProgram = image[6] === 1;
  return {
    programId: sha256(image),
    kind: isProgram ? ImageKind.PROGRAM : ImageKind.FIELD,
    totalBytes: image.length,
    bank: 0,
    chunkBytes: 48,
    layout: { units: UNITS, topologyId: 1, packing: 1, version: 1 },
    baseProgramId: new Uint8Array(0),
    ...changes,
  };
}

/** Two phases of 2,500 steps as for generation: reads at the switch-on and at the end. */
export function startRun(programId: Uint8Array, changes: Partial<StartRun> = {}): StartRun {
  const phase = {
    durationNs: 2500n,
    coupled: false,
    fieldId: new Uint8Array(0),
    fieldFrom: 0,
    fieldTo: 0,
    noiseCode: 0,
    readEveryNs: 0n,
    readAtNs: [] as bigint[],
  };
  return {
    runToken: 77n,
    programId,
    samples: 10,
    initial: Initial.ZERO,
    phase: [phase, { ...phase, coupled: true, readAtNs: [0n, 2500n] }],
    seed: 5n,
    format: SampleFormat.PACKED12,
    recordHeader: false,
    onFull: OverflowPolicy.PAUSE,
    stepNs: 0,
    ...changes,
  };
}

/** Random bits that repeat: 1, 2, 3, ... in the middle of the word. */
export function countingRandom(): () => number {
  let count = 0;
  return () => (count += 1) * 0x10001;
}

export interface Board {
  clock: HandClock;
  core: FakeCore;
  controller: Controller;
}

export function bootBoard(changes: Partial<ControllerOptions> = {}): Board {
  const clock = new HandClock();
  const core = new FakeCore();
  const controller = createController({
    core,
    clock,
    random32: countingRandom(),
    drawSeed: () => 1234n,
    identity: {
      uid: Uint8Array.of(0xab, 0xcd),
      firmwareVersion: '1.2.3',
      firmwareGit: new Uint8Array(0),
      simulated: true,
    },
    capabilities: CAPABILITIES,
    limits: LIMITS,
    ...changes,
  });
  return { clock, core, controller };
}

/** A host at the other end of one byte stream, as low as frames. */
export class TestHost {
  readonly attachment: Attachment;
  readonly frames: Frame[] = [];
  /** Every byte that the device wrote. */
  rxBytes = 0;
  /** What the sink answers to write(). */
  takes = true;
  ended = false;
  session = 0;
  clientId = 1;
  #seq = 0;
  #requestId = 0;

  constructor(controller: Controller) {
    const decoder = new StreamDecoder({
      role: 'host',
      maxPayload: 4076,
      onResult: (result) => {
        if (result.kind !== 'frame') throw new Error(`the device sent a frame that is ${result.reason}`);
        this.frames.push(result.frame);
      },
    });
    this.attachment = controller.attach({
      write: (bytes) => {
        this.rxBytes += bytes.length;
        decoder.push(bytes);
        return this.takes;
      },
      end: () => (this.ended = true),
    });
  }

  sendFrame(kind: FrameKindValue, payload: Uint8Array, changes: Partial<Frame> = {}): void {
    const session = kind === FrameKind.hello ? 0 : this.session;
    const frame = { kind, flags: 0, session, seq: this.#seq, payload, ...changes };
    this.#seq = (this.#seq + 1) & 0xffff;
    this.attachment.receive(encodeFrame(frame));
  }

  /** Says hello; takes the session when it is accepted. Null: the device stayed silent. */
  hello(changes: Partial<HostHello> = {}): DeviceHello | null {
    const before = this.frames.length;
    const facts = { hostNonce: 11, clientId: this.clientId, protoMin: 1, protoMax: 1, maxPayload: 4076 };
    const more = { rxWindowBytes: 65536, schemaHash: SCHEMA_HASH, hostVersion: 'test', fence: 0n };
    this.sendFrame(FrameKind.hello, encodeHostHello({ ...facts, ...more, ...changes }));
    const answer = this.frames.slice(before).find((frame) => frame.kind === FrameKind.hello);
    if (answer === undefined) return null;
    const decoded = decodeDeviceHello(answer.payload);
    if (!decoded.ok) throw new Error(decoded.detail);
    if (decoded.value.refused === undefined) {
      this.session = decoded.value.session;
      this.#seq = 0;
    }
    return decoded.value;
  }

  /** Sends a request; the reply, if it has come by now. */
  request(body: BodyOf<EnvelopeBodies>, requestId = (this.#requestId += 1)): Envelope | undefined {
    this.sendFrame(FrameKind.rpc, encodeEnvelope({ requestId, body }));
    return this.replies(requestId).at(-1);
  }
  get lastRequestId(): number {
    return this.#requestId;
  }
  oneWay(body: BodyOf<EnvelopeBodies>): void {
    this.sendFrame(FrameKind.rpc, encodeEnvelope({ requestId: 0, body }));
  }
  chunk(bulk: Bulk, flags = 0): void {
    this.sendFrame(FrameKind.chunk, encodeBulk(bulk), { flags });
  }

  envelopes(): Envelope[] {
    return this.#decoded(FrameKind.rpc, decodeEnvelope);
  }
  replies(requestId: number): Envelope[] {
    return this.envelopes().filter((envelope) => envelope.requestId === requestId);
  }
  events(): Event[] {
    return this.#decoded(FrameKind.event, decodeEvent);
  }
  eventsOf<K extends keyof EventBodies>(type: K): EventBodies[K][] {
    return this.events().flatMap((event) =>
      event.body?.type === type ? [event.body.value as EventBodies[K]] : [],
    );
  }
  samples(): (Bulk & { flags: number })[] {
    return this.frames
      .filter((frame) => frame.kind === FrameKind.samples)
      .flatMap((frame) => {
        const bulk = decodeBulk(frame.payload);
        return bulk === null ? [] : [{ ...bulk, flags: frame.flags }];
      });
  }

  /** BeginLoad, all chunks, FinishLoad; returns the reply to FinishLoad. */
  load(image: Uint8Array, changes: Partial<BeginLoad> = {}): Envelope | undefined {
    const order = beginLoad(image, changes);
    const accepted = this.request({ type: 'beginLoad', value: order });
    if (accepted?.body?.type !== 'loadAccepted') return accepted;
    const { transfer } = accepted.body.value;
    for (let offset = 0; offset < image.length; offset += order.chunkBytes) {
      this.chunk({ id: transfer, offset, data: image.subarray(offset, offset + order.chunkBytes) });
    }
    return this.request({ type: 'finishLoad', value: { transfer, programId: order.programId } });
  }
  activate(image: Uint8Array): Envelope | undefined {
    const value = { programId: sha256(image), expectActiveId: new Uint8Array(0) };
    return this.request({ type: 'activate', value });
  }

  #decoded<T>(
    kind: FrameKindValue,
    decode: (payload: Uint8Array) => { ok: true; value: T } | { ok: false; detail: string },
  ): T[] {
    return this.frames
      .filter((frame) => frame.kind === kind)
      .map((frame) => {
        const decoded = decode(frame.payload);
        if (!decoded.ok) throw new Error(decoded.detail);
        return decoded.value;
      });
  }
}

/** A board with an open session, a program loaded and active. */
export function boardWithProgram(changes: Partial<ControllerOptions> = {}): Board & {
  host: TestHost;
  image: Uint8Array;
} {
  const board = bootBoard(changes);
  const host = new TestHost(board.controller);
  host.hello();
  const image = buildImage();
  host.load(image);
  host.activate(image);
  return { ...board, host, image };
}
