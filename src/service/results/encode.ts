// One pass over the samples of a job: checks the stored bytes against their digests, makes the file where it is made whole,
// and finds length, digest and check sums. Runs in the request when it is small, else in the thread.
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { StoreError, digestOf } from '../../store/index.ts';
import type { SampleFormat } from './formats.ts';
import { npySegments, npzMembers, npzSegments, rawSegments } from './layout.ts';
import { readSegments, type BlobReader, type Segment } from './segments.ts';
import { asCsv, asJson } from './text.ts';
import type { EncodeTask, Encoded, SampleLayout, SampleSource } from './source.ts';

/** The segments of a format that has some; null for those that are made whole. */
export function segmentsOf(
  format: SampleFormat,
  layout: SampleLayout,
  crc32s: readonly number[],
): Segment[] | null {
  if (format === 'raw') return rawSegments(layout);
  if (format === 'npy') return npySegments(layout);
  return format === 'npz' ? npzSegments(layout, crc32s) : null;
}

/** @throws {StoreError} corrupt-blob when the stored bytes are not those that were stored */
export async function encodeSamples({ format, source, layout }: EncodeTask): Promise<Encoded> {
  verify(source);
  const body = await whole(format, source);
  if (body !== null) return { facts: { bytes: body.length, sha256: sha256([body]), crc32: [] }, body };
  const read: BlobReader = async (of, from, to) =>
    (of === 'codes' ? source.codes : heatOf(source)).subarray(from, to);
  const sums: number[] = [];
  if (format === 'npz')
    for (const member of npzMembers(layout)) {
      let sum = 0;
      for await (const piece of readSegments(member.segments, read)) sum = crc32(piece, sum);
      sums.push(sum);
    }
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const piece of readSegments(segmentsOf(format, layout, sums) ?? [], read)) {
    hash.update(piece);
    bytes += piece.length;
  }
  return { facts: { bytes, sha256: hash.digest('base64'), crc32: sums }, body: null };
}

async function whole(format: SampleFormat, source: SampleSource): Promise<Uint8Array | null> {
  if (format === 'json') return Buffer.from(asJson(source));
  if (format === 'csv') return Buffer.from(asCsv(source));
  if (format !== 'arrow' && format !== 'parquet') return null;
  const { asArrow, asParquet } = await import('./tables.ts');
  return format === 'arrow' ? asArrow(source) : asParquet(source);
}

function verify({ codes, heat, provenance }: SampleSource): void {
  const parts: [Uint8Array | null, string | null][] = [
    [codes, provenance.samplesDigest],
    [heat, provenance.heatDigest],
  ];
  for (const [bytes, digest] of parts)
    if (bytes !== null && digest !== null && digestOf(bytes) !== digest)
      throw new StoreError(
        'corrupt-blob',
        `what is stored as ${digest} (${bytes.length} bytes) has another digest`,
      );
}

function heatOf({ heat }: SampleSource): Uint8Array {
  return heat ?? new Uint8Array(0);
}

function sha256(pieces: Uint8Array[]): string {
  const hash = createHash('sha256');
  for (const piece of pieces) hash.update(piece);
  return hash.digest('base64');
}
