// Signing the facts of a job, and deciding whether a file is what a service signed. No I/O: bytes and keys come in.
import { verify, type KeyObject } from 'node:crypto';
import { canonicalJson } from './canonical.ts';
import { CertificateError } from './errors.ts';
import {
  ALGORITHM,
  CERTIFICATE_TYPE,
  CERTIFICATE_VERSION,
  certificateSchema,
  type Certificate,
  type CertificateFacts,
} from './schema.ts';

/** Certificates are a few kB; the longest schedule and labels stay far below. */
export const CERTIFICATE_BYTES_MAX = 2 ** 20;

/** Signs bytes with an Ed25519 key that stays where it is. */
export interface CertificateSigner {
  keyId: string;
  sign: (bytes: Uint8Array) => Uint8Array;
}

/** The text of a certificate: canonical JSON and a line end. The same facts and key give the same text (RFC 8032). */
export function signCertificate(facts: CertificateFacts, { keyId, sign }: CertificateSigner): string {
  const unsigned = {
    ...facts,
    type: CERTIFICATE_TYPE,
    version: CERTIFICATE_VERSION,
    signature: { algorithm: ALGORITHM, key: keyId },
  };
  const value = Buffer.from(sign(Buffer.from(canonicalJson(unsigned)))).toString('base64url');
  return `${canonicalJson({ ...unsigned, signature: { ...unsigned.signature, value } })}\n`;
}

/**
 * The certificate in `bytes`, if one of `keys` signed exactly these bytes (a missing line end is forgiven).
 * @throws {CertificateError}
 */
export function verifyCertificate(bytes: Uint8Array, keys: ReadonlyMap<string, KeyObject>): Certificate {
  const { certificate, signed } = parse(bytes);
  const { key: id, value } = certificate.signature;
  const key = keys.get(id);
  if (key === undefined)
    throw new CertificateError(
      'unknown-key',
      `it is signed with ${id}; given are: ${[...keys.keys()].join(', ') || 'none'}`,
    );
  const signature = Buffer.from(value, 'base64url');
  // The last digit of base64url has spare bits: another spelling of the same bytes is another file.
  const isSpelledOnce = signature.toString('base64url') === value;
  if (isSpelledOnce && verify(null, Buffer.from(signed), key, signature)) return certificate;
  throw new CertificateError('bad-signature', `the signature is not that of ${id} over these facts`);
}

function parse(bytes: Uint8Array): { certificate: Certificate; signed: string } {
  if (bytes.length > CERTIFICATE_BYTES_MAX)
    throw new CertificateError(
      'malformed-certificate',
      `${bytes.length} bytes are no certificate: they have at most ${CERTIFICATE_BYTES_MAX}`,
    );
  const { text, value } = decode(bytes);
  const head = value as { type?: unknown; version?: unknown; signature?: { algorithm?: unknown } } | null;
  if (head === null || typeof head !== 'object' || head.type !== CERTIFICATE_TYPE)
    throw new CertificateError('malformed-certificate', `it does not say "type": "${CERTIFICATE_TYPE}"`);
  if (head.version !== CERTIFICATE_VERSION)
    throw new CertificateError('unknown-version', `its version is ${JSON.stringify(head.version)}, not 1`);
  const algorithm = head.signature?.algorithm;
  if (typeof algorithm === 'string' && algorithm !== ALGORITHM)
    throw new CertificateError('foreign-algorithm', `it is signed with ${JSON.stringify(algorithm)}`);
  const parsed = certificateSchema.safeParse(value);
  if (!parsed.success) {
    const [{ path, message }] = parsed.error.issues;
    throw new CertificateError('malformed-certificate', `/${path.join('/')}: ${message}`);
  }
  // Also ends what a parser would pass over: members given twice, digits that no number keeps, white space.
  if (canonicalJson(value) !== text)
    throw new CertificateError(
      'not-canonical',
      'it is not, byte for byte, the canonical JSON of its content',
    );
  const { value: _value, ...signature } = (value as { signature: { value: string } }).signature;
  return { certificate: parsed.data, signed: canonicalJson({ ...(value as object), signature }) };
}

function decode(bytes: Uint8Array): { text: string; value: unknown } {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes).replace(/\n$/, '');
    return { text, value: JSON.parse(text) as unknown };
  } catch (error) {
    throw new CertificateError('malformed-certificate', 'it is not complete JSON in UTF-8', error);
  }
}
