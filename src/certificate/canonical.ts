// Canonical JSON (RFC 8785): one text for one value, so that a signature is over the value and any language can make
// the same bytes. No white space; members sorted by the UTF-16 code units of their names; numbers and strings as
// ECMAScript writes them, which is what the RFC prescribes.
import { CertificateError } from './errors.ts';

/** Deeper values are no certificate, and would exhaust the stack. */
const DEPTH_MAX = 32;

/**
 * Members that are undefined are left out, as JSON.stringify does.
 * @throws {CertificateError} malformed-certificate: not finite, not JSON, lone surrogates, or nested too deep
 */
export function canonicalJson(value: unknown, depth = 0): string {
  if (depth > DEPTH_MAX) throw refuse(`it is nested deeper than ${DEPTH_MAX}`);
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw refuse('a number is not finite');
    return JSON.stringify(value);
  }
  if (typeof value === 'string') return text(value);
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item, depth + 1)).join(',')}]`;
  if (typeof value !== 'object') throw refuse(`a ${typeof value} is not JSON`);
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, member]) => `${text(name)}:${canonicalJson(member, depth + 1)}`);
  return `{${members.join(',')}}`;
}

function text(value: string): string {
  if (!value.isWellFormed()) throw refuse('a text is not well-formed Unicode');
  return JSON.stringify(value);
}

function refuse(why: string): CertificateError {
  return new CertificateError('malformed-certificate', `this cannot be canonical JSON: ${why}`);
}
