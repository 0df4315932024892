// Writes the log of a run: packs codes into records, heads each where that was ordered, and where the ring has no room and
// the run may drop, counts what is lost and puts a GAP record in its place (docs/protocol.md, section 6).
import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';
import { saturatedCodes } from '../../chip/thermal/index.ts';
import { packCodes, packedBytes } from '../images/packing.ts';
import { SampleRing } from './sample-ring.ts';

/** `index u32, time_us u48, quality flags u16`. */
export const HEADER_BYTES = 12;
/** A GAP record holds the number of samples lost as u32 behind its header. */
export const GAP_RECORD_BYTES_MIN = HEADER_BYTES + 4;

/** Quality flags of a record header. */
export const QualityFlag = { gap: 1, saturated: 2 } as const;

/** What of a plan shapes its log. */
export interface RecordShape {
  readonly units: number;
  readonly reads: number;
  readonly recordBytes: number;
  readonly totalBytes: number;
  readonly recordHeader: boolean;
  readonly dropWithGap: boolean;
  readonly run: { readonly samples: number };
}

/** Samples [first, first + lost) are lost, the last of them at `at_us`; no record says so yet. */
interface OpenGap {
  first: number;
  lost: number;
  at_us: bigint;
}

export class RecordLog {
  readonly ring: SampleRing;
  readonly #shape: RecordShape;
  readonly #hash: Hash = createHash('sha256');
  #open: OpenGap | null = null;
  #nextSample = 0;
  #gaps = 0;

  constructor(shape: RecordShape, ringBytes: number, hostWindowBytes: number) {
    this.#shape = shape;
    this.ring = new SampleRing(Math.min(ringBytes, shape.totalBytes), hostWindowBytes);
  }

  /** Samples taken so far, in the log or lost. */
  get nextSample(): number {
    return this.#nextSample;
  }
  get allSampled(): boolean {
    return this.#nextSample === this.#shape.run.samples;
  }
  /** GAP records in the log. */
  get gaps(): number {
    return this.#gaps;
  }
  /** Every sample is in the log or counted in it: nothing is appended any more. */
  get isWhole(): boolean {
    return this.allSampled && this.#open === null;
  }
  /** Records of samples that fit now; the GAP record of what is lost already goes first. */
  get roomSamples(): number {
    const records = Math.floor(this.ring.freeBytes / this.#shape.recordBytes);
    return Math.max(0, this.#open === null ? records : records - 1);
  }

  /**
   * Appends the next `samples` samples, codes [samples][reads][units], taken by `at_us`. What does not fit is lost when
   * the run may drop, and an error otherwise.
   */
  append(samples: number, codes: Int16Array, at_us: bigint): void {
    const kept = this.#shape.dropWithGap ? Math.min(samples, this.roomSamples) : samples;
    if (kept > 0) {
      this.#closeGap();
      this.#emit(this.#pack(kept, codes, at_us));
      this.#nextSample += kept;
    }
    if (kept < samples) this.#lose(samples - kept, at_us);
    this.settle();
  }

  /** Writes the GAP record of the last samples as soon as there is room for it. */
  settle(): void {
    if (this.allSampled && this.ring.freeBytes >= this.#shape.recordBytes) this.#closeGap();
  }

  /** SHA-256 over all bytes of the log; once. */
  digest(): Uint8Array {
    return this.#hash.digest();
  }

  #lose(samples: number, at_us: bigint): void {
    this.#open ??= { first: this.#nextSample, lost: 0, at_us };
    this.#open.lost += samples;
    this.#open.at_us = at_us;
    this.#nextSample += samples;
  }

  #closeGap(): void {
    const gap = this.#open;
    if (gap === null) return;
    const record = new Uint8Array(this.#shape.recordBytes);
    writeHeader(record, 0, gap.first, gap.at_us, QualityFlag.gap);
    new DataView(record.buffer).setUint32(HEADER_BYTES, gap.lost, true);
    this.#open = null;
    this.#gaps += 1;
    this.#emit(record);
  }

  #emit(records: Uint8Array): void {
    this.ring.append(records);
    this.#hash.update(records);
  }

  #pack(samples: number, codes: Int16Array, at_us: bigint): Uint8Array {
    const { reads, units, recordBytes, recordHeader } = this.#shape;
    const records = new Uint8Array(samples * recordBytes);
    const headerBytes = recordHeader ? HEADER_BYTES : 0;
    for (let sample = 0; sample < samples; sample++) {
      const at = sample * recordBytes;
      const from = sample * reads * units;
      if (recordHeader) {
        const isSaturated = saturatedCodes(codes.subarray(from, from + reads * units)) > 0;
        const flags = isSaturated ? QualityFlag.saturated : 0;
        writeHeader(records, at, this.#nextSample + sample, at_us, flags);
      }
      for (let read = 0; read < reads; read++) {
        packCodes(codes, from + read * units, units, records, at + headerBytes + read * packedBytes(units));
      }
    }
    return records;
  }
}

/** Puts `index u32, time_us u48, flags u16` at records[at ..). */
function writeHeader(records: Uint8Array, at: number, index: number, time_us: bigint, flags: number): void {
  const view = new DataView(records.buffer);
  view.setUint32(at, index, true);
  view.setUint32(at + 4, Number(time_us & 0xffffffffn), true);
  view.setUint16(at + 8, Number((time_us >> 32n) & 0xffffn), true);
  view.setUint16(at + 10, flags, true);
}
