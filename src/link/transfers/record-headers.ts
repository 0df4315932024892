// Records with headers (docs/protocol.md, section 6): taken apart, and held to their promise that every sample ordered is
// either here or counted as lost. Pure.
import { Feature } from '../messages/index.ts';
import { LinkError } from '../session/link-error.ts';
import type { HeadedRecords, RecordHeader, RunRequest, SampleGap } from './types.ts';

/** `index u32, time_us u48, quality flags u16`, little-endian. */
export const HEADER_BYTES = 12;
const LOST_BYTES = 4;
/** A GAP record has the number of samples lost as u32 behind its header. */
export const GAP_RECORD_BYTES_MIN = HEADER_BYTES + LOST_BYTES;

const FLAG_GAP = 1;
const FLAG_SATURATED = 2;
const U32 = 2 ** 32;

/** Throws LinkError `refused` when a run asks for what the device has not, or for gaps without headers to tell them. */
export function requireFeatures(
  { recordHeader = false, onFull = 'pause' }: Pick<RunRequest, 'recordHeader' | 'onFull'>,
  features: number,
): void {
  const drops = onFull === 'drop-with-gap';
  if (drops && !recordHeader) {
    throw new LinkError('refused', "onFull 'drop-with-gap' needs recordHeader: gaps are told in headers");
  }
  if (recordHeader && (features & Feature.RECORD_HEADER) === 0) {
    throw new LinkError('refused', 'the device gives no record headers: run without recordHeader');
  }
  if (drops && (features & Feature.DROP_WITH_GAP) === 0) {
    throw new LinkError('refused', "the device does not drop samples: run with onFull 'pause'");
  }
}

/**
 * Takes the log of a run apart: `bytes` holds whole records of `recordBytes`, `announcedGaps` is RunState.gaps.
 * Throws LinkError `data-loss` unless samples and gaps follow each other without a hole from 0 to `samples`.
 */
export function readHeadedRecords(
  bytes: Uint8Array,
  recordBytes: number,
  { samples, onFull = 'pause' }: Pick<RunRequest, 'samples' | 'onFull'>,
  announcedGaps: number,
): HeadedRecords {
  if (bytes.length % recordBytes !== 0) {
    throw dataLoss(`${bytes.length} bytes are no whole number of records of ${recordBytes}`);
  }
  const records = bytes.length / recordBytes;
  const codeBytes = recordBytes - HEADER_BYTES;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const states = new Uint8Array(records * codeBytes);
  const headers: RecordHeader[] = [];
  const gaps: SampleGap[] = [];
  let next = 0;
  for (let record = 0; record < records; record += 1) {
    const at = record * recordBytes;
    const index = view.getUint32(at, true);
    const time_us = view.getUint32(at + 4, true) + view.getUint16(at + 8, true) * U32;
    const flags = view.getUint16(at + 10, true);
    if (index !== next) throw dataLoss(`record ${record} is of sample ${index}, due was ${next}`);
    if ((flags & FLAG_GAP) !== 0) {
      const lostSamples = lostIn(view, at, record, onFull);
      gaps.push({ firstSample: index, lostSamples, time_us });
      next += lostSamples;
    } else {
      states.set(bytes.subarray(at + HEADER_BYTES, at + recordBytes), headers.length * codeBytes);
      headers.push({ index, time_us, isSaturated: (flags & FLAG_SATURATED) !== 0 });
      next += 1;
    }
  }
  if (next !== samples) throw dataLoss(`records and gaps speak of ${next} samples, ordered were ${samples}`);
  if (gaps.length !== announcedGaps) {
    throw dataLoss(`${gaps.length} gaps arrived, the device counts ${announcedGaps}`);
  }
  const lostSamples = samples - headers.length;
  return { headers, states: states.subarray(0, headers.length * codeBytes), gaps, lostSamples };
}

function lostIn(view: DataView, at: number, record: number, onFull: RunRequest['onFull']): number {
  if (onFull !== 'drop-with-gap') throw dataLoss(`record ${record} is a gap in a run that must not drop`);
  const lost = view.getUint32(at + HEADER_BYTES, true);
  if (lost === 0) throw dataLoss(`record ${record} is a gap of no samples`);
  return lost;
}

const dataLoss = (message: string): LinkError => new LinkError('data-loss', message);
