// What a caller asks of a transfer and gets back, in terms of the link: images, schedules, records.

export interface LoadOptions {
  kind: 'program' | 'field';
  /** Units of the image, stated to the device as its layout. */
  units: number;
  /** Program bank, or field slot for a field; without it a free program bank is chosen, and field slot 0. */
  bank?: number;
  /** False: never a patch, always the image. Default: a patch against what the device holds, when that is less. */
  patch?: boolean;
  /** Bytes that have arrived, of the image or of the patch that stands for it. */
  onProgress?(sentBytes: number, totalBytes: number): void;
  signal?: AbortSignal;
}

export interface LoadOutcome {
  /** SHA-256 of the image, hexadecimal. */
  programId: string;
  /** Bytes of image and patch put on the wire, repeats included. */
  sentBytes: number;
  /** True when the device had the whole image already. */
  skipped: boolean;
  /** True when a patch brought it. */
  patched: boolean;
  duration_ms: number;
}

/** One phase of a schedule (section 5.4); times are nanoseconds of the device clock. */
export interface PhaseRequest {
  duration_ns: number;
  /** Couplings and biases of the active program act. */
  coupled: boolean;
  /** Field image by hexadecimal id, with its ramp over the phase as ratios of the image (1.0 = as loaded). */
  field?: { id: string; from_ratio: number; to_ratio: number };
  /** Noise-temperature code; 0 or absent: the program's own. */
  noiseTemperatureCode?: number;
  /** Reads at every multiple within (0, duration]. */
  readEvery_ns?: number;
  /** Single reads, ascending, within [0, duration]; at most 2. */
  readAt_ns?: readonly number[];
}

export interface RunRequest {
  /** Hexadecimal id of the program, which must be active. */
  programId: string;
  /** Independent restarts of the schedule. */
  samples: number;
  initial: 'zero' | 'keep' | 'field';
  phases: readonly PhaseRequest[];
  /** Twins only. */
  seed?: bigint;
  /** Integration step of a twin; absent: its default. */
  step_ns?: number;
}

export interface RunOptions {
  /**
   * Whole records, in order, each once; provisional until run() resolves. The view is valid during the call only as
   * long as the caller does not change it.
   */
  onRecords?(bytes: Uint8Array, receivedBytes: number, totalBytes: number): void;
  /** Abort stops the run on the device and rejects with `cancelled`. */
  signal?: AbortSignal;
}

export interface RunResult {
  /** All records in sample order. */
  bytes: Uint8Array;
  /** SHA-256 over `bytes`, hexadecimal, equal to what the device computed. */
  digest: string;
  recordBytes: number;
  samples: number;
}
