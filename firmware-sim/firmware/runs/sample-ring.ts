// The tail of a run that can still be repeated: an append-only log of which the last bytes are kept until the host has
// consumed them, and what of it is to be sent next within the host's credit (link-protocol section 7).
import type { StreamCredit } from '../../../src/link/messages/index.ts';

/** Bytes to send; `replay` marks a repeat. */
export interface SampleSlice {
  offset: number;
  data: Uint8Array;
  replay: boolean;
}

interface Span {
  from: number;
  to: number;
}

export class SampleRing {
  readonly #memory: Uint8Array;
  #producedTo = 0;
  #sentTo = 0;
  #ackedTo = 0;
  #windowEnd: number;
  #replays: Span[] = [];

  /** `windowEnd`: bytes that the host takes before its first credit. */
  constructor(capacityBytes: number, windowEnd: number) {
    this.#memory = new Uint8Array(capacityBytes);
    this.#windowEnd = windowEnd;
  }

  get producedTo(): number {
    return this.#producedTo;
  }
  get sentTo(): number {
    return this.#sentTo;
  }
  get freeBytes(): number {
    return this.#memory.length - (this.#producedTo - this.#ackedTo);
  }

  /** Appends bytes; the caller has looked at freeBytes. */
  append(bytes: Uint8Array): void {
    if (bytes.length > this.freeBytes) throw new RangeError('the sample ring would lose bytes');
    const at = this.#producedTo % this.#memory.length;
    const first = Math.min(bytes.length, this.#memory.length - at);
    this.#memory.set(bytes.subarray(0, first), at);
    this.#memory.set(bytes.subarray(first), 0);
    this.#producedTo += bytes.length;
  }

  /** Takes a credit; lower values than before are ignored, ranges that were never sent or are freed too. */
  credit(credit: Pick<StreamCredit, 'ackedTo' | 'windowEnd' | 'missing'>): void {
    this.#ackedTo = Math.max(this.#ackedTo, Math.min(Number(credit.ackedTo), this.#sentTo));
    this.#windowEnd = Math.max(this.#windowEnd, Number(credit.windowEnd));
    this.#replays = credit.missing
      .map(({ from, to }) => ({
        from: Math.max(Number(from), this.#ackedTo),
        to: Math.min(Number(to), this.#sentTo),
      }))
      .filter(({ from, to }) => from < to);
  }

  /** The next bytes to send, repeats first, at most `most`; null when there is nothing or no credit. */
  next(most: number): SampleSlice | null {
    const replay = this.#replays[0];
    if (replay !== undefined) {
      const data = this.#read(replay.from, Math.min(replay.to, replay.from + most));
      const slice = { offset: replay.from, data, replay: true };
      replay.from += data.length;
      if (replay.from >= replay.to) this.#replays.shift();
      return slice;
    }
    const end = Math.min(this.#producedTo, this.#windowEnd, this.#sentTo + most);
    if (end <= this.#sentTo) return null;
    const slice = { offset: this.#sentTo, data: this.#read(this.#sentTo, end), replay: false };
    this.#sentTo = end;
    return slice;
  }

  #read(from: number, to: number): Uint8Array {
    const out = new Uint8Array(to - from);
    const at = from % this.#memory.length;
    const first = Math.min(out.length, this.#memory.length - at);
    out.set(this.#memory.subarray(at, at + first), 0);
    out.set(this.#memory.subarray(0, out.length - first), first);
    return out;
  }
}
