// Everything that leaves: requests with their repeats, one-way messages and bulk frames, by priority, as far as the port
// has room. A shell around RequestTable, SendQueue and RttEstimator.
//
//   exchange() -> waiting -> RequestTable (ids, repeats) -> SendQueue --.
//   sendOneWay(), answer() ----------------------------> SendQueue ----+-> FrameChannel
//   bulk source (chunks), pulled when nothing else waits --------------'
import type { Clock, Timer } from '../../clock/clock.ts';
import { FrameKind, maxWireBytes, type FrameKindValue } from '../frame/index.ts';
import { encodeEnvelope, MessageError, type Envelope, type Limits } from '../messages/index.ts';
import type { LinkCounters } from './counters.ts';
import type { FrameChannel } from './frame-channel.ts';
import { LinkError, type LinkOutcome } from './link-error.ts';
import { RequestTable, type PendingRequest, type RequestIds } from './request-table.ts';
import { RttEstimator } from './rtt-estimator.ts';
import { PORT_BYTES_USB, PORT_FRAMES_UART, Priority, SendQueue, type PriorityValue } from './send-queue.ts';

export type EnvelopeBody = NonNullable<Envelope['body']>;
export type QueuedPriority = Exclude<PriorityValue, typeof Priority.bulk>;

/** Attempts after which silence may mean that the device has rebooted and no longer knows this session. */
const DOUBT_ATTEMPTS = 2;
/** How often a port that is full without having said so is looked at again. */
const FULL_PORT_POLL_MS = 2;
/**
 * Bulk frames on one turn of the event loop: about 3 ms of arithmetic. A window of half a megabyte goes in several turns,
 * so that a stop, and everybody else of this process, comes in between.
 */
const BULK_PER_TURN_BYTES = 128 * 1024;

/** Bulk frames on demand: asked when nothing else waits and the port has room. */
export interface BulkSource {
  /** The next CHUNK, or null when there is none to send now. */
  next(): { flags: number; payload: Uint8Array } | null;
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

export interface OutboxOptions {
  clock: Clock;
  channel: FrameChannel;
  counters: LinkCounters;
  ids: RequestIds;
  limits: Limits;
  /** Before each frame that goes out. */
  onSend(): void;
  /** After each round of sending: nextDue_ms may have changed. */
  onPumped(): void;
  /** A request is repeated for the second time or more; it was first sent then. */
  onDoubt(firstSent_ms: number): void;
  /** Calls back once the device has shown that this session still stands, or the session is over. */
  onSignOfLife(callback: () => void): void;
}

export class Outbox {
  readonly rtt: RttEstimator;
  readonly #options: OutboxOptions;
  readonly #table: RequestTable<Exchange>;
  readonly #queue: SendQueue<QueueEntry>;
  readonly #bulkWireBytes: number;
  readonly #waiting: Exchange[] = [];
  #bulk: BulkSource | null = null;
  #pollTimer: Timer | null = null;
  /** Of this turn of the event loop; the next one is awaited while it is not 0. */
  #turnBulk_bytes = 0;
  #isPumping = false;
  #pumpAgain = false;
  #isStalled = false;
  /** Why the link is over. */
  #over: LinkError | null = null;

  constructor(options: OutboxOptions) {
    const { limits, ids } = options;
    const isUart = limits.uartHintBaud > 0;
    this.#options = options;
    this.rtt = new RttEstimator(limits.uartHintBaud);
    this.#bulkWireBytes = maxWireBytes(limits.maxPayload);
    this.#queue = new SendQueue(isUart ? PORT_FRAMES_UART * this.#bulkWireBytes : PORT_BYTES_USB);
    const { maxOutstandingRpc, replyCache } = limits;
    this.#table = new RequestTable(ids, { maxOutstanding: maxOutstandingRpc, replyCache });
  }

  /** Timeout of an answer to what would be sent now: RTO plus the time of everything queued ahead. */
  get answerTimeout_ms(): number {
    const ahead_bytes = this.#options.channel.queued_bytes + this.#queue.bytesAhead(Priority.bulk);
    return this.rtt.rto_ms + this.rtt.transmission_ms(ahead_bytes);
  }

  /** When expire() has something to do next, or Infinity. */
  get nextDue_ms(): number {
    return this.#table.nextDue_ms;
  }

  /** Whether a request of ours with this id waits for its reply. */
  isOutstanding(requestId: number): boolean {
    return this.#table.has(requestId);
  }

  setBulkSource(source: BulkSource | null): void {
    this.#bulk = this.#over === null ? source : null;
    if (source !== null) this.pump();
  }

  /** Resolves with the reply, whatever its status; rejects with `link-timeout` or why the link ended. */
  exchange(what: string, body: EnvelopeBody, priority: QueuedPriority): Promise<Envelope> {
    return new Promise((resolve, reject) => {
      const exchange: Exchange = { what, priority, body, entry: null, resolve, reject };
      const at = this.#waiting.findIndex((other) => other.priority > priority);
      this.#waiting.splice(at < 0 ? this.#waiting.length : at, 0, exchange);
      this.pump();
    });
  }

  /** A message that nobody answers, or an answer of ours. */
  sendOneWay(envelope: Envelope): void {
    if (this.#over === null) this.#push(Priority.reply, encodeEnvelope(envelope), 0);
    this.pump();
  }

  /** Takes a reply; false when no request waits for it any more. */
  onReply(reply: Envelope): boolean {
    const settled = this.#table.settle(reply.requestId, this.#options.clock.now_ms());
    if (settled === undefined) return false;
    if (settled.rtt_ms !== null) this.rtt.sample(settled.rtt_ms);
    const { context } = settled;
    if (context.entry !== null) this.#queue.remove(context.entry); // a repeat that still waits
    context.resolve(reply);
    this.pump();
    return true;
  }

  /** Repeats what was not answered in time, gives up what was repeated enough. */
  expire(): void {
    const { again, givenUp } = this.#table.expire(this.#options.clock.now_ms());
    for (const { context, attempts, firstSent_ms } of again) {
      this.#options.counters.requestRetries += 1;
      if (attempts >= DOUBT_ATTEMPTS) this.#options.onDoubt(firstSent_ms);
      if (context.entry !== null) this.#queue.push(context.priority, context.entry);
    }
    for (const request of givenUp) this.#giveUp(request);
    this.pump();
  }

  /** The caller learns of it once it is clear whether the request or the whole session has no answer. */
  #giveUp({ context, attempts }: PendingRequest<Exchange>): void {
    this.#options.counters.requestTimeouts += 1;
    this.#options.onSignOfLife(() => {
      const message = `${context.what} was not answered in ${attempts} attempts`;
      context.reject(
        this.#over === null ? new LinkError('link-timeout', message) : noReply(context, this.#over),
      );
    });
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
      while (this.#over === null && this.#sendNext());
    } while (this.#pumpAgain);
    this.#isPumping = false;
    this.#pollWhenFull();
    this.#options.onPumped();
  }

  #admitWaiting(): void {
    while (this.#over === null && this.#waiting.length > 0) {
      const exchange = this.#waiting[0];
      if (!this.#table.canAdmit(exchange.priority === Priority.urgent)) return;
      this.#waiting.shift();
      const { id } = this.#table.admit(exchange);
      try {
        const payload = encodeEnvelope({ requestId: id, body: exchange.body });
        exchange.entry = this.#push(exchange.priority, payload, id);
        this.#options.counters.requests += 1;
      } catch (error) {
        this.#table.settle(id, this.#options.clock.now_ms());
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
    const { channel, clock } = this.#options;
    const queued_bytes = channel.isBlocked ? Infinity : channel.queued_bytes;
    const entry = this.#queue.take(queued_bytes);
    if (entry !== undefined) {
      const ahead_ms = this.rtt.transmission_ms(channel.queued_bytes + entry.wireBytes);
      this.#table.sent(entry.requestId, clock.now_ms(), this.rtt.rto_ms, ahead_ms);
      this.#transmit(FrameKind.rpc, 0, entry.payload);
      return true;
    }
    if (this.#bulk === null || !this.#queue.isEmpty) return false;
    if (this.#turnBulk_bytes >= BULK_PER_TURN_BYTES) return false;
    if (!this.#queue.hasRoom(queued_bytes, this.#bulkWireBytes)) return false;
    const chunk = this.#bulk.next();
    if (chunk === null) return false;
    if (this.#turnBulk_bytes === 0) setImmediate(() => this.#onNextTurn());
    this.#turnBulk_bytes += chunk.payload.length;
    this.#transmit(FrameKind.chunk, chunk.flags, chunk.payload);
    return true;
  }

  #onNextTurn(): void {
    this.#turnBulk_bytes = 0;
    if (this.#bulk !== null) this.pump();
  }

  #transmit(kind: FrameKindValue, flags: number, payload: Uint8Array): void {
    this.#options.onSend();
    this.#options.channel.send(kind, flags, payload);
  }

  /** A port may be full by our measure without ever telling that it drained. */
  #pollWhenFull(): void {
    const { channel, clock, counters } = this.#options;
    const isFull =
      this.#over === null &&
      (!this.#queue.isEmpty || this.#bulk !== null) &&
      (channel.isBlocked || !this.#queue.hasRoom(channel.queued_bytes, this.#bulkWireBytes));
    if (isFull && !this.#isStalled) counters.sendStalls += 1;
    this.#isStalled = isFull;
    if (!isFull || channel.isBlocked || this.#pollTimer !== null) return;
    this.#pollTimer = clock.after(FULL_PORT_POLL_MS, () => {
      this.#pollTimer = null;
      this.pump();
    });
  }

  /** The link is over: everything that waits learns why, with what became of it. */
  fail(error: LinkError): void {
    this.#over = error;
    this.#pollTimer?.cancel();
    this.#bulk = null;
    this.#queue.clear();
    for (const { context, attempts } of this.#table.drain()) {
      context.reject(noReply(context, error, attempts > 0 ? 'unknown' : 'not_applied'));
    }
    for (const context of this.#waiting.splice(0)) context.reject(noReply(context, error, 'not_applied'));
  }
}

function noReply({ what }: Exchange, error: LinkError, outcome: LinkOutcome = 'unknown'): LinkError {
  const { code, retryable, remedy } = error;
  return new LinkError(code, `${what} has no reply: ${error.message}`, {
    outcome,
    retryable,
    remedy,
    cause: error,
  });
}

function unsendable(what: string, error: unknown): LinkError {
  const why = error instanceof MessageError ? error.message : String(error);
  return new LinkError('refused', `${what} cannot be sent: ${why}`, { cause: error });
}
