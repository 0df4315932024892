// The bytes of a run as they come together: put in place, hashed as far as they reach without a hole, and handed on as
// whole records.
import { createHash, type Hash } from 'node:crypto';

export class RecordBuffer {
  #bytes: Uint8Array;
  readonly #record_bytes: number;
  readonly #hash: Hash = createHash('sha256');
  #hashed_to = 0;
  #delivered_to = 0;

  constructor(total_bytes: number, record_bytes: number) {
    this.#bytes = new Uint8Array(total_bytes);
    this.#record_bytes = record_bytes;
  }

  /** All records in sample order, once the run is complete. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** The log ends here, before the size it might have had. */
  endsAt(total_bytes: number): void {
    this.#bytes = this.#bytes.subarray(0, total_bytes);
  }

  /** Stores bytes at their offset. What was hashed stays as it was hashed: a late copy must not change it. */
  put(offset: number, data: Uint8Array): void {
    const skip = Math.max(0, this.#hashed_to - offset);
    this.#bytes.set(data.subarray(skip), offset + skip);
  }

  /** Everything below `contiguous` is there: hashes it and returns the whole records that are new, or null. */
  consume(contiguous: number): { records: Uint8Array; received_bytes: number } | null {
    if (contiguous <= this.#hashed_to) return null;
    this.#hash.update(this.#bytes.subarray(this.#hashed_to, contiguous));
    this.#hashed_to = contiguous;
    const whole = contiguous - (contiguous % Math.max(1, this.#record_bytes));
    if (whole <= this.#delivered_to) return null;
    const records = this.#bytes.subarray(this.#delivered_to, whole);
    this.#delivered_to = whole;
    return { records, received_bytes: whole };
  }

  /** SHA-256 over all that was consumed, hexadecimal; once. */
  digest(): string {
    return this.#hash.digest('hex');
  }
}
