// The controller of a board: byte streams in and out, one session, one heartbeat, one watchdog. It is silent on a stream
// until a valid HELLO came in on it.
import { FrameKind, StreamDecoder } from '../../src/link/frame/index.ts';
import type { DecodeResult, Frame } from '../../src/link/frame/index.ts';
import {
  decodeBulk,
  decodeEnvelope,
  decodeHostHello,
  Code,
  Detail,
  encodeDeviceHello,
  encodeEnvelope,
  encodeEvent,
  Feature,
  ResetReason,
  SCHEMA_HASH,
} from '../../src/link/messages/index.ts';
import type { BodyOf, EventBodies, Status } from '../../src/link/messages/index.ts';
import { Boot } from './boot.ts';
import type { Attachment, ByteSink, Controller, ControllerOptions } from './contract.ts';
import { CoreGate } from './board/core-gate.ts';
import { FrameWriter } from './session/frame-writer.ts';
import { dropSession, judgeHello, PROTOCOL_MINOR } from './session/handshake.ts';
import type { HelloVerdict, Session } from './session/handshake.ts';
import { IdleTimer } from './board/idle-timer.ts';
import { handleRpc } from './rpc.ts';
import { BoardSensors } from './board/sensors.ts';
import { statusOf } from './status.ts';
import { ThermalGuard } from './board/thermal-guard.ts';
import type { ThermalModel } from '../chip/thermal/index.ts';

const HEARTBEAT_MS = 1000;
const REPORT_NOW = 1;
const FEATURES = Feature.PATCH | Feature.RECORD_HEADER | Feature.DROP_WITH_GAP;

/** Builds the controller; it has booted and is silent. */
export function createController(options: ControllerOptions): Controller {
  return new BoardController(options);
}

interface Stream {
  readonly sink: ByteSink;
  readonly writer: FrameWriter;
}

class BoardController implements Controller {
  readonly #options: ControllerOptions;
  readonly #gate: CoreGate;
  /** Outlives a reset, as the heat does. */
  readonly #thermal: ThermalGuard | null;
  readonly #watchdog: IdleTimer;
  #boot: Boot;
  /** The stream whose HELLO was accepted last. */
  #driver: Stream | null = null;
  #heartbeat: { cancel(): void };
  #nextSeq: number | null = null;

  constructor(options: ControllerOptions) {
    this.#options = options;
    this.#gate = new CoreGate(options.core, options.clock);
    this.#thermal = options.thermal === undefined ? null : this.#watchOver(options.thermal);
    this.#boot = this.#newBoot(ResetReason.POWER_ON);
    this.#watchdog = new IdleTimer(options.clock, options.limits.hostSilenceMs, () =>
      this.#boot.engine.hostSilent(),
    );
    this.#heartbeat = options.clock.after(HEARTBEAT_MS, () => this.#beat());
  }

  attach(sink: ByteSink): Attachment {
    const writer = new FrameWriter({
      sink,
      clock: this.#options.clock,
      counters: () => this.#boot.counters,
      samples: (most) => (this.#driver === stream ? this.#boot.engine.next(most) : null),
    });
    const stream: Stream = { sink, writer };
    const decoder = new StreamDecoder({
      role: 'device',
      maxPayload: this.#options.limits.maxPayload,
      onResult: (result) => this.#take(stream, result),
    });
    return {
      receive: (bytes) => decoder.push(bytes),
      drained: () => writer.drained(),
      detach: () => this.#detach(stream),
    };
  }

  close(): void {
    this.#heartbeat.cancel();
    this.#watchdog.stop();
    this.#boot.close();
    this.#thermal?.close();
    if (this.#driver !== null) this.#detach(this.#driver);
  }

  #watchOver(model: ThermalModel): ThermalGuard {
    const { clock, sensorFaults } = this.#options;
    const sensors = new BoardSensors(clock, model, sensorFaults);
    const onTrip = (die_C: number): void => this.#event({ type: 'fault', value: this.#boot.trip(die_C) });
    return new ThermalGuard({ clock, model, sensors, onTrip });
  }

  #newBoot(reason: ResetReason): Boot {
    return new Boot(this.#options, { gate: this.#gate, thermal: this.#thermal }, reason, {
      event: (body) => this.#event(body),
      report: (value) => {
        const payload = encodeEnvelope({ requestId: 0, body: { type: 'loadReport', value } });
        this.#driver?.writer.send(FrameKind.rpc, payload);
      },
      wake: () => this.#driver?.writer.pump(),
      telemetry: (value) => this.#droppable({ type: 'telemetry', value }),
    });
  }

  /** Volatile state goes; streams stay, but the device is silent on them until the next HELLO. */
  #reboot(): void {
    this.#boot.close();
    this.#driver = null;
    this.#boot = this.#newBoot(ResetReason.SOFTWARE);
  }

  #detach(stream: Stream): void {
    stream.writer.close();
    if (this.#driver !== stream) return;
    this.#driver = null;
    this.#boot.telemetry.stop();
    this.#boot.handshake = dropSession(this.#boot.handshake);
  }

  #take(stream: Stream, result: DecodeResult): void {
    const { counters } = this.#boot;
    if (result.kind === 'corrupt') {
      counters[result.reason === 'oversize' ? 'rxOversize' : 'rxCorrupt'] += 1;
      return;
    }
    if (result.kind === 'rejected') {
      counters.rxRejected += 1;
      const { kind, session, payload } = result.frame;
      const isRequest = result.reason === 'unsupported-flag' && kind === FrameKind.rpc;
      if (isRequest && this.#isCurrent(stream, session)) this.#refuseFlag(stream, payload);
      return;
    }
    counters.rxFrames = (counters.rxFrames + 1) >>> 0;
    if (result.frame.kind === FrameKind.hello) return this.#hello(stream, result.frame.payload);
    if (!this.#isCurrent(stream, result.frame.session)) {
      counters.rxStaleSession += 1;
      return;
    }
    this.#countGaps(result.frame.seq);
    this.#watchdog.touch();
    this.#boot.engine.hostHeard();
    if (!this.#dispatch(stream, result.frame)) counters.rxRejected += 1;
  }

  #isCurrent(stream: Stream, session: number): boolean {
    return this.#driver === stream && this.#boot.handshake.session?.number === session;
  }

  #countGaps(seq: number): void {
    if (this.#nextSeq !== null && seq !== this.#nextSeq) this.#boot.counters.rxSeqGaps += 1;
    this.#nextSeq = (seq + 1) & 0xffff;
  }

  #dispatch(stream: Stream, frame: Frame): boolean {
    const boot = this.#boot;
    if (frame.kind === FrameKind.chunk) {
      const bulk = decodeBulk(frame.payload);
      if (bulk === null || !boot.loads.chunk(bulk, (frame.flags & REPORT_NOW) !== 0)) return false;
      this.#thermal?.programming();
      return true;
    }
    return handleRpc(frame.payload, {
      boot,
      send: (payload) => {
        if (this.#boot === boot && this.#isCurrent(stream, frame.session)) {
          stream.writer.send(FrameKind.rpc, payload);
        }
      },
      reset: () => {
        if (this.#boot === boot) this.#reboot();
      },
    });
  }

  #refuseFlag(stream: Stream, payload: Uint8Array): void {
    const request = decodeEnvelope(payload);
    if (!request.ok || request.value.status !== undefined || request.value.requestId === 0) return;
    const status = statusOf(
      Code.UNIMPLEMENTED,
      Detail.UNSUPPORTED_FLAG,
      'a frame flag that this device does not know',
    );
    stream.writer.send(FrameKind.rpc, encodeEnvelope({ requestId: request.value.requestId, status }));
  }

  #hello(stream: Stream, payload: Uint8Array): void {
    const hello = decodeHostHello(payload);
    const verdict = hello.ok ? judgeHello(this.#boot.handshake, hello.value, this.#options.random32) : null;
    if (!hello.ok || verdict === null || verdict.kind === 'ignored') {
      this.#boot.counters.rxRejected += 1;
      return;
    }
    if (verdict.kind === 'refused') {
      stream.writer.hello(this.#answer(hello.value.hostNonce, null, verdict.status));
      return;
    }
    if (verdict.kind === 'accepted') this.#beginSession(verdict);
    this.#drive(stream, verdict.session, verdict.kind === 'accepted');
    stream.writer.hello(this.#answer(hello.value.hostNonce, verdict.session));
    this.#watchdog.touch();
    this.#boot.engine.hostHeard();
    stream.writer.pump();
  }

  #beginSession(verdict: Extract<HelloVerdict, { kind: 'accepted' }>): void {
    if (verdict.lost !== null) {
      this.#event({ type: 'sessionLost', value: { byClientId: verdict.session.clientId } });
    }
    this.#boot.telemetry.stop();
    if (verdict.newClient) this.#boot.cache.clear();
    this.#boot.handshake = verdict.state;
    this.#nextSeq = null;
  }

  /** The stream drives from now on; the one before it is ended. */
  #drive(stream: Stream, session: Session, fresh: boolean): void {
    const before = this.#driver;
    this.#driver = stream;
    if (before !== null && before !== stream) {
      before.writer.close();
      before.sink.end?.();
    }
    if (fresh || before !== stream) {
      stream.writer.begin(session.number, Math.min(session.hostMaxPayload, this.#options.limits.maxPayload));
    }
  }

  #answer(hostNonce: number, session: Session | null, refused?: Status): Uint8Array {
    const { identity, limits } = this.#options;
    return encodeDeviceHello({
      hostNonce,
      session: session?.number ?? 0,
      bootId: this.#boot.id,
      proto: PROTOCOL_MINOR,
      schemaHash: SCHEMA_HASH,
      deviceUid: identity.uid,
      fwVersion: identity.firmwareVersion,
      fwGit: identity.firmwareGit,
      simulated: identity.simulated,
      resetReason: this.#boot.resetReason,
      limits,
      features: FEATURES,
      ...(refused && { refused }),
    });
  }

  #event(body: BodyOf<EventBodies>): void {
    this.#driver?.writer.send(FrameKind.event, encodeEvent(this.#boot.event(body)));
  }

  #beat(): void {
    this.#heartbeat = this.#options.clock.after(HEARTBEAT_MS, () => this.#beat());
    if (this.#driver !== null) this.#droppable({ type: 'heartbeat', value: this.#boot.heartbeat() });
  }

  /** An event that the next one makes worthless. */
  #droppable(body: BodyOf<EventBodies>): void {
    this.#driver?.writer.sendOrDrop(FrameKind.event, encodeEvent(this.#boot.event(body)));
  }
}
