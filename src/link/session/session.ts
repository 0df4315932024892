// One session with one device: drives handshake, outbox and liveness with a port and a clock, and hands what arrives to
// the transfers that stand on top of it.
//
//   Outbox --> FrameChannel <--> port
//                  '--> HELLO -> handshake    replies -> Outbox    reports, samples, events -> listeners
//                  '--> every valid frame -> liveness -> pings, LOST
import type { Clock, Timer } from '../../clock/clock.ts';
import { TransportError } from '../../transports/port.ts';
import { FrameKind, type Frame } from '../frame/index.ts';
import {
  Code,
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
import { decodeInbound } from './inbound.ts';
import { HostChoices, type HostOptions } from './host-choices.ts';
import { LinkError } from './link-error.ts';
import { newLiveness, nextLivenessTick_ms, stepLiveness, type LivenessInput } from './liveness.ts';
import { Outbox, type BulkSource, type EnvelopeBody, type QueuedPriority } from './outbox.ts';
import { refusal } from './refusal.ts';
import { RttEstimator } from './rtt-estimator.ts';
import { Priority } from './send-queue.ts';

const OPENING_DELIMITERS = 4;

export interface SessionOptions extends HostOptions {
  onLog?(line: LogLine): void;
  signal?: AbortSignal;
}

/** What a transfer listens to; none of it may throw. */
export interface SessionListener {
  onSamples?(bulk: Bulk): void;
  onLoadReport?(report: LoadReport): void;
  onEvent?(event: Event): void;
  onClosed?(why: LinkError): void;
}

export class Session {
  readonly clock: Clock;
  readonly counters: LinkCounters = newLinkCounters();
  readonly random32: () => number;
  readonly label: string;
  /** The port plays a recording. */
  readonly isReplay: boolean;
  /** What the device said of itself; set before open() resolves. */
  hello!: AcceptedHello;
  readonly #channel: FrameChannel;
  readonly #choices: HostChoices;
  /** Set once the port is open. */
  #facts: HelloFacts | null = null;
  readonly #onLog: (line: LogLine) => void;
  readonly #listeners = new Set<SessionListener>();
  #hellos: HelloExchange | null = null;
  #outbox: Outbox | null = null;
  #liveness = newLiveness(0);
  #timer: Timer | null = null;
  #timerDue_ms = Infinity;
  #pingOutstanding = false;
  /** Requests without an answer wait here to learn whether the session itself is gone. */
  #unsure: (() => void)[] = [];
  #closed: LinkError | null = null;

  private constructor(options: SessionOptions) {
    this.#choices = new HostChoices(options);
    this.clock = this.#choices.clock;
    this.isReplay = this.#choices.isReplay;
    this.random32 = () => this.#choices.random32();
    this.label = options.port.label;
    this.#onLog = (line) => options.onLog?.(line);
    this.#channel = new FrameChannel(options.port, this.clock, this.counters, {
      onFrame: (frame) => this.#onFrame(frame),
      onDrain: () => this.pump(),
      onClosed: (why) => this.fail(portClosedError(why, this.label)),
    });
  }

  /** Opens the port, shakes hands and reads the state of the device; closes the port again on failure. */
  static async open(options: SessionOptions): Promise<{ session: Session; status: DeviceStatus }> {
    const session = new Session(options);
    const { signal } = options;
    const onAbort = (): void => session.fail(closedByUser(session.label));
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      if (signal?.aborted) throw closedByUser(session.label);
      await session.#openPort(signal);
      await session.#shakeHands();
      const status = await session.request('GetStatus', { type: 'getStatus', value: {} }, 'deviceStatus');
      session.#checkBoot(status.bootId);
      session.#throwIfClosed();
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
      if (signal?.aborted) throw closedByUser(this.label);
      if (!(error instanceof TransportError)) {
        throw new LinkError('port-failed', `the port ${this.label} cannot be opened`, { cause: error });
      }
      const { retryable, remedy } = error;
      const code = error.code === 'port-busy' ? 'port-busy' : 'port-failed';
      throw new LinkError(code, error.message, { retryable, remedy, cause: error });
    }
  }

  async #shakeHands(): Promise<void> {
    this.#throwIfClosed();
    const facts = (this.#facts = this.#choices.helloFacts());
    const payload = helloPayload(facts);
    const send = (): void => this.#channel.send(FrameKind.hello, 0, payload);
    const witness = { label: this.label, rxBytes: () => this.counters.rxBytes };
    this.#hellos = new HelloExchange(this.clock, facts, send, witness);
    this.#channel.sendDelimiters(OPENING_DELIMITERS);
    this.#hellos.start();
    const { rtt_ms } = await this.#hellos.answered;
    this.#hellos = null;
    if (rtt_ms !== null) this.#outbox?.rtt.sample(rtt_ms);
  }

  #throwIfClosed(): void {
    if (this.#closed !== null) throw this.#closed;
  }

  /** The moment the hello is accepted, within the frame that brought it, so that no later frame is missed. */
  #begin(hello: AcceptedHello, { clientId }: HelloFacts): void {
    const { clock, counters } = this;
    const { limits } = hello;
    this.hello = hello;
    this.#channel.beginSession(hello.session);
    this.#outbox = new Outbox({
      clock,
      counters,
      limits,
      channel: this.#channel,
      ids: this.#choices.requestIds(clientId),
      onSend: () => this.#step({ kind: 'sent' }),
      onPumped: () => this.#arm(),
      onDoubt: (firstSent_ms) => this.#liveness.lastFrame_ms < firstSent_ms && this.#sendHello(),
      onSignOfLife: (callback) => this.#awaitSignOfLife(callback),
    });
    this.#liveness = newLiveness(clock.now_ms());
    this.#arm();
  }

  /** Why the link is over, or null. */
  get closed(): LinkError | null {
    return this.#closed;
  }

  get queued_bytes(): number {
    return this.#channel.queued_bytes;
  }

  get rtt(): RttEstimator {
    return this.#outbox?.rtt ?? new RttEstimator(0);
  }

  /** Timeout of an answer to what would be sent now. */
  get answerTimeout_ms(): number {
    return this.#outbox?.answerTimeout_ms ?? this.rtt.rto_ms;
  }

  /** Adds a listener; call the result to remove it. */
  listen(listener: SessionListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** CHUNK frames are pulled from here when nothing else waits; null: none. */
  setBulkSource(source: BulkSource | null): void {
    this.#outbox?.setBulkSource(source);
  }

  /**
   * Sends a request, repeats it under the same id, and resolves with the reply, whatever its status. Rejects with
   * `link-timeout` (outcome unknown) or with why the link is over.
   */
  exchange(what: string, body: EnvelopeBody, priority: QueuedPriority = Priority.request): Promise<Envelope> {
    const over = this.#closed;
    if (over === null && this.#outbox !== null) {
      return this.#outbox.exchange(what, body, priority);
    }
    const message = `${what} was not sent: ${over?.message ?? 'there is no session yet'}`;
    const { code, retryable, remedy } = over ?? new LinkError('link-lost', message);
    return Promise.reject(
      new LinkError(code, message, { outcome: 'not_applied', retryable, remedy, cause: over ?? undefined }),
    );
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

  /** exchange() that insists on status OK; the reply is a status alone. */
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
    this.#outbox?.sendOneWay({ requestId: 0, body });
  }

  /** Moves what waits into the port, as far as priorities and room allow. */
  pump(): void {
    this.#outbox?.pump();
  }

  #onFrame(frame: Frame): void {
    if (frame.kind === FrameKind.hello) return this.#onHello(frame.payload);
    this.#signOfLife();
    const inbound = decodeInbound(frame);
    switch (inbound.kind) {
      case 'reply':
        if (this.#outbox?.onReply(inbound.envelope) !== true) this.counters.rxLateReplies += 1;
        return;
      case 'ping':
        return this.#onPing(inbound.envelope);
      case 'load-report':
        for (const listener of this.#listeners) listener.onLoadReport?.(inbound.report);
        return;
      case 'samples':
        for (const listener of this.#listeners) listener.onSamples?.(inbound.bulk);
        return;
      case 'event':
        return this.#onEvent(inbound.event);
      case 'log':
        this.counters.logLines += 1;
        this.counters.logLinesDropped += inbound.line.dropped;
        return this.#onLog(inbound.line);
      case 'rejected':
        return countReason(this.counters.rxRejected, inbound.reason);
    }
  }

  #onHello(payload: Uint8Array): void {
    if (this.#facts === null) return countReason(this.counters.rxRejected, 'hello-nonce');
    const verdict = judgeHello(payload, this.#facts);
    if (verdict.kind === 'ignored') return countReason(this.counters.rxRejected, verdict.reason);
    if (this.#outbox === null) {
      if (verdict.kind === 'accepted') this.#begin(verdict.hello, this.#facts);
      this.#hellos?.take(payload);
      return;
    }
    // The answer to a repeated hello: the same device gives the same answer, one that rebooted cannot.
    if (verdict.kind === 'refused') return this.fail(verdict.error);
    this.#checkBoot(verdict.hello.bootId);
    if (verdict.hello.session === this.#channel.session) return this.#signOfLife();
    this.fail(new LinkError('link-lost', `the session with ${this.label} was replaced by another`));
  }

  #onPing(envelope: Envelope): void {
    if (this.#outbox?.isOutstanding(envelope.requestId)) {
      return countReason(this.counters.rxRejected, 'echo'); // our own request, returned by a tty
    }
    const status = { code: Code.OK, detail: 0, message: '', retryAfterMs: 0 } as const;
    this.#outbox?.sendOneWay({ ...envelope, status });
  }

  #onEvent(event: Event): void {
    this.counters.events += 1;
    this.#checkBoot(event.bootId);
    if (event.body?.type === 'heartbeat') this.counters.device = event.body.value.link ?? null;
    for (const listener of this.#listeners) listener.onEvent?.(event);
    if (event.body?.type === 'sessionLost') {
      const by = event.body.value.byClientId.toString(16).padStart(8, '0');
      this.fail(new LinkError('link-lost', `another host (client ${by}) has taken over ${this.label}`));
    }
  }

  /** A frame of this session: it stands. */
  #signOfLife(): void {
    this.#step({ kind: 'frame' });
    for (const callback of this.#unsure.splice(0)) callback();
  }

  /** Any frame of this session will do; without one liveness ends the session, for a reason that has a name. */
  #awaitSignOfLife(callback: () => void): void {
    if (this.#closed !== null) return callback();
    this.#unsure.push(callback);
    this.#sendHello();
  }

  /** The same hello again: a device that rebooted ignores our session, yet answers this, with another boot id. */
  #sendHello(): void {
    if (this.#facts !== null) this.#channel.send(FrameKind.hello, 0, helloPayload(this.#facts));
  }

  #checkBoot(bootId: bigint): void {
    if (bootId !== this.hello.bootId) {
      this.fail(new LinkError('device-rebooted', `the device on ${this.label} has rebooted`));
    }
  }

  #step(input: LivenessInput): void {
    const { next, actions } = stepLiveness(this.#liveness, input, this.clock.now_ms());
    if (next.state.kind === 'suspect' && this.#liveness.state.kind === 'ready') this.counters.suspects += 1;
    this.#liveness = next;
    for (const action of actions) {
      if (action.kind === 'ping') this.#ping(action.suspect);
      else
        this.fail(new LinkError('link-lost', `the device on ${this.label} fell silent (${action.reason})`));
    }
  }

  #ping(suspect: boolean): void {
    if (suspect) this.#sendHello();
    if (this.#pingOutstanding) return;
    this.#pingOutstanding = true;
    const done = (): void => {
      this.#pingOutstanding = false;
    };
    this.exchange('Ping', { type: 'ping', value: { nonce: this.random32() >>> 0 } }).then(done, done);
  }

  /** One timer for everything. Whole milliseconds, so that rounding never wakes it just before the time. */
  #arm(): void {
    if (this.#closed !== null || this.#outbox === null) return;
    const tick_ms = nextLivenessTick_ms(this.#liveness, this.#channel.queued_bytes) ?? Infinity;
    const due_ms = Math.min(tick_ms, this.#outbox.nextDue_ms);
    if (due_ms >= this.#timerDue_ms) return;
    this.#timer?.cancel();
    this.#timerDue_ms = due_ms;
    this.#timer = this.clock.after(Math.max(1, Math.ceil(due_ms - this.clock.now_ms())), () => {
      this.#timerDue_ms = Infinity;
      const { written_bytes, queued_bytes } = this.#channel;
      this.#step({ kind: 'tick', written_bytes, queued_bytes });
      this.#outbox?.expire();
      this.#arm();
    });
  }

  /** Ends the session; the first reason stays. Everything that waits learns it. */
  fail(error: LinkError): void {
    if (this.#closed !== null) return;
    this.#closed = error;
    this.#choices.linkEnded(error.code, this.#outbox !== null);
    this.#timer?.cancel();
    this.#hellos?.fail(error);
    this.#outbox?.fail(error);
    for (const callback of this.#unsure.splice(0)) callback();
    for (const listener of [...this.#listeners]) listener.onClosed?.(error);
    void this.#channel.close();
  }

  /** Idempotent, never rejects. */
  async close(): Promise<void> {
    this.fail(closedByUser(this.label));
    await this.#channel.close();
  }
}

function closedByUser(label: string): LinkError {
  return new LinkError('cancelled', `the link to ${label} was closed by its user`);
}
