// One WebSocket client: its subscriptions, and the rule for those that read too slowly (decisions 17): above 64 kB
// unread, progress is dropped and counted; after 5 s of that, or beyond 1 MB, the socket is closed with 4008.
import type { Clock, Timer } from '../../clock/clock.ts';
import type { Identity } from '../context.ts';
import { CloseCode, type Topic } from './messages.ts';

/** What of a WebSocket is used; ws and a test's fake have it. */
export interface Socket {
  readonly bufferedAmount: number;
  send(text: string): void;
  close(code: number, reason: string): void;
  terminate(): void;
}

const SLOW_BYTES = 64 * 1024;
const BUFFER_BYTES_MAX = 2 ** 20;
const SLOW_MS = 5000;

export class LiveClient {
  readonly identity: Identity;
  /** Topic -> the one device, or null for all. */
  readonly subscriptions = new Map<Topic, string | null>();
  readonly #socket: Socket;
  readonly #clock: Clock;
  readonly #onSlow: () => void;
  #dropped = 0;
  #slowTimer: Timer | null = null;
  #closed = false;

  constructor(socket: Socket, identity: Identity, clock: Clock, onSlow: () => void) {
    this.#socket = socket;
    this.identity = identity;
    this.#clock = clock;
    this.#onSlow = onSlow;
  }

  wants(topic: Topic, device: string): boolean {
    const only = this.subscriptions.get(topic);
    return only === null || only === device;
  }

  /** @param droppable progress, of which the next one tells the same */
  send(message: object, droppable = false): void {
    if (this.#closed) return;
    if (this.#socket.bufferedAmount > SLOW_BYTES) {
      if (this.#socket.bufferedAmount > BUFFER_BYTES_MAX) return this.#giveUp();
      this.#slowTimer ??= this.#clock.after(SLOW_MS, () => this.#judge());
      if (droppable) {
        this.#dropped += 1;
        return;
      }
    } else this.#recovered();
    this.#socket.send(JSON.stringify(message));
  }

  close(code: number, reason: string): void {
    this.gone();
    this.#socket.close(code, reason);
  }

  /** The socket is closed: nothing is sent any more. */
  gone(): void {
    this.#closed = true;
    this.#slowTimer?.cancel();
  }

  #recovered(): void {
    this.#slowTimer?.cancel();
    this.#slowTimer = null;
    if (this.#dropped === 0) return;
    this.#socket.send(JSON.stringify({ type: 'lagged', dropped: this.#dropped }));
    this.#dropped = 0;
  }

  #judge(): void {
    this.#slowTimer = null;
    if (this.#socket.bufferedAmount > SLOW_BYTES) this.#giveUp();
    else this.#recovered();
  }

  #giveUp(): void {
    this.#onSlow();
    this.close(CloseCode.slow, 'the client reads too slowly');
    // A peer that does not read does not answer the close either.
    this.#clock.after(SLOW_MS, () => this.#socket.terminate());
  }
}
