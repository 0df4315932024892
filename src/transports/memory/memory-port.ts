// Two joined ports inside one process, for tests and for a twin in the same process: no operating system, bytes
// arrive in seeded pieces and, with a clock, after a delay on that clock.
import type { Clock } from '../../clock/clock.ts';
import { PortEvents } from '../port-events.ts';
import { TransportError } from '../port.ts';
import type { Port, PortCloseReason } from '../port.ts';

export interface MemoryPairOptions {
  /** With a clock every write arrives `delay_ms` later on it; without one in a later turn of the event loop. */
  clock?: Clock;
  delay_ms?: number;
  /** Pieces of 1 to this many bytes, drawn by `seed`; without it every write arrives whole. */
  maxPieceBytes?: number;
  seed?: number;
  highWaterMarkBytes?: number;
  labels?: [string, string];
}

const HIGH_WATER_MARK_BYTES = 64 * 1024;
/** Put over delivered bytes, so that a reader that keeps the buffer beyond its call is found out at once. */
const STALE = 0xa5;

/** Both ends; bytes written to an end whose peer is not open are lost, as on a cable without a reader. */
export function createMemoryPair(options: MemoryPairOptions = {}): [Port, Port] {
  const [labelA, labelB] = options.labels ?? ['memory:a', 'memory:b'];
  const a = new MemoryPort(labelA, options, 1);
  const b = new MemoryPort(labelB, options, 2);
  a.join(b);
  b.join(a);
  return [a, b];
}

class MemoryPort implements Port {
  readonly label: string;
  readonly #events = new PortEvents();
  readonly #options: MemoryPairOptions;
  readonly #pieceBytes: () => number;
  readonly #flight: Uint8Array[] = [];
  #peer: MemoryPort | null = null;
  #queuedBytes = 0;
  #waitingForDrain = false;

  constructor(label: string, options: MemoryPairOptions, stream: number) {
    this.label = label;
    this.#options = options;
    this.#pieceBytes = pieceSizes(options.maxPieceBytes, (options.seed ?? 0) * 2 + stream);
  }

  join(peer: MemoryPort): void {
    this.#peer = peer;
  }

  async open(signal: AbortSignal): Promise<void> {
    if (signal.aborted) throw signal.reason instanceof Error ? signal.reason : new Error('aborted');
    if (this.#events.phase !== 'new' || this.#peer?.gone) {
      throw new TransportError('open-failed', `${this.label} or its other end was closed before`, {
        remedy: 'Make a new pair for every connection.',
        retryable: false,
      });
    }
    this.#events.phase = 'open';
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  write(bytes: Uint8Array): boolean {
    if (this.#events.phase !== 'open') return false;
    if (bytes.length > 0) {
      this.#queuedBytes += bytes.length;
      this.#flight.push(Uint8Array.from(bytes));
      this.#later(() => this.#deliver());
    }
    const below = this.#queuedBytes < (this.#options.highWaterMarkBytes ?? HIGH_WATER_MARK_BYTES);
    if (!below) this.#waitingForDrain = true;
    return below;
  }

  onData(callback: (bytes: Uint8Array) => void): void {
    this.#events.onData(callback);
  }

  onDrain(callback: () => void): void {
    this.#events.onDrain(callback);
  }

  onClosed(callback: (why: PortCloseReason) => void): void {
    this.#events.onClosed(callback);
  }

  async close(): Promise<void> {
    this.#events.closed({ code: 'asked', message: `${this.label} closed` });
    // Behind the bytes already in flight, as a cable keeps its order.
    this.#later(() => this.#peer?.hangUp());
  }

  get gone(): boolean {
    return this.#events.phase === 'closed';
  }

  hangUp(): void {
    this.#events.closed({ code: 'disconnected', message: `${this.label}: the other end closed` });
  }

  receive(piece: Uint8Array): void {
    this.#events.data(piece);
  }

  #later(callback: () => void): void {
    const { clock, delay_ms = 0 } = this.#options;
    if (clock) clock.after(delay_ms, callback);
    else setImmediate(callback);
  }

  /** The oldest write arrives at the peer, in pieces. */
  #deliver(): void {
    const bytes = this.#flight.shift();
    if (bytes === undefined) return;
    for (let at = 0; at < bytes.length;) {
      const piece = bytes.subarray(at, Math.min(bytes.length, at + this.#pieceBytes()));
      this.#peer?.receive(piece);
      piece.fill(STALE);
      at += piece.length;
    }
    this.#queuedBytes -= bytes.length;
    if (this.#waitingForDrain && this.#queuedBytes === 0) {
      this.#waitingForDrain = false;
      this.#events.drain();
    }
  }
}

/** Piece sizes 1..max, uniform, by mulberry32 (32-bit state, enough for splits). */
function pieceSizes(maxPieceBytes: number | undefined, seed: number): () => number {
  if (maxPieceBytes === undefined) return () => Infinity;
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return 1 + Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * maxPieceBytes);
  };
}
