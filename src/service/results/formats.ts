// The formats that samples come in: one table of media types, names for `?format=`, and what each can do.

export interface SampleFormatEntry {
  /** As in Accept. */
  type: string;
  /** As in the answer, where it says more. */
  contentType?: string;
  extension: string;
  /** Range is served: the format is stored as it is sent, or made piece by piece (decisions 20). */
  ranges: boolean;
  /** More numbers than this are not offered in this format: it is made whole, in memory. */
  numbersMax: number;
}

/** About 20 MB of text and a second of work: what is larger is for the other formats. */
const TEXT_NUMBERS_MAX = 2_000_000;
/** 256 MB of float32. */
const TABLE_NUMBERS_MAX = 64 * 2 ** 20;
/** Ten seconds of work: its columns are packed. */
const PACKED_NUMBERS_MAX = 16 * 2 ** 20;
/** Sizes inside a zip are 32 bits wide. */
const ZIP_NUMBERS_MAX = 2 ** 30 - 2 ** 20;

/** In order of preference where Accept has none. */
export const sampleFormats = {
  json: {
    type: 'application/json',
    contentType: 'application/json; charset=utf-8',
    extension: 'json',
    ranges: false,
    numbersMax: TEXT_NUMBERS_MAX,
  },
  npy: { type: 'application/x-npy', extension: 'npy', ranges: true, numbersMax: Infinity },
  npz: { type: 'application/x-npz', extension: 'npz', ranges: true, numbersMax: ZIP_NUMBERS_MAX },
  csv: {
    type: 'text/csv',
    contentType: 'text/csv; charset=utf-8; header=present',
    extension: 'csv',
    ranges: false,
    numbersMax: TEXT_NUMBERS_MAX,
  },
  arrow: {
    type: 'application/vnd.apache.arrow.stream',
    extension: 'arrows',
    ranges: false,
    numbersMax: TABLE_NUMBERS_MAX,
  },
  parquet: {
    type: 'application/vnd.apache.parquet',
    extension: 'parquet',
    ranges: false,
    numbersMax: PACKED_NUMBERS_MAX,
  },
  raw: { type: 'application/octet-stream', extension: 'i16', ranges: true, numbersMax: Infinity },
} as const satisfies Record<string, SampleFormatEntry>;

export type SampleFormat = keyof typeof sampleFormats;
export const sampleFormatNames = Object.keys(sampleFormats) as [SampleFormat, ...SampleFormat[]];

export const entryOf = (format: SampleFormat): SampleFormatEntry => sampleFormats[format];

/** The formats that so many numbers are offered in. */
export function offeredFor(numbers: number): SampleFormat[] {
  return sampleFormatNames.filter((format) => numbers <= entryOf(format).numbersMax);
}
