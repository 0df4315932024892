// One client, whatever carries its messages: which events it wants, how far in the stream it is, and the rule for those that
// read too slowly (decisions 17): above 64 kB unread, what the next value tells again is dropped and counted; after 5 s of
// that the connection is closed with 4008. Events of state wait in the stream, so that nobody waits for a slow client.
import type { Clock, Timer } from '../../clock/clock.ts';
import type { Identity } from '../context.ts';
import type { Channel } from './channel.ts';
import { Coalescer } from './coalesce.ts';
import type { LiveEvent } from './live-event.ts';
import { CloseCode, type Topic } from './messages.ts';
import type { EventRing } from './ring.ts';
import type { ServerMessage } from './server-messages.ts';
import { mayHear } from './visibility.ts';

export interface Subscription {
  /** The one device, or null for all. */
  device: string | null;
  job: string | null;
  minInterval_ms: number;
}

export interface ClientParts {
  channel: Channel;
  identity: Identity;
  ring: EventRing<LiveEvent>;
  clock: Clock;
  onSlow(): void;
}

const SLOW_BYTES = 64 * 1024;
/** Of answers that a client asks for and does not read. */
const BUFFER_BYTES_MAX = 4 * 2 ** 20;
const SLOW_MS = 5_000;

export class LiveClient {
  identity: Identity;
  readonly subscriptions = new Map<Topic, Subscription>();
  /** Streams of samples that it was told of. */
  readonly streams = new Set<number>();
  /** It has shown a sign of life since it was asked for one. */
  isAlive = true;
  readonly #parts: ClientParts;
  readonly #coalescer = new Coalescer<LiveEvent>();
  readonly #flushed = (): void => this.#onFlushed();
  /** Number of the last event that was sent or passed over. */
  #cursor: number;
  #holds = 0;
  /** An event of state waits for room. */
  #isBlocked = false;
  /** Up to here the stream is old news: values that others followed are dropped. */
  #newsFrom = 0;
  #dropped = 0;
  #slowTimer: Timer | null = null;
  #coalesceTimer: Timer | null = null;
  #closed = false;

  constructor(parts: ClientParts) {
    this.#parts = parts;
    this.identity = parts.identity;
    this.#cursor = parts.ring.last;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** The filters of a topic that let this through, or null. */
  wants(topic: Topic, of: { device: string; job: string | null; owner: string | null }): Subscription | null {
    const subscription = this.subscriptions.get(topic);
    if (subscription === undefined) return null;
    const { device, job } = subscription;
    if (device !== null && device !== of.device) return null;
    if (job !== null && of.job !== null && job !== of.job) return null;
    return this.mayHear(topic, of.owner) ? subscription : null;
  }

  /** Whatever it has subscribed to. */
  mayHear(topic: Topic, owner: string | null): boolean {
    return mayHear(this.identity, topic, owner);
  }

  /** Stops the stream, while a snapshot is read; the result lets it go on. */
  hold(): () => void {
    this.#holds += 1;
    return () => {
      this.#holds -= 1;
      this.pump();
    };
  }

  /** Goes on after event `seq`, which must be in the ring's window. */
  continueAfter(seq: number): void {
    this.#cursor = seq;
    this.pump();
  }

  /** Sends what has happened since, as far as there is room. */
  pump(): void {
    const { ring, channel } = this.#parts;
    if (this.#closed || this.#holds > 0 || this.#isBlocked) return;
    if (!ring.holdsAfter(this.#cursor)) return this.#giveUp();
    for (let event = ring.after(this.#cursor); event !== null; event = ring.after(this.#cursor)) {
      const subscription = this.wants(event.subscription, event);
      if (subscription !== null && !this.#offer(event, subscription, channel)) return;
      if (this.#closed) return;
      this.#cursor = event.seq;
    }
  }

  /** Sends something that is no event of the stream, such as an answer. */
  send(message: ServerMessage): void {
    if (this.#closed) return;
    const { channel } = this.#parts;
    if (channel.bufferedAmount > BUFFER_BYTES_MAX) return this.#giveUp();
    if (channel.bufferedAmount > SLOW_BYTES) this.#isSlow();
    else this.#recovered();
    channel.send(message, this.#flushed);
  }

  /** Sends a frame of samples, or drops it. */
  sendFrame(frame: Uint8Array): void {
    const { channel } = this.#parts;
    if (this.#closed || channel.sendBinary === undefined) return;
    if (channel.bufferedAmount > SLOW_BYTES) {
      this.#isSlow();
      this.#dropped += 1;
      return;
    }
    this.#recovered();
    channel.sendBinary(frame, this.#flushed);
  }

  /** Asks for a sign of life, where the channel can. */
  askForLife(): void {
    if (this.#closed || this.#parts.channel.ping === undefined) return;
    this.isAlive = false;
    this.#parts.channel.ping();
  }

  close(code: number, reason: string): void {
    if (this.#closed) return;
    this.gone();
    this.#parts.channel.close(code, reason);
    // A peer that does not read does not answer the close either.
    this.#parts.clock.after(SLOW_MS, () => this.#parts.channel.terminate());
  }

  terminate(): void {
    this.gone();
    this.#parts.channel.terminate();
  }

  /** The connection is closed: nothing is sent any more. */
  gone(): void {
    this.#closed = true;
    this.#slowTimer?.cancel();
    this.#coalesceTimer?.cancel();
  }

  /** False when the event has to wait for room. */
  #offer(event: LiveEvent, { minInterval_ms }: Subscription, channel: Channel): boolean {
    if (channel.bufferedAmount > SLOW_BYTES) {
      this.#isSlow();
      this.#isBlocked = !event.droppable;
      if (event.droppable) this.#dropped += 1;
      return event.droppable;
    }
    this.#recovered();
    if (!event.droppable) {
      // Progress of what has changed its state since is old.
      if (event.job !== null) this.#coalescer.forget(`job.progress ${event.device} ${event.job}`);
      channel.send(event, this.#flushed);
      return true;
    }
    if (event.seq <= this.#newsFrom) this.#dropped += 1;
    else if (minInterval_ms === 0 || this.#coalescer.admit(event, minInterval_ms, this.#now_ms))
      channel.send(event, this.#flushed);
    else this.#waitForInterval();
    return true;
  }

  get #now_ms(): number {
    return this.#parts.clock.now_ms();
  }

  #waitForInterval(): void {
    const wait_ms = this.#coalescer.next_ms - this.#now_ms;
    if (this.#coalesceTimer !== null || wait_ms === Infinity) return;
    this.#coalesceTimer = this.#parts.clock.after(Math.max(1, wait_ms), () => {
      this.#coalesceTimer = null;
      for (const event of this.#coalescer.due(this.#now_ms)) {
        if (this.#parts.channel.bufferedAmount > SLOW_BYTES) this.#dropped += 1;
        else if (!this.#closed && this.wants(event.subscription, event) !== null)
          this.#parts.channel.send(event, this.#flushed);
      }
      this.#waitForInterval();
    });
  }

  #isSlow(): void {
    this.#slowTimer ??= this.#parts.clock.after(SLOW_MS, () => {
      this.#slowTimer = null;
      if (this.#parts.channel.bufferedAmount > SLOW_BYTES) this.#giveUp();
      else this.#onFlushed();
    });
  }

  #onFlushed(): void {
    if (this.#closed || this.#parts.channel.bufferedAmount > SLOW_BYTES) return;
    this.#recovered();
    if (!this.#isBlocked) return;
    this.#isBlocked = false;
    this.#newsFrom = this.#parts.ring.last;
    this.pump();
  }

  #recovered(): void {
    this.#slowTimer?.cancel();
    this.#slowTimer = null;
    if (this.#dropped === 0) return;
    const dropped = this.#dropped;
    this.#dropped = 0;
    this.#parts.channel.send({ type: 'lagged', dropped }, this.#flushed);
  }

  #giveUp(): void {
    this.#parts.onSlow();
    this.close(CloseCode.slow, 'the client reads too slowly');
  }
}
