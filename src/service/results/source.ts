// Samples on their way into a file, and the facts of the file that cost a pass over all of it. Plain data, so that it can
// cross to the thread.
import type { SampleFormat } from './formats.ts';
import type { Provenance } from './provenance.ts';

/** What every format is made from. */
export interface SampleSource {
  provenance: Provenance;
  /** int16 little-endian, [samples][reads][units]. */
  codes: Uint8Array;
  /** float64 little-endian, one per sample; null when none was recorded. */
  heat: Uint8Array | null;
}

/** The layout without the numbers: what segments are planned from. */
export type SampleLayout = Pick<SampleSource, 'provenance'> & {
  /** Put the provenance into a .npz. */
  withProvenance: boolean;
};

/** Known after one pass; small, kept. */
export interface FileFacts {
  bytes: number;
  /** Of the whole file, base64 as in Repr-Digest. */
  sha256: string;
  /** Of the members of a .npz, in their order. */
  crc32: number[];
}

export interface EncodeTask {
  format: SampleFormat;
  source: SampleSource;
  layout: SampleLayout;
}

/** `body` for formats that are made whole. */
export interface Encoded {
  facts: FileFacts;
  body: Uint8Array | null;
}
