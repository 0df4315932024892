// A small device for tests of the host's link: keeps one bank and one run, follows docs/protocol.md, and misbehaves on
// request. It is not the twin: it computes nothing, and its records are bytes from a seed.
import { encodeFrame, FrameKind, StreamDecoder, type Frame } from '../../src/link/frame/index.ts';
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
  SCHEMA_HASH,
  type Bulk,
  type DeviceHello,
  type Envelope,
  type HostHello,
} from '../../src/link/messages/index.ts';
import type { Body, EventBody, Reply, Script } from './script.ts';
import { ScriptedBank } from './scripted-bank.ts';
import { ScriptedRun } from './scripted-run.ts';
import { seededRandom32 } from './seeded-random.ts';

export type { Script } from './script.ts';

const CACHE_SLOTS = 8;

export class ScriptedDevice {
  readonly #script: Script;
  readonly #random32: () => number;
  bootId = 0x1122334455667788n;
  frozen = false;
  /** How often each kind of request was executed, repeats answered from the cache not counted. */
  readonly executed: Record<string, number> = {};
  #session = 0;
  #seq = 0;
  #hello: { nonce: number; payload: Uint8Array } | null = null;
  #host: HostHello | null = null;
  readonly #cache = new Map<number, { id: number; payload: Uint8Array }>();
  readonly #loads: ScriptedBank;
  readonly #runs: ScriptedRun;

  constructor(script: Script) {
    this.#script = script;
    this.#random32 = seededRandom32(script.seed ?? 1);
    this.#loads = new ScriptedBank(script, (value) =>
      this.#write(FrameKind.rpc, 0, encodeEnvelope({ requestId: 0, body: { type: 'loadReport', value } })),
    );
    this.#runs = new ScriptedRun(script, {
      samples: (flags, bulk) => this.#write(FrameKind.samples, flags, encodeBulk(bulk)),
      runState: (value) => this.event({ type: 'runState', value }),
      hostWindowBytes: () => this.#host?.rxWindowBytes ?? 0,
    });
    const decoder = new StreamDecoder({
      role: 'device',
      maxPayload: 4076,
      onResult: (result) => result.kind === 'frame' && this.#onFrame(result.frame),
    });
    script.port.onData((bytes) => decoder.push(bytes));
  }

  get bank() {
    return this.#loads.bank;
  }
  get chunkFrames(): readonly Bulk[] {
    return this.#loads.chunkFrames;
  }
  get run() {
    return this.#runs.run;
  }
  get acked(): number {
    return this.#runs.acked;
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
    this.#loads.bank = null;
    this.#runs.run = null;
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
          unacked: this.#runs.unacknowledged(),
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
      if (bulk) this.#loads.chunk(bulk, frame.flags);
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
    if (body?.type === 'streamCredit') return this.#runs.credit(body.value);
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
        return this.#loads.begin(body.value);
      case 'finishLoad':
        return this.#loads.finish();
      case 'activate':
        return this.#loads.activate();
      case 'startRun':
      case 'readReference':
        return this.#runs.start(body.value);
      case 'stopRun':
        this.#runs.stop();
        return {};
      case 'ackRun':
        this.#runs.acknowledge(body.value.run);
        return {};
      default:
        return { code: Code.UNIMPLEMENTED };
    }
  }

  #status() {
    return {
      state: DeviceState.IDLE,
      bootId: this.bootId,
      uptimeUs: 0n,
      bank: this.#loads.status(),
      run: this.#runs.state(),
      fault: [],
    };
  }
}
