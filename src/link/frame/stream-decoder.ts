// Finds frames in a byte stream that arrives in any split: looks for 0x00, undoes COBS, checks, reports. O(n) in the
// bytes received, at most one maximum frame kept, no allocation per byte, never an exception.
import { cobsDecode } from './cobs.ts';
import { checkFrame, CORRUPT_REASONS, maxWireBytes, REJECT_REASONS } from './frame.ts';
import type { CorruptReason, DecodeResult, FrameRole, RejectReason } from './frame.ts';

export interface StreamCounters {
  rxBytes: number;
  /** Accepted frames. */
  rxFrames: number;
  /** Damaged frames by reason; `oversize` is the protocol's rx_oversize. */
  rxCorrupt: Record<CorruptReason, number>;
  /** Intact but unacceptable frames by reason. */
  rxRejected: Record<RejectReason, number>;
}

export interface StreamDecoderOptions {
  /** Who receives. */
  role: FrameRole;
  /** Largest payload accepted, bytes: what this side advertised in its HELLO. */
  maxPayload: number;
  /** Called in stream order, during push(). Payloads are copies and may be kept. Must not call push(). */
  onResult(result: DecodeResult): void;
}

export class StreamDecoder {
  readonly counters: Readonly<StreamCounters>;
  readonly #counters: StreamCounters;
  readonly #options: StreamDecoderOptions;
  /** Stuffed bytes of a frame that is not complete yet. */
  readonly #pending: Uint8Array;
  readonly #raw: Uint8Array;
  #pendingLength = 0;
  /** Inside something longer than any frame: drop up to and including the next 0x00. */
  #dropping = false;

  constructor(options: StreamDecoderOptions) {
    this.#options = options;
    const mostStuffedBytes = maxWireBytes(options.maxPayload) - 1;
    this.#pending = new Uint8Array(mostStuffedBytes);
    this.#raw = new Uint8Array(mostStuffedBytes);
    const zeros = <K extends string>(keys: readonly K[]) =>
      Object.fromEntries(keys.map((key) => [key, 0])) as Record<K, number>;
    this.#counters = {
      rxBytes: 0,
      rxFrames: 0,
      rxCorrupt: zeros(CORRUPT_REASONS),
      rxRejected: zeros(REJECT_REASONS),
    };
    this.counters = this.#counters;
  }

  /** Takes the next bytes of the stream; they are not kept beyond the call. */
  push(bytes: Uint8Array): void {
    this.#counters.rxBytes += bytes.length;
    let start = 0;
    while (start < bytes.length) {
      const delimiter = bytes.indexOf(0, start);
      if (delimiter === -1) {
        this.#keep(bytes, start, bytes.length);
        return;
      }
      this.#finish(bytes, start, delimiter);
      start = delimiter + 1;
    }
  }

  /** Forgets a half-received frame, for instance after the port was opened anew; counters stay. */
  reset(): void {
    this.#pendingLength = 0;
    this.#dropping = false;
  }

  /** Appends bytes[start .. end) to the pending frame, or starts dropping when no frame can be that long. */
  #keep(bytes: Uint8Array, start: number, end: number): void {
    if (this.#dropping) return;
    if (this.#pendingLength + end - start > this.#pending.length) {
      this.#dropping = true;
      this.#pendingLength = 0;
      this.#corrupt('oversize');
      return;
    }
    this.#pending.set(bytes.subarray(start, end), this.#pendingLength);
    this.#pendingLength += end - start;
  }

  /** bytes[end] is a delimiter: the frame is the pending bytes followed by bytes[start .. end). */
  #finish(bytes: Uint8Array, start: number, end: number): void {
    if (this.#pendingLength === 0 && end - start <= this.#pending.length) {
      if (this.#dropping) this.#dropping = false;
      else this.#decode(bytes, start, end); // whole frame within one piece: no copy
      return;
    }
    this.#keep(bytes, start, end);
    const length = this.#pendingLength;
    this.#pendingLength = 0;
    if (this.#dropping) this.#dropping = false;
    else this.#decode(this.#pending, 0, length);
  }

  #decode(stuffed: Uint8Array, start: number, end: number): void {
    if (start === end) return; // two delimiters in a row: an empty frame is nothing
    const length = cobsDecode(stuffed, start, end, this.#raw);
    if (length < 0) return this.#corrupt('cobs');
    const result = checkFrame(this.#raw, length, this.#options);
    if (result.kind === 'corrupt') return this.#corrupt(result.reason);
    if (result.kind === 'rejected') this.#counters.rxRejected[result.reason] += 1;
    else this.#counters.rxFrames += 1;
    this.#options.onResult(result);
  }

  #corrupt(reason: CorruptReason): void {
    this.#counters.rxCorrupt[reason] += 1;
    this.#options.onResult({ kind: 'corrupt', reason });
  }
}
