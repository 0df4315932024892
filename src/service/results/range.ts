// Range requests (RFC 9110, section 14): one range of bytes; anything else is answered with the whole file, as the RFC allows.

export interface ByteRange {
  /** First byte. */
  from: number;
  /** After the last one. */
  to: number;
}

/** `all` where there is no range to serve; `unsatisfiable` where there is nothing in it. */
export type RangeAnswer = { kind: 'all' } | { kind: 'unsatisfiable' } | ({ kind: 'part' } & ByteRange);

const ALL: RangeAnswer = { kind: 'all' };
const UNSATISFIABLE: RangeAnswer = { kind: 'unsatisfiable' };

/**
 * @param header Range as it came; several ranges, other units and what cannot be read are ignored
 * @param length of the file
 * @param ifRange If-Range as it came: the range is served only when it is this strong tag
 */
export function parseRange(
  header: string | undefined,
  length: number,
  ifRange: { given: string | undefined; etag: string },
): RangeAnswer {
  if (header === undefined) return ALL;
  if (ifRange.given !== undefined && ifRange.given.trim() !== ifRange.etag) return ALL;
  const match = /^bytes=[ \t]*(\d{0,15})-(\d{0,15})[ \t]*$/i.exec(header);
  if (match === null) return ALL;
  const [, first, last] = match;
  if (first === '') return last === '' ? ALL : suffix(Number(last), length);
  const from = Number(first);
  if (last !== '' && Number(last) < from) return ALL;
  if (from >= length) return UNSATISFIABLE;
  return { kind: 'part', from, to: last === '' ? length : Math.min(Number(last) + 1, length) };
}

function suffix(count: number, length: number): RangeAnswer {
  if (count === 0 || length === 0) return UNSATISFIABLE;
  return { kind: 'part', from: Math.max(0, length - count), to: length };
}
