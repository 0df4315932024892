// Frames over a port: owns the decoder, numbers what is sent, counts what is received, and knows how much the port
// still holds. It has no idea of requests or time-outs.
//
//   port --bytes--> StreamDecoder --frames of this session--> onFrame
//   send() --encodeFrame--> port      (a leading 0x00 after a gap, so that line noise is no start of a frame)
import type { Clock } from '../../clock/clock.ts';
import type { Port, PortCloseReason } from '../../transports/port.ts';
import {
  encodeFrame,
  FrameKind,
  StreamDecoder,
  USB_MAX_PAYLOAD,
  type DecodeResult,
  type Frame,
  type FrameKindValue,
} from '../frame/index.ts';
import { countReason, type LinkCounters } from './counters.ts';
import { LinkError } from './link-error.ts';

/** Largest payload that the host accepts; the device may send less. */
export const HOST_MAX_PAYLOAD = USB_MAX_PAYLOAD;
/** A longer pause on the line may hide noise (section 3.1). */
const LEADING_ZERO_GAP_MS = 50;
const SEQ_MODULUS = 0x1_0000;

export interface FrameChannelHandlers {
  /** An intact frame of the current session, or a HELLO. */
  onFrame(frame: Frame): void;
  onDrain(): void;
  /** Once, when the port closed for whatever reason. */
  onClosed(why: PortCloseReason): void;
}

export class FrameChannel {
  readonly #port: Port;
  readonly #clock: Clock;
  readonly #counters: LinkCounters;
  readonly #handlers: FrameChannelHandlers;
  readonly #decoder: StreamDecoder;
  #session = 0;
  #txSeq = 0;
  #rxSeq: number | null = null;
  #lastWrite_ms = -Infinity;
  #blocked = false;
  #closed = false;
  #written_bytes = 0;

  constructor(port: Port, clock: Clock, counters: LinkCounters, handlers: FrameChannelHandlers) {
    this.#port = port;
    this.#clock = clock;
    this.#counters = counters;
    this.#handlers = handlers;
    this.#decoder = new StreamDecoder({
      role: 'host',
      maxPayload: HOST_MAX_PAYLOAD,
      onResult: (result) => this.#onResult(result),
    });
    // All listeners stand before open(): a port may close, or speak, at once (section 13.2).
    port.onData((bytes) => {
      counters.rxBytes += bytes.length;
      this.#decoder.push(bytes);
    });
    port.onDrain(() => {
      this.#blocked = false;
      if (!this.#closed) handlers.onDrain();
    });
    port.onClosed((why) => {
      if (this.#closed) return;
      this.#closed = true;
      handlers.onClosed(why);
    });
  }

  /** Rejects with what the port rejects with. */
  open(signal: AbortSignal): Promise<void> {
    return this.#port.open(signal);
  }

  /** Frames of another session are dropped from now on; both frame counters start over. */
  beginSession(session: number): void {
    this.#session = session;
    this.#txSeq = 0;
    this.#rxSeq = null;
  }

  get session(): number {
    return this.#session;
  }

  /** Bytes that the port still holds. */
  get queued_bytes(): number {
    return this.#closed ? 0 : this.#port.queuedBytes;
  }

  /** All bytes given to the port so far. */
  get written_bytes(): number {
    return this.#written_bytes;
  }

  /** The port said that it is full, and has not drained since. */
  get isBlocked(): boolean {
    return this.#blocked;
  }

  /** Delimiters without a frame: they end whatever half-frame the other end may have in its buffer. */
  sendDelimiters(count: number): void {
    this.#write(new Uint8Array(count));
  }

  send(kind: FrameKindValue, flags: number, payload: Uint8Array): void {
    const isHello = kind === FrameKind.hello;
    const session = isHello ? 0 : this.#session;
    const seq = isHello ? 0 : this.#txSeq;
    const wire = encodeFrame({ kind, flags, session, seq, payload });
    if (!isHello) this.#txSeq = (this.#txSeq + 1) % SEQ_MODULUS;
    if (this.#clock.now_ms() - this.#lastWrite_ms > LEADING_ZERO_GAP_MS) this.#write(new Uint8Array(1));
    this.#write(wire);
    this.#counters.txFrames += 1;
  }

  close(): Promise<void> {
    return this.#port.close();
  }

  #write(bytes: Uint8Array): void {
    if (this.#closed) return;
    this.#lastWrite_ms = this.#clock.now_ms();
    this.#written_bytes += bytes.length;
    this.#counters.txBytes += bytes.length;
    if (!this.#port.write(bytes)) this.#blocked = true;
  }

  #onResult(result: DecodeResult): void {
    if (this.#closed) return;
    switch (result.kind) {
      case 'corrupt':
        if (result.reason === 'oversize') this.#counters.rxOversize += 1;
        else countReason(this.#counters.rxCorrupt, result.reason);
        return;
      case 'rejected':
        countReason(this.#counters.rxRejected, result.reason);
        return;
      case 'frame':
        this.#accept(result.frame);
    }
  }

  #accept(frame: Frame): void {
    if (frame.kind !== FrameKind.hello) {
      if (this.#session === 0 || frame.session !== this.#session) {
        this.#counters.rxStaleSession += 1;
        return;
      }
      this.#countSeq(frame.seq);
    }
    this.#counters.rxFrames += 1;
    this.#handlers.onFrame(frame);
  }

  /** Statistics only: a frame is never judged by its number (section 3.2). */
  #countSeq(seq: number): void {
    if (this.#rxSeq !== null) {
      const skipped = (seq - this.#rxSeq - 1 + SEQ_MODULUS) % SEQ_MODULUS;
      if (skipped < SEQ_MODULUS / 2) this.#counters.rxSeqGaps += skipped;
    }
    this.#rxSeq = seq;
  }
}

/** What a closed port means to those who were using it. */
export function portClosedError(why: PortCloseReason, label: string): LinkError {
  if (why.code === 'asked') return new LinkError('cancelled', `the link to ${label} was closed`);
  return new LinkError('link-lost', `the port ${label} closed: ${why.message}`, { cause: why.cause });
}
