// What a caller asks of a transfer and gets back, in terms of the link: images, schedules, records.

export interface LoadOptions {
  kind: 'program' | 'field';
  /**
   * SHA-256 of the image, hexadecimal, where it is known already; absent: it is taken here. The device compares what
   * arrives with it, so a wrong one is found.
   */
  id?: string;
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
  /** A header before each record: index, device time, quality. Needs a device with feature RECORD_HEADER. */
  recordHeader?: boolean;
  /**
   * What the device does when its ring is full: `pause`, the default, stops sampling; `drop-with-gap` goes on, and tells
   * in the log what was lost. The latter needs `recordHeader` and a device with feature DROP_WITH_GAP.
   */
  onFull?: 'pause' | 'drop-with-gap';
}

/** Levels that one ReadReference has room for (link.options). */
export const REFERENCE_LEVELS_MAX = 16;

/** Channels read the device's converter reference instead of the units; no program is needed. */
export interface ReferenceRunRequest {
  units: number;
  /** Records, each with one read for each level. */
  samples: number;
  /** Over the largest level of the reference, -1..1; at most REFERENCE_LEVELS_MAX. */
  levels_ratio: readonly number[];
  /** Twins only. */
  seed?: bigint;
}

export interface RunOptions {
  /**
   * Whole records, in order, each once, with their headers if they have any; provisional until run() resolves. The view
   * is valid during the call only as long as the caller does not change it. A run with gaps ends before `totalBytes`.
   */
  onRecords?(bytes: Uint8Array, receivedBytes: number, totalBytes: number): void;
  /** Abort stops the run on the device and rejects with `cancelled`. */
  signal?: AbortSignal;
}

export interface RunResult {
  /** All records in sample order, as the device sent them. */
  bytes: Uint8Array;
  /** SHA-256 over `bytes`, hexadecimal, equal to what the device computed. */
  digest: string;
  /** Bytes of a record with its header. */
  recordBytes: number;
  /** Samples ordered. */
  samples: number;
  /** The records taken apart, for a run with `recordHeader`: its samples and `lostSamples` add up to `samples`. */
  headed?: HeadedRecords;
}

/** What the device says of one sample. */
export interface RecordHeader {
  /** Number of the sample in the run, from 0. */
  index: number;
  /** When its last read was done, microseconds since the device booted. */
  time_us: number;
  /** Some code of it stands at an end of the converter. */
  isSaturated: boolean;
}

/** Samples [firstSample, firstSample + lostSamples) were taken and could not be kept. */
export interface SampleGap {
  firstSample: number;
  lostSamples: number;
  /** When the last of them was taken, microseconds since the device booted. */
  time_us: number;
}

export interface HeadedRecords {
  /** One of each sample that arrived, ascending by index. */
  headers: RecordHeader[];
  /** Codes of these samples without headers, in the same order: what a run without headers gives as `bytes`. */
  states: Uint8Array;
  gaps: SampleGap[];
  lostSamples: number;
}
