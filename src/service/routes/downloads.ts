// Downloads: choosing a format by Accept, and bytes with their digest (RFC 9530).
import { createHash } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ProblemError } from '../problems/problem.ts';

/**
 * The offered format that Accept likes best; the first one without Accept.
 * @throws {ProblemError} not-acceptable, with what is offered
 */
export function chooseFormat<F extends string>(request: FastifyRequest, offered: readonly F[]): F {
  const ranges = (request.headers.accept ?? '*/*').split(',').map(parseRange);
  const weightOf = (format: string): number => {
    // The most specific range that fits decides (RFC 9110, 12.5.1).
    const fits = ranges.filter(({ range }) => covers(range, format));
    fits.sort((a, b) => specificity(b.range) - specificity(a.range));
    return fits[0]?.weight ?? 0;
  };
  const best = offered
    .map((format) => ({ format, weight: weightOf(format) }))
    .reduce((a, b) => (b.weight > a.weight ? b : a));
  if (best.weight > 0) return best.format;
  throw new ProblemError('not-acceptable', `Nothing in "${request.headers.accept}" is offered here.`, {
    offered: [...offered],
  });
}

function parseRange(text: string): { range: string; weight: number } {
  const [range, ...parameters] = text
    .trim()
    .toLowerCase()
    .split(/\s*;\s*/);
  const quality = parameters.find((p) => p.startsWith('q='));
  const weight = quality === undefined ? 1 : Number(quality.slice(2));
  return { range, weight: Number.isFinite(weight) ? weight : 0 };
}

function covers(range: string, format: string): boolean {
  return range === '*/*' || range === format || range === `${format.split('/')[0]}/*`;
}

function specificity(range: string): number {
  return range === '*/*' ? 0 : range.endsWith('/*') ? 1 : 2;
}

/** Sends bytes as they are, with Repr-Digest and a file name. @param sha256 base64, where it is known already */
export function sendBytes(
  reply: FastifyReply,
  bytes: Uint8Array,
  type: string,
  fileName: string,
  sha256 = createHash('sha256').update(bytes).digest('base64'),
): never {
  // The typed reply knows the JSON form alone; bytes and ready text pass Fastify unserialised.
  return reply
    .type(type)
    .headers({ 'repr-digest': `sha-256=:${sha256}:`, vary: 'accept' })
    .header('content-disposition', `attachment; filename="${fileName}"`)
    .send(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)) as never;
}
