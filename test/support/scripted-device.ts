// A small device for tests of the host's link: keeps one bank and one run, follows docs/protocol.md, and misbehaves on
// request. It is not the twin: it computes nothing, and its records are bytes from a seed.
import { createHash } from 'node:crypto';
import type { Clock } from '../../src/clock/clock.ts';
import { encodeFrame, FrameFlag, FrameKind, StreamDecoder, type Frame } from '../../src/link/frame/index.ts';
import {
  Code,
  decodeBulk,
  decodeEnvelope,
  decodeHostHello,
  DeviceState,
  encodeBulk,
  encodeDeviceHello,
  encodeEnvelope,
  encodeEvent,
  ImageKind,
  LoadState,
  RunPhase,
  SCHEMA_HASH,
  type BeginLoad,
  type Bulk,
  type DeviceHello,
  type Envelope,
  type EventBodies,
  type HostHello,
  type RunState,
  type StreamCredit,
} from '../../src/link/messages/index.ts';
import type { Port } from '../../src/transports/port.ts';
import { seededRandom32 } from './seeded-random.ts';

type Body = NonNullable<Envelope['body']>;
type Reply = { body?: Body; code?: Code; detail?: number; message?: string };
type EventBody = { [K in keyof EventBodies]: { type: K; value: EventBodies[K] } }[keyof EventBodies];

export interface Script {
  clock: Clock;
  port: Port;
  seed?: number;
  chunkBytes?: number;
  windowBytes?: number;
  ringBytes?: number;
  /** Bytes of one record. */
  recordBytes?: number;
  /** Changes the answer to HELLO. */
  hello?(hello: DeviceHello): DeviceHello;
  /** Called for each request before it is looked at; true: swallow it. */
  swallow?(request: Envelope): boolean;
  /** True: the reply to this request is lost. */
  loseReply?(request: Envelope): boolean;
  /** True: this event is lost. */
  loseEvent?(body: EventBody): boolean;
  /** How often FinishLoad finds page 0 damaged, and how often it is still verifying. */
  badPages?: number;
  verifying?: number;
  /** Milliseconds between SAMPLES frames. */
  frameEvery_ms?: number;
  /** Set: the run ends FAILED after this many bytes. */
  failAt?: number;
  /** Spoils the digest that the device announces. */
  wrongDigest?: boolean;
}

interface Bank {
  id: Uint8Array;
  memory: Uint8Array;
  has: Uint8Array;
  state: LoadState;
  chunk: number;
}

interface Run {
  token: bigint;
  run: number;
  bytes: Uint8Array;
  sent: number;
  windowEnd: number;
  phase: RunPhase;
}

const REPORT_AFTER_MS = 50;
const CACHE_SLOTS = 8;

export class ScriptedDevice {
  readonly #script: Script;
  readonly #random32: () => number;
  bootId = 0x1122334455667788n;
  frozen = false;
  /** How often each kind of request was executed, repeats answered from the cache not counted. */
  readonly executed: Record<string, number> = {};
  readonly chunkFrames: Bulk[] = [];
  acked = 0;
  #session = 0;
  #seq = 0;
  #hello: { nonce: number; payload: Uint8Array } | null = null;
  #host: HostHello | null = null;
  readonly #cache = new Map<number, { id: number; payload: Uint8Array }>();
  bank: Bank | null = null;
  #sinceReport = 0;
  #highest = 0;
  #reportTimer: { cancel(): void } | null = null;
  run: Run | null = null;
  #runs = 0;
  #badPages: number;
  #verifying: number;

  constructor(script: Script) {
    this.#script = script;
    this.#random32 = seededRandom32(script.seed ?? 1);
    this.#badPages = script.badPages ?? 0;
    this.#verifying = script.verifying ?? 0;
    const decoder = new StreamDecoder({
      role: 'device',
      maxPayload: 4076,
      onResult: (result) => result.kind === 'frame' && this.#onFrame(result.frame),
    });
    script.port.onData((bytes) => decoder.push(bytes));
  }

  async start(): Promise<void> {
    await this.#script.port.open(new AbortController().signal);
    this.#beat();
  }

  /** Forgets everything but who it is. */
  reboot(): void {
    this.bootId += 1n;
    this.#session = 0;
    this.#hello = null;
    this.#host = null;
    this.#cache.clear();
    this.bank = null;
    this.run = null;
  }

  #beat(): void {
    this.#script.clock.after(1000, () => {
      const run = this.run;
      this.event({
        type: 'heartbeat',
        value: {
          state: DeviceState.IDLE,
          activeProgramPrefix: new Uint8Array(8),
          run: run?.run ?? 0,
          runBytes: BigInt(run?.sent ?? 0),
          faults: 0,
          unacked: run !== null && isEnd(run.phase) ? this.#runState(run) : undefined,
        },
      });
      this.#beat();
    });
  }

  #write(kind: Frame['kind'], flags: number, payload: Uint8Array, session = this.#session): void {
    if (this.frozen) return;
    const seq = kind === FrameKind.hello ? 0 : this.#seq++ % 65_536;
    this.#script.port.write(encodeFrame({ kind, flags, session, seq, payload }));
  }

  event(body: EventBody): void {
    if (this.#session === 0 || this.#script.loseEvent?.(body)) return;
    this.#write(
      FrameKind.event,
      0,
      encodeEvent({
        bootId: this.bootId,
        uptimeUs: BigInt(Math.round(this.#script.clock.now_ms() * 1000)),
        eventSeq: 0,
        body,
      }),
    );
  }

  #onFrame(frame: Frame): void {
    if (this.frozen) return;
    if (frame.kind === FrameKind.hello) return this.#onHello(frame.payload);
    if (frame.session !== this.#session || this.#session === 0) return;
    if (frame.kind === FrameKind.chunk) {
      const bulk = decodeBulk(frame.payload);
      if (bulk) this.#onChunk(bulk, frame.flags);
      return;
    }
    const decoded = decodeEnvelope(frame.payload);
    if (decoded.ok && decoded.value.status === undefined) this.#onRequest(decoded.value);
  }

  #onHello(payload: Uint8Array): void {
    const decoded = decodeHostHello(payload);
    if (!decoded.ok) return;
    const host = decoded.value;
    if (this.#hello?.nonce !== host.hostNonce) {
      if (this.#host !== null && this.#host.clientId !== host.clientId) {
        this.#cache.clear();
        this.event({ type: 'sessionLost', value: { byClientId: host.clientId } });
      }
      this.#host = host;
      this.#session = (this.#random32() % 65_535) + 1;
      this.#seq = 0;
      const hello: DeviceHello = {
        hostNonce: host.hostNonce,
        session: this.#session,
        bootId: this.bootId,
        proto: 1,
        schemaHash: SCHEMA_HASH,
        deviceUid: Uint8Array.of(0xab, 0xcd),
        fwVersion: 'scripted',
        fwGit: new Uint8Array(0),
        simulated: true,
        resetReason: 1,
        features: 0,
        limits: {
          maxPayload: 4076,
          chunkBytes: this.#script.chunkBytes ?? 120,
          loadWindowBytes: this.#script.windowBytes ?? 2400,
          maxOutstandingRpc: CACHE_SLOTS,
          replyCache: CACHE_SLOTS,
          sampleRingBytes: this.#script.ringBytes ?? 4096,
          units: 64,
          codeBits: 12,
          banks: 1,
          maxProgramBytes: 1 << 20,
          hostSilenceMs: 5000,
          uartHintBaud: 0,
          fieldSlots: 8,
        },
      };
      const answer = this.#script.hello?.(hello) ?? hello;
      this.#hello = { nonce: host.hostNonce, payload: encodeDeviceHello(answer) };
    }
    this.#write(FrameKind.hello, 0, this.#hello.payload, 0);
  }

  #onRequest(request: Envelope): void {
    if (this.#script.swallow?.(request)) return;
    const { requestId, body } = request;
    if (body?.type === 'streamCredit') return this.#onCredit(body.value);
    if (body === undefined || requestId === 0) return;
    const isReadOnly = body.type === 'getStatus' || body.type === 'ping';
    const slot = this.#cache.get(requestId % CACHE_SLOTS);
    let payload = slot?.id === requestId ? slot.payload : null;
    if (payload === null || isReadOnly) {
      this.executed[body.type] = (this.executed[body.type] ?? 0) + 1;
      const outOfWindow = !isReadOnly && slot !== undefined && slot.id > requestId;
      const reply: Reply = outOfWindow ? { code: Code.ABORTED, detail: 104 } : this.#execute(body);
      const status = {
        code: reply.code ?? Code.OK,
        detail: (reply.detail ?? 0) as 0,
        message: reply.message ?? '',
        retryAfterMs: 0,
      };
      payload = encodeEnvelope({ requestId, status, body: reply.body });
      if (!isReadOnly && !outOfWindow) this.#cache.set(requestId % CACHE_SLOTS, { id: requestId, payload });
    }
    if (!this.#script.loseReply?.(request)) this.#write(FrameKind.rpc, 0, payload);
  }

  #execute(body: Body): Reply {
    switch (body.type) {
      case 'ping':
        return { body };
      case 'getStatus':
        return { body: { type: 'deviceStatus', value: this.#status() } };
      case 'beginLoad':
        return this.#beginLoad(body.value);
      case 'finishLoad':
        return this.#finishLoad();
      case 'activate':
        if (this.bank?.state !== LoadState.STAGED && this.bank?.state !== LoadState.ACTIVE)
          return { code: 9 };
        this.bank.state = LoadState.ACTIVE;
        return {};
      case 'startRun': {
        const { runToken, samples } = body.value;
        if (this.run !== null && this.run.token !== runToken) return { code: 9, message: 'a run is active' };
        const recordBytes = this.#script.recordBytes ?? 96;
        if (this.run === null) this.#startRun(runToken, samples * recordBytes);
        const run = this.run;
        const value = {
          run: run?.run ?? 0,
          recordBytes,
          totalBytes: BigInt(run?.bytes.length ?? 0),
          estMs: 1,
        };
        return { body: { type: 'runAccepted', value } };
      }
      case 'stopRun':
        if (this.run !== null && !isEnd(this.run.phase)) this.#endRun(this.run, RunPhase.STOPPED);
        return {};
      case 'ackRun':
        if (this.run?.run === body.value.run) this.run = null;
        this.acked += 1;
        return {};
      default:
        return { code: Code.UNIMPLEMENTED };
    }
  }

  #status() {
    const bank = this.bank;
    return {
      state: DeviceState.IDLE,
      bootId: this.bootId,
      uptimeUs: 0n,
      bank: bank
        ? [
            {
              index: 0,
              state: bank.state,
              programId: bank.id,
              receivedBytes: 0,
              kind: ImageKind.PROGRAM,
              patch: false,
            },
          ]
        : [],
      run: this.run ? this.#runState(this.run) : undefined,
      fault: [],
    };
  }

  #beginLoad(value: BeginLoad): Reply {
    if (this.bank === null || Buffer.compare(this.bank.id, value.programId) !== 0) {
      const chunks = Math.ceil(value.totalBytes / value.chunkBytes);
      this.bank = {
        id: value.programId,
        memory: new Uint8Array(value.totalBytes),
        has: new Uint8Array(chunks),
        state: LoadState.LOADING,
        chunk: value.chunkBytes,
      };
      this.#highest = 0;
    }
    const windowBytes = this.#script.windowBytes ?? 2400;
    const accepted = { transfer: 1, state: this.bank.state, windowBytes, ...this.#missing(this.bank) };
    return { body: { type: 'loadAccepted', value: accepted } };
  }

  #missing(bank: Bank) {
    const missing: { from: bigint; to: bigint }[] = [];
    if (bank.state !== LoadState.LOADING) return { missing, moreMissing: false };
    for (let i = 0; i < bank.has.length; i += 1) {
      if (bank.has[i]) continue;
      const from = BigInt(i * bank.chunk);
      const to = BigInt(Math.min((i + 1) * bank.chunk, bank.memory.length));
      const last = missing.at(-1);
      if (last?.to === from) last.to = to;
      else if (missing.length === 8) return { missing, moreMissing: true };
      else missing.push({ from, to });
    }
    return { missing, moreMissing: false };
  }

  #onChunk({ offset, data }: Bulk, flags: number): void {
    const bank = this.bank;
    if (bank === null || bank.state !== LoadState.LOADING) return;
    this.chunkFrames.push({ id: 1, offset, data: data.slice() });
    bank.memory.set(data, offset);
    bank.has[offset / bank.chunk] = 1;
    this.#sinceReport += data.length;
    const isGap = offset > this.#highest;
    this.#highest = Math.max(this.#highest, offset + data.length);
    const quarter = (this.#script.windowBytes ?? 2400) / 4;
    if (isGap || flags & FrameFlag.reportNow || this.#sinceReport >= quarter) return this.#report(bank);
    this.#reportTimer?.cancel();
    this.#reportTimer = this.#script.clock.after(REPORT_AFTER_MS, () => this.#report(bank));
  }

  #report(bank: Bank): void {
    this.#reportTimer?.cancel();
    this.#sinceReport = 0;
    const gaps = this.#missing(bank);
    const contiguousTo = Number(gaps.missing[0]?.from ?? bank.memory.length);
    const lastChunk = bank.has.length - 1;
    const absentTail = bank.has[lastChunk] ? bank.has.length * bank.chunk - bank.memory.length : 0;
    const receivedBytes = bank.has.reduce((sum, has) => sum + has * bank.chunk, 0) - absentTail;
    const value = { transfer: 1, receivedBytes, contiguousTo, ...gaps };
    this.#write(FrameKind.rpc, 0, encodeEnvelope({ requestId: 0, body: { type: 'loadReport', value } }));
  }

  #finishLoad(): Reply {
    const bank = this.bank;
    if (bank === null) return { code: Code.FAILED_PRECONDITION };
    const verdict = (state: LoadState, badPages: number[] = []): Body => ({
      type: 'loadResult',
      value: { state, computedId: bank.id, badPages },
    });
    if (this.#verifying > 0) {
      this.#verifying -= 1;
      return { body: verdict(LoadState.VERIFYING) };
    }
    if (this.#badPages > 0) {
      this.#badPages -= 1;
      bank.has.fill(0, 0, Math.ceil(65_536 / bank.chunk));
      return { code: Code.DATA_LOSS, detail: 201, body: verdict(LoadState.LOADING, [0]) };
    }
    const computed = createHash('sha256').update(bank.memory).digest();
    if (Buffer.compare(computed, bank.id) !== 0)
      return { code: Code.DATA_LOSS, body: verdict(LoadState.LOADING) };
    bank.state = LoadState.STAGED;
    return { body: verdict(LoadState.STAGED) };
  }

  #startRun(token: bigint, totalBytes: number): void {
    const random = seededRandom32(Number(totalBytes));
    const bytes = Uint8Array.from({ length: totalBytes }, () => random());
    const window = Math.min(this.#script.ringBytes ?? 4096, this.#host?.rxWindowBytes ?? 0);
    this.#runs += 1;
    this.run = { token, run: this.#runs, bytes, sent: 0, windowEnd: window, phase: RunPhase.SAMPLING };
    this.#feed(this.run);
  }

  #feed(run: Run): void {
    this.#script.clock.after(this.#script.frameEvery_ms ?? 1, () => {
      if (this.run !== run || isEnd(run.phase)) return;
      const to = Math.min(run.sent + 300, run.windowEnd, run.bytes.length);
      this.#samples(run, run.sent, to);
      run.sent = Math.max(run.sent, to);
      if (this.#script.failAt !== undefined && run.sent >= this.#script.failAt)
        this.#endRun(run, RunPhase.FAILED);
      else if (run.sent >= run.bytes.length) this.#endRun(run, RunPhase.DONE);
      else this.#feed(run);
    });
  }

  #samples(run: Run, from: number, to: number, flags = 0): void {
    for (let at = from; at < to; at += 300) {
      const data = run.bytes.subarray(at, Math.min(at + 300, to));
      this.#write(FrameKind.samples, flags, encodeBulk({ id: run.run, offset: at, data }));
    }
  }

  #onCredit(credit: StreamCredit): void {
    const run = this.run;
    if (run === null || credit.run !== run.run) return;
    run.windowEnd = Math.max(run.windowEnd, Number(credit.windowEnd));
    for (const { from, to } of credit.missing) {
      this.#samples(run, Number(from), Math.min(Number(to), run.sent), FrameFlag.replay);
    }
  }

  #endRun(run: Run, phase: RunPhase): void {
    run.phase = phase;
    this.event({ type: 'runState', value: this.#runState(run) });
  }

  #runState(run: Run): RunState {
    const digest = createHash('sha256').update(run.bytes).digest();
    if (this.#script.wrongDigest) digest[0] ^= 1;
    const code = run.phase === RunPhase.FAILED ? Code.INTERNAL : Code.OK;
    return {
      run: run.run,
      phase: run.phase,
      totalBytes: BigInt(run.bytes.length),
      digest,
      gaps: 0,
      status: { code, detail: 0, message: '', retryAfterMs: 0 },
    };
  }
}

const isEnd = (phase: RunPhase): boolean =>
  phase === RunPhase.DONE || phase === RunPhase.STOPPED || phase === RunPhase.FAILED;
