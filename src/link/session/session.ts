// One session with one device: the thin shell that drives the pure parts (handshake, request table, send queue, round
// trip, liveness) with a port and a clock. Transfers stand on top of it.
//
//   exchange(body) -> RequestTable -> SendQueue --.                 .--> replies    -> RequestTable
//   sendOneWay(body) --------------> SendQueue ---+-> FrameChannel -+--> LoadReport, events, samples -> listeners
//   bulk source (chunks), pulled ----------------'                  '--> every valid frame -> liveness
import type { Clock, Timer } from '../../clock/clock.ts';
import { TransportError, type Port, type PortCloseReason } from '../../transports/port.ts';
import { FrameKind, maxWireBytes, type Frame, type FrameKindValue } from '../frame/index.ts';
import {
  Code,
  decodeBulk,
  decodeEnvelope,
  decodeEvent,
  decodeLogLine,
  encodeEnvelope,
  fitText,
  MessageError,
  type Bulk,
  type DeviceStatus,
  type Envelope,
  type EnvelopeBodies,
  type Event,
  type LoadReport,
  type LogLine,
} from '../messages/index.ts';
import { countReason, newLinkCounters, type LinkCounters } from './counters.ts';
import { FrameChannel, portClosedError } from './frame-channel.ts';
import { HelloExchange, helloPayload, judgeHello, type AcceptedHello, type HelloFacts } from './handshake.ts';
import { LinkError } from './link-error.ts';
import { newLiveness, nextLivenessTick_ms, stepLiveness, type LivenessInput } from './liveness.ts';
import { refusal } from './refusal.ts';
import { requestIdsOf, RequestTable, type PendingRequest } from './request-table.ts';
import { RttEstimator } from './rtt-estimator.ts';
import { PORT_BYTES_USB, PORT_FRAMES_UART, Priority, SendQueue, type PriorityValue } from './send-queue.ts';

export type EnvelopeBody = NonNullable<Envelope['body']>;
type QueuedPriority = Exclude<PriorityValue, typeof Priority.bulk>;

/** How often a port that is full without having said so is looked at again. */
const FULL_PORT_POLL_MS = 2;
const OPENING_DELIMITERS = 4;

export interface SessionOptions {
  port: Port;
  clock: Clock;
  random32(): number;
  clientId: number;
  hostVersion: string;
  fence?: bigint;
  expectUid?: string;
  onLog?(line: LogLine): void;
  signal?: AbortSignal;
}

/** Bulk frames on demand: asked when nothing else waits and the port has room. */
export interface BulkSource {
  /** The next CHUNK, or null when there is none to send now. */
  next(): { flags: number; payload: Uint8Array } | null;
}

/** What a transfer listens to; each returns nothing and must not throw. */
export interface SessionListener {
  onSamples?(bulk: Bulk): void;
  onLoadReport?(report: LoadReport): void;
  onEvent?(event: Event): void;
  onClosed?(why: LinkError): void;
}

interface QueueEntry {
  wireBytes: number;
  payload: Uint8Array;
  requestId: number;
}

interface Exchange {
  what: string;
  priority: QueuedPriority;
  body: EnvelopeBody;
  /** Encoded once it has an id; repeats are the same bytes. */
  entry: QueueEntry | null;
  resolve(reply: Envelope): void;
  reject(error: LinkError): void;
}

export class Session {
  readonly clock: Clock;
  readonly counters: LinkCounters = newLinkCounters();
  readonly random32: () => number;
  readonly label: string;
  /** Set once open() has resolved. */
  hello!: AcceptedHello;
  rtt = new RttEstimator(0);
  readonly #channel: FrameChannel;
  readonly #facts: HelloFacts;
  readonly #onLog: (line: LogLine) => void;
  readonly #listeners = new Set<SessionListener>();
  readonly #waiting: Exchange[] = [];
  #hellos: HelloExchange | null = null;
  #table: RequestTable<Exchange> | null = null;
  #queue = new SendQueue<QueueEntry>(PORT_BYTES_USB);
  #bulk: BulkSource | null = null;
  #bulkWireBytes = 0;
  #liveness = newLiveness(0);
  #timer: Timer | null = null;
  #timerDue_ms = Infinity;
  #pollTimer: Timer | null = null;
  #isPumping = false;
  #pumpAgain = false;
  #isStalled = false;
  #pingOutstanding = false;
  #closed: LinkError | null = null;

  private constructor(options: SessionOptions) {
    this.clock = options.clock;
    this.random32 = () => options.random32();
    this.label = options.port.label;
    this.#onLog = (line) => options.onLog?.(line);
    this.#facts = {
      nonce: options.random32() >>> 0,
      clientId: options.clientId >>> 0,
      hostVersion: fitText('HostHello', 'hostVersion', options.hostVersion),
      fence: options.fence ?? 0n,
      expectUid: options.expectUid,
    };
    this.#channel = new FrameChannel(options.port, options.clock, this.counters, {
      onFrame: (frame) => this.#onFrame(frame),
      onDrain: () => this.pump(),
      onClosed: (why) => this.#onPortClosed(why),
    });
  }

  /** Opens the port, shakes hands and reads the state of the device; closes the port again on failure. */
  static async open(options: SessionOptions): Promise<{ session: Session; status: DeviceStatus }> {
    const session = new Session(options);
    const { signal } = options;
    const onAbort = (): void => session.fail(cancelled(session.label));
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      if (signal?.aborted) throw cancelled(session.label);
      await session.#openPort(signal);
      await session.#shakeHands();
      const status = await session.request('GetStatus', { type: 'getStatus', value: {} }, 'deviceStatus');
      session.#checkBoot(status.bootId);
      if (session.#closed !== null) throw session.#closed;
      return { session, status };
    } catch (error) {
      const why =
        error instanceof LinkError ? error : new LinkError('port-failed', String(error), { cause: error });
      session.fail(why);
      await session.#channel.close();
      throw why;
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  }

  async #openPort(signal: AbortSignal | undefined): Promise<void> {
    try {
      await this.#channel.open(signal ?? new AbortController().signal);
    } catch (error) {
      if (signal?.aborted) throw cancelled(this.label);
      if (!(error instanceof TransportError)) {
        throw new LinkError('port-failed', `the port ${this.label} cannot be opened`, { cause: error });
      }
      const { retryable, remedy } = error;
      const code = error.code === 'port-busy' ? 'port-busy' : 'port-failed';
      throw new LinkError(code, error.message, { retryable, remedy, cause: error });
    }
  }

  async #shakeHands(): Promise<void> {
    if (this.#closed !== null) throw this.#closed;
    const payload = helloPayload(this.#facts);
    this.#hellos = new HelloExchange(
      this.clock,
      this.#facts,
      () => this.#channel.send(FrameKind.hello, 0, payload),
      { label: this.label, rxBytes: () => this.counters.rxBytes },
    );
    this.#channel.sendDelimiters(OPENING_DELIMITERS);
    this.#hellos.start();
    const { rtt_ms } = await this.#hellos.answered;
    this.#hellos = null;
    if (rtt_ms !== null) this.rtt.sample(rtt_ms);
  }

  /** The moment the hello is accepted, within the frame that brought it, so that no later frame is missed. */
  #begin(hello: AcceptedHello): void {
    const { limits } = hello;
    this.hello = hello;
    this.#channel.beginSession(hello.session);
    this.rtt = new RttEstimator(limits.uartHintBaud);
    this.#bulkWireBytes = maxWireBytes(limits.maxPayload);
    const portBytes = limits.uartHintBaud > 0 ? PORT_FRAMES_UART * this.#bulkWireBytes : PORT_BYTES_USB;
    this.#queue = new SendQueue(portBytes);
    this.#table = new RequestTable(requestIdsOf(this.#facts.clientId), {
      maxOutstanding: limits.maxOutstandingRpc,
      replyCache: limits.replyCache,
    });
    this.#liveness = newLiveness(this.clock.now_ms());
    this.#arm();
  }

  get closed(): LinkError | null {
    return this.#closed;
  }

  get queued_bytes(): number {
    return this.#channel.queued_bytes;
  }

  /** Timeout of an answer to what would be sent now: RTO plus the time of everything queued ahead. */
  get answerTimeout_ms(): number {
    return (
      this.rtt.rto_ms + this.rtt.transmission_ms(this.queued_bytes + this.#queue.bytesAhead(Priority.bulk))
    );
  }

  /** Adds a listener; call the result to remove it. */
  listen(listener: SessionListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  setBulkSource(source: BulkSource | null): void {
    this.#bulk = source;
    if (source !== null) this.pump();
  }

  /**
   * Sends a request, repeats it under the same id, and resolves with the reply, whatever its status. Rejects with
   * `link-timeout` (outcome unknown) or with why the link is over.
   */
  exchange(what: string, body: EnvelopeBody, priority: QueuedPriority = Priority.request): Promise<Envelope> {
    const over = this.#closed;
    if (over !== null) {
      const message = `${what} was not sent: ${over.message}`;
      return Promise.reject(
        new LinkError(over.code, message, { outcome: 'not_applied', retryable: over.retryable, cause: over }),
      );
    }
    return new Promise((resolve, reject) => {
      const exchange: Exchange = { what, priority, body, entry: null, resolve, reject };
      const at = this.#waiting.findIndex((other) => other.priority > priority);
      this.#waiting.splice(at < 0 ? this.#waiting.length : at, 0, exchange);
      this.pump();
    });
  }

  /** exchange() that insists on status OK and on a reply of the expected type. */
  async request<K extends keyof EnvelopeBodies>(
    what: string,
    body: EnvelopeBody,
    expected: K,
    priority: QueuedPriority = Priority.request,
  ): Promise<EnvelopeBodies[K]> {
    const reply = await this.exchange(what, body, priority);
    if (reply.status !== undefined && reply.status.code !== Code.OK) throw refusal(what, reply.status);
    if (reply.body?.type !== expected) {
      const got = reply.body?.type ?? 'nothing';
      throw new LinkError('protocol-error', `${what} was answered with ${got} instead of ${expected}`);
    }
    return reply.body.value as EnvelopeBodies[K];
  }

  /** request() whose reply is a status alone. */
  async command(
    what: string,
    body: EnvelopeBody,
    priority: QueuedPriority = Priority.request,
  ): Promise<void> {
    const reply = await this.exchange(what, body, priority);
    if (reply.status !== undefined && reply.status.code !== Code.OK) throw refusal(what, reply.status);
  }

  /** Sends a message that nobody answers (StreamCredit). */
  sendOneWay(body: EnvelopeBody): void {
    if (this.#closed === null) this.#push(Priority.reply, encodeEnvelope({ requestId: 0, body }), 0);
    this.pump();
  }

  /** Moves what waits into the port, as far as priorities and room allow. */
  pump(): void {
    if (this.#isPumping) {
      this.#pumpAgain = true; // a port may answer within write()
      return;
    }
    this.#isPumping = true;
    do {
      this.#pumpAgain = false;
      this.#admitWaiting();
      while (this.#closed === null && this.#sendNext());
    } while (this.#pumpAgain);
    this.#isPumping = false;
    this.#pollWhenFull();
    this.#arm();
  }

  #admitWaiting(): void {
    while (this.#closed === null && this.#table !== null && this.#waiting.length > 0) {
      const exchange = this.#waiting[0];
      if (!this.#table.canAdmit(exchange.priority === Priority.urgent)) return;
      this.#waiting.shift();
      const { id } = this.#table.admit(exchange);
      try {
        const payload = encodeEnvelope({ requestId: id, body: exchange.body });
        exchange.entry = this.#push(exchange.priority, payload, id);
        this.counters.requests += 1;
      } catch (error) {
        this.#table.settle(id, this.clock.now_ms());
        exchange.reject(unsendable(exchange.what, error));
      }
    }
  }

  #push(priority: QueuedPriority, payload: Uint8Array, requestId: number): QueueEntry {
    const entry = { wireBytes: maxWireBytes(payload.length), payload, requestId };
    this.#queue.push(priority, entry);
    return entry;
  }

  /** Sends one frame; false when nothing may go now. */
  #sendNext(): boolean {
    const queued_bytes = this.#channel.isBlocked ? Infinity : this.#channel.queued_bytes;
    const entry = this.#queue.take(queued_bytes);
    if (entry !== undefined) {
      const ahead_ms = this.rtt.transmission_ms(this.#channel.queued_bytes + entry.wireBytes);
      this.#table?.sent(entry.requestId, this.clock.now_ms(), this.rtt.rto_ms, ahead_ms);
      this.#transmit(FrameKind.rpc, 0, entry.payload);
      return true;
    }
    if (this.#bulk === null || !this.#queue.isEmpty) return false;
    if (!this.#queue.hasRoom(queued_bytes, this.#bulkWireBytes)) return false;
    const chunk = this.#bulk.next();
    if (chunk === null) return false;
    this.#transmit(FrameKind.chunk, chunk.flags, chunk.payload);
    return true;
  }

  #transmit(kind: FrameKindValue, flags: number, payload: Uint8Array): void {
    this.#step({ kind: 'sent' });
    this.#channel.send(kind, flags, payload);
  }

  /** A port may be full by our measure without ever telling that it drained. */
  #pollWhenFull(): void {
    const isFull =
      this.#closed === null &&
      (!this.#queue.isEmpty || this.#bulk !== null) &&
      (this.#channel.isBlocked || !this.#queue.hasRoom(this.#channel.queued_bytes, this.#bulkWireBytes));
    if (isFull && !this.#isStalled) this.counters.sendStalls += 1;
    this.#isStalled = isFull;
    if (!isFull || this.#channel.isBlocked || this.#pollTimer !== null) return;
    this.#pollTimer = this.clock.after(FULL_PORT_POLL_MS, () => {
      this.#pollTimer = null;
      this.pump();
    });
  }

  #onFrame(frame: Frame): void {
    if (frame.kind === FrameKind.hello) return this.#onHello(frame.payload);
    this.#step({ kind: 'frame' });
    switch (frame.kind) {
      case FrameKind.rpc:
        return this.#onEnvelope(frame.payload);
      case FrameKind.samples:
        return this.#onSamples(frame.payload);
      case FrameKind.event:
        return this.#onEvent(frame.payload);
      case FrameKind.log:
        return this.#onLogLine(frame.payload);
      default:
        return; // a CHUNK: the decoder rejects it in this direction
    }
  }

  #onHello(payload: Uint8Array): void {
    const verdict = judgeHello(payload, this.#facts);
    if (verdict.kind === 'ignored') return countReason(this.counters.rxRejected, verdict.reason);
    if (this.#table === null) {
      if (verdict.kind === 'accepted') this.#begin(verdict.hello);
      this.#hellos?.take(payload);
      return;
    }
    // The answer to a repeated hello: the same device gives the same answer, one that rebooted cannot.
    if (verdict.kind === 'refused') return this.fail(verdict.error);
    this.#checkBoot(verdict.hello.bootId);
    if (this.#closed !== null) return;
    if (verdict.hello.session === this.#channel.session) return this.#step({ kind: 'frame' });
    this.fail(new LinkError('link-lost', `the session with ${this.label} was replaced by another`));
  }

  #onEnvelope(payload: Uint8Array): void {
    const decoded = decodeEnvelope(payload);
    if (!decoded.ok) return countReason(this.counters.rxRejected, decoded.reason);
    const envelope = decoded.value;
    if (envelope.status !== undefined) return this.#onReply(envelope);
    if (envelope.body?.type === 'loadReport') {
      const report = envelope.body.value;
      for (const listener of this.#listeners) listener.onLoadReport?.(report);
      return;
    }
    // With the id of a request of ours it is that request, echoed by a tty.
    if (envelope.body?.type === 'ping' && this.#table?.has(envelope.requestId) === false) {
      const status = { code: Code.OK, detail: 0, message: '', retryAfterMs: 0 } as const;
      this.#push(Priority.reply, encodeEnvelope({ ...envelope, status }), 0);
      return this.pump();
    }
    countReason(this.counters.rxRejected, 'unexpected-message');
  }

  #onReply(reply: Envelope): void {
    const now_ms = this.clock.now_ms();
    const settled = this.#table?.settle(reply.requestId, now_ms);
    if (settled === undefined) {
      this.counters.rxLateReplies += 1;
      return;
    }
    if (settled.rtt_ms !== null) this.rtt.sample(settled.rtt_ms);
    if (settled.context.entry !== null) this.#queue.remove(settled.context.entry); // a repeat that still waits
    settled.context.resolve(reply);
    this.pump();
  }

  #onSamples(payload: Uint8Array): void {
    const bulk = decodeBulk(payload);
    if (bulk === null) return countReason(this.counters.rxRejected, 'bulk-short');
    for (const listener of this.#listeners) listener.onSamples?.(bulk);
  }

  #onEvent(payload: Uint8Array): void {
    const decoded = decodeEvent(payload);
    if (!decoded.ok) return countReason(this.counters.rxRejected, decoded.reason);
    const event = decoded.value;
    this.counters.events += 1;
    this.#checkBoot(event.bootId);
    for (const listener of this.#listeners) listener.onEvent?.(event);
    if (event.body?.type === 'sessionLost') {
      const by = event.body.value.byClientId.toString(16).padStart(8, '0');
      this.fail(new LinkError('link-lost', `another host (client ${by}) has taken over ${this.label}`));
    }
  }

  #onLogLine(payload: Uint8Array): void {
    const decoded = decodeLogLine(payload);
    if (!decoded.ok) return countReason(this.counters.rxRejected, decoded.reason);
    this.counters.logLines += 1;
    this.counters.logLinesDropped += decoded.value.dropped;
    this.#onLog(decoded.value);
  }

  #checkBoot(bootId: bigint): void {
    if (bootId !== this.hello.bootId) {
      this.fail(new LinkError('device-rebooted', `the device on ${this.label} has rebooted`));
    }
  }

  #onPortClosed(why: PortCloseReason): void {
    this.fail(portClosedError(why, this.label));
  }

  #step(input: LivenessInput): void {
    const now_ms = this.clock.now_ms();
    const { next, actions } = stepLiveness(this.#liveness, input, now_ms);
    if (next.state.kind === 'suspect' && this.#liveness.state.kind === 'ready') this.counters.suspects += 1;
    this.#liveness = next;
    for (const action of actions) {
      if (action.kind === 'ping') this.#ping(action.suspect);
      else
        this.fail(new LinkError('link-lost', `the device on ${this.label} fell silent (${action.reason})`));
    }
  }

  #ping(suspect: boolean): void {
    // In doubt the same hello goes along: a device that rebooted ignores our session, yet answers this one.
    if (suspect) this.#channel.send(FrameKind.hello, 0, helloPayload(this.#facts));
    if (this.#pingOutstanding) return;
    this.#pingOutstanding = true;
    const done = (): void => {
      this.#pingOutstanding = false;
    };
    const body = { type: 'ping', value: { nonce: this.random32() >>> 0 } } as const;
    this.exchange('Ping', body).then(done, done);
  }

  #onTimer(): void {
    if (this.#closed !== null || this.#table === null) return;
    const now_ms = this.clock.now_ms();
    const { written_bytes, queued_bytes } = this.#channel;
    this.#step({ kind: 'tick', written_bytes, queued_bytes });
    const { again, givenUp } = this.#table.expire(now_ms);
    for (const { context } of again) {
      this.counters.requestRetries += 1;
      if (context.entry !== null) this.#queue.push(context.priority, context.entry);
    }
    for (const request of givenUp) this.#giveUp(request);
    this.pump();
  }

  #giveUp(request: PendingRequest<Exchange>): void {
    this.counters.requestTimeouts += 1;
    const { context, attempts } = request;
    context.reject(new LinkError('link-timeout', `${context.what} was not answered in ${attempts} attempts`));
  }

  /** One timer for everything. Whole milliseconds, so that rounding never wakes it just before the time. */
  #arm(): void {
    if (this.#closed !== null || this.#table === null) return;
    const tick_ms = nextLivenessTick_ms(this.#liveness, this.#channel.queued_bytes) ?? Infinity;
    const due_ms = Math.min(tick_ms, this.#table.nextDue_ms);
    if (due_ms >= this.#timerDue_ms) return;
    this.#timer?.cancel();
    this.#timerDue_ms = due_ms;
    this.#timer = this.clock.after(Math.max(1, Math.ceil(due_ms - this.clock.now_ms())), () => {
      this.#timerDue_ms = Infinity;
      this.#timer = null;
      this.#onTimer();
      this.#arm();
    });
  }

  /** Ends the session; the first reason stays. Everything that waits learns it. */
  fail(error: LinkError): void {
    if (this.#closed !== null) return;
    this.#closed = error;
    this.#timer?.cancel();
    this.#pollTimer?.cancel();
    this.#bulk = null;
    this.#queue.clear();
    this.#hellos?.fail(error);
    const sent =
      this.#table?.drain().map(({ context, attempts }) => ({ context, isSent: attempts > 0 })) ?? [];
    const unsent = this.#waiting.splice(0).map((context) => ({ context, isSent: false }));
    for (const { context, isSent } of [...sent, ...unsent]) {
      const outcome = isSent ? 'unknown' : 'not_applied';
      const message = `${context.what} has no reply: ${error.message}`;
      context.reject(
        new LinkError(error.code, message, { outcome, retryable: error.retryable, cause: error }),
      );
    }
    for (const listener of [...this.#listeners]) listener.onClosed?.(error);
    void this.#channel.close();
  }

  /** Idempotent, never rejects. */
  async close(): Promise<void> {
    this.fail(cancelled(this.label));
    await this.#channel.close();
  }
}

function cancelled(label: string): LinkError {
  return new LinkError('cancelled', `the link to ${label} was closed by its user`);
}

function unsendable(what: string, error: unknown): LinkError {
  const why = error instanceof MessageError ? error.message : String(error);
  return new LinkError('refused', `${what} cannot be sent: ${why}`, { cause: error });
}
