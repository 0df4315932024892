// Sends a file of samples: entity tag, digests (RFC 9530), a range of it where the format has ranges, HEAD.
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Store } from '../../store/index.ts';
import { ProblemError, type ProblemExtras } from '../problems/problem.ts';
import { isKnown } from '../routes/common.ts';
import { segmentsOf } from './encode.ts';
import type { FileOf, SampleEncoder } from './encoder.ts';
import { entryOf } from './formats.ts';
import { asciiJson } from './provenance.ts';
import { parseRange, type ByteRange } from './range.ts';
import { lengthOf, readSegments, type BlobReader, type Segment } from './segments.ts';
import type { FileFacts } from './source.ts';

/** A part up to this size is read before it is sent, so that it can say its own digest. */
const PART_WITH_DIGEST_BYTES_MAX = 2 ** 20;

export interface SendParts {
  encoder: SampleEncoder;
  blobs: Store['blobs'];
  /** What a problem names. */
  about: ProblemExtras;
  /** Aborts when the client has gone. */
  signal: AbortSignal;
}

/**
 * Answers with the file, a part of it, or that the client has it.
 * @throws {ProblemError} range-not-satisfiable
 */
export async function sendFile(
  request: FastifyRequest,
  reply: FastifyReply,
  file: FileOf,
  parts: SendParts,
): Promise<never> {
  const { encoder } = parts;
  const isHead = request.method === 'HEAD';
  const { ranges, contentType, type, extension } = entryOf(file.format);
  const kept = encoder.known(file);
  // What is made whole is made again for a body, and its facts are enough for the rest.
  const { facts, body } =
    kept !== null && (ranges || isHead)
      ? { facts: kept, body: null }
      : await encoder.encode(file, parts.signal);
  const segments = ranges ? segmentsOf(file.format, file.layout, facts.crc32) : null;
  const { provenance } = file.layout;
  const has = isKnown(request, reply, facts.sha256);
  void reply
    .headers({ vary: 'accept', 'accept-ranges': ranges ? 'bytes' : 'none' })
    .header('thermoloop-provenance', asciiJson(provenance));
  if (has) return reply.code(304).send() as never;
  const digest = `sha-256=:${facts.sha256}:`;
  void reply
    .type(contentType ?? type)
    .header('repr-digest', digest)
    .header('content-disposition', `attachment; filename="samples-${provenance.job}.${extension}"`);
  if (file.format === 'raw')
    void reply.headers({
      'thermoloop-shape': provenance.shape.join(', '),
      'thermoloop-dtype': 'int16-le',
      'thermoloop-state-scale': String(provenance.stateScale),
    });
  const part = ranges ? rangeOf(request, reply, facts, parts.about) : null;
  if (part === null) void reply.headers({ 'content-digest': digest, 'content-length': facts.bytes });
  else {
    void reply.code(206).headers({
      'content-range': `bytes ${part.from}-${part.to - 1}/${facts.bytes}`,
      'content-length': part.to - part.from,
    });
  }
  // An empty stream: for a HEAD request Fastify would take the length of any other body.
  if (isHead) return reply.send(Readable.from([])) as never;
  if (segments === null) {
    const { buffer, byteOffset, byteLength } = body ?? new Uint8Array(0);
    return reply.send(Buffer.from(buffer, byteOffset, byteLength)) as never;
  }
  return sendSegments(reply, segments, readerOf(parts.blobs, file), part);
}

async function sendSegments(
  reply: FastifyReply,
  segments: Segment[],
  read: BlobReader,
  part: ByteRange | null,
): Promise<never> {
  const { from, to } = part ?? { from: 0, to: lengthOf(segments) };
  const pieces = readSegments(segments, read, from, to);
  if (to - from > PART_WITH_DIGEST_BYTES_MAX)
    return reply.send(Readable.from(pieces, { objectMode: false })) as never;
  const small: Uint8Array[] = [];
  for await (const piece of pieces) small.push(piece);
  const bytes = Buffer.concat(small);
  if (part !== null) {
    const sha256 = createHash('sha256').update(bytes).digest('base64');
    void reply.header('content-digest', `sha-256=:${sha256}:`);
  }
  return reply.send(bytes) as never;
}

function rangeOf(
  request: FastifyRequest,
  reply: FastifyReply,
  { bytes, sha256 }: FileFacts,
  about: ProblemExtras,
): ByteRange | null {
  const { range, 'if-range': given } = request.headers;
  const answer = parseRange(range, bytes, {
    given: typeof given === 'string' ? given : undefined,
    etag: `"${sha256}"`,
  });
  if (answer.kind === 'part') return answer;
  if (answer.kind === 'all') return null;
  for (const name of ['repr-digest', 'content-disposition']) reply.removeHeader(name);
  void reply.header('content-range', `bytes */${bytes}`);
  throw new ProblemError('range-not-satisfiable', `The file has ${bytes} bytes, and Range is ${range}.`, {
    ...about,
    length_bytes: bytes,
  });
}

/** Parts of the stored blobs. */
function readerOf(blobs: Store['blobs'], { layout }: FileOf): BlobReader {
  const { samplesDigest, heatDigest } = layout.provenance;
  return (of, from, to) => blobs.read(of === 'codes' ? samplesDigest : (heatDigest ?? ''), { from, to });
}
