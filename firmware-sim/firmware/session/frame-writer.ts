// The one writer of a byte stream (link-protocol section 13.3): whole frames only, replies and faults before samples,
// samples only while the stream takes bytes.
import { encodeFrame, FrameFlag, FrameKind } from '../../../src/link/frame/index.ts';
import type { FrameKindValue } from '../../../src/link/frame/index.ts';
import { BULK_HEADER_BYTES, encodeBulk } from '../../../src/link/messages/index.ts';
import type { LinkCounters } from '../../../src/link/messages/index.ts';
import type { BoardClock, ByteSink } from '../contract.ts';
import type { RunSlice } from '../runs/run-engine.ts';

/** After a gap this long a delimiter goes first, so that noise on the line cannot become the start of a frame. */
const GAP_MS = 50;
/** Replies and events held while the stream is full; whatever is dropped beyond it can be asked for again. */
const HELD_FRAMES_MAX = 256;
const CODE_PAIRS_BYTES = 12;
const DELIMITER = Uint8Array.of(0);

export interface FrameWriterOptions {
  sink: ByteSink;
  clock: BoardClock;
  /** Counters of the current boot. */
  counters: () => LinkCounters;
  /** The samples to send next, at most `most` bytes; null when there are none. */
  samples(most: number): RunSlice | null;
}

export class FrameWriter {
  readonly #options: FrameWriterOptions;
  #session = 0;
  #seq = 0;
  #sampleBytesMax = 0;
  #held: Uint8Array[] = [];
  #full = false;
  #closed = false;
  #lastWrite_ms = -Infinity;

  constructor(options: FrameWriterOptions) {
    this.#options = options;
  }

  /** A session begins: its frames count from 0; payloads stay within what the host takes. */
  begin(session: number, maxPayload: number): void {
    this.#session = session;
    this.#seq = 0;
    const most = maxPayload - BULK_HEADER_BYTES;
    this.#sampleBytesMax = most - (most % CODE_PAIRS_BYTES);
  }

  hello(payload: Uint8Array): void {
    this.#put(encodeFrame({ kind: FrameKind.hello, flags: 0, session: 0, seq: 0, payload }));
  }

  /** A reply, report or event; held while the stream is full. */
  send(kind: FrameKindValue, payload: Uint8Array): void {
    this.#put(this.#frame(kind, 0, payload));
  }

  /** A frame that is worth nothing later: left out while the stream is full. */
  sendOrDrop(kind: FrameKindValue, payload: Uint8Array): void {
    if (!this.#full) this.send(kind, payload);
  }

  /** Sends samples as long as there are any and the stream takes bytes. */
  pump(): void {
    while (!this.#full && !this.#closed) {
      const slice = this.#options.samples(this.#sampleBytesMax);
      if (slice === null) return;
      const { run, offset, data, replay, last } = slice;
      const flags = (last ? FrameFlag.last : 0) | (replay ? FrameFlag.replay : 0);
      const counters = this.#options.counters();
      if (replay) counters.txReplayBytes = (counters.txReplayBytes + data.length) >>> 0;
      this.#put(this.#frame(FrameKind.samples, flags, encodeBulk({ id: run, offset, data })));
    }
  }

  /** The stream takes bytes again. */
  drained(): void {
    this.#full = false;
    while (!this.#full && this.#held.length > 0) this.#write(this.#held.shift() ?? DELIMITER);
    this.pump();
  }

  close(): void {
    this.#closed = true;
    this.#held = [];
  }

  #frame(kind: FrameKindValue, flags: number, payload: Uint8Array): Uint8Array {
    const seq = this.#seq;
    this.#seq = (seq + 1) & 0xffff;
    return encodeFrame({ kind, flags, session: this.#session, seq, payload });
  }

  #put(frame: Uint8Array): void {
    if (this.#closed) return;
    if (!this.#full) return this.#write(frame);
    if (this.#held.length === HELD_FRAMES_MAX) this.#held.shift();
    this.#held.push(frame);
  }

  #write(frame: Uint8Array): void {
    const { clock, sink, counters } = this.#options;
    const now_ms = clock.now_ms();
    const afterGap = now_ms - this.#lastWrite_ms > GAP_MS;
    this.#lastWrite_ms = now_ms;
    const count = counters();
    count.txFrames = (count.txFrames + 1) >>> 0;
    this.#full = !sink.write(afterGap ? Buffer.concat([DELIMITER, frame]) : frame);
  }
}
