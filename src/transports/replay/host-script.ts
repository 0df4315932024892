// What the recorded host sent, and whether the present one sends the same. Byte for byte, but for runs of 0x00: a host
// puts one in front of a frame after a pause, and to a device an empty frame is nothing (docs/protocol.md, Stream).

const CONTEXT_BYTES = 12;

export interface Mismatch {
  /** Position in what the recorded host sent. */
  at_byte: number;
  /** Hexadecimal, from that byte on. */
  expected: string;
  actual: string;
}

/** Drops every 0x00 that follows another one, or nothing. */
class ZeroRuns {
  #isAfterZero = true;

  keep(byte: number): boolean {
    const isKept = byte !== 0 || !this.#isAfterZero;
    this.#isAfterZero = byte === 0;
    return isKept;
  }
}

export class HostScript {
  readonly #expected: Uint8Array;
  /** Of each kept byte the place in the recorded stream is needed only for a message: found again from the writes. */
  readonly #writes: readonly Uint8Array[];
  /** Kept bytes up to and including each write. */
  readonly #ends: number[] = [];
  readonly #runs = new ZeroRuns();
  #position = 0;

  constructor(writes: readonly Uint8Array[]) {
    this.#writes = writes;
    const kept = new Uint8Array(writes.reduce((sum, bytes) => sum + bytes.length, 0));
    const runs = new ZeroRuns();
    let length = 0;
    for (const bytes of writes) {
      for (const byte of bytes) if (runs.keep(byte)) kept[length++] = byte;
      this.#ends.push(length);
    }
    this.#expected = kept.subarray(0, length);
  }

  /** Whether everything up to and including this write has been sent. */
  hasSent(write: number): boolean {
    return this.#position >= this.#ends[write];
  }

  get isComplete(): boolean {
    return this.#position >= this.#expected.length;
  }

  /** Takes what the host sends; null while it is what was recorded. */
  take(bytes: Uint8Array): Mismatch | null {
    for (let i = 0; i < bytes.length; i += 1) {
      if (!this.#runs.keep(bytes[i])) continue;
      if (this.#position < this.#expected.length && this.#expected[this.#position] === bytes[i]) {
        this.#position += 1;
        continue;
      }
      return {
        at_byte: this.#recordedPlace(),
        expected: hex(this.#expected.subarray(this.#position)),
        actual: hex(bytes.subarray(i)),
      };
    }
    return null;
  }

  #recordedPlace(): number {
    const runs = new ZeroRuns();
    let kept = 0;
    let place = 0;
    for (const bytes of this.#writes) {
      for (const byte of bytes) {
        if (runs.keep(byte) && kept++ === this.#position) return place;
        place += 1;
      }
    }
    return place;
  }
}

function hex(bytes: Uint8Array): string {
  if (bytes.length === 0) return 'nothing';
  const text = Buffer.from(bytes.subarray(0, CONTEXT_BYTES))
    .toString('hex')
    .replace(/(..)(?=.)/g, '$1 ');
  return bytes.length > CONTEXT_BYTES ? `${text} ...` : text;
}
