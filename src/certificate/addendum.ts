// What became known after a certificate was signed: on which side of a change of the chip its samples lie. Signed by itself, beside
// the certificate, which stays as it is. No I/O.
import { verify, type KeyObject } from 'node:crypto';
import { z } from 'zod';
import { canonicalJson } from './canonical.ts';
import type { CertificateSigner } from './certificate.ts';
import { CertificateError } from './errors.ts';
import { ALGORITHM } from './schema.ts';

export const ADDENDUM_TYPE = 'thermoloop-certificate-addendum';
export const ADDENDUM_VERSION = 1;

const time = z.string().meta({ format: 'date-time', description: 'RFC 3339, UTC' });

/**
 * `before`: the job had ended before the last good probe; `after`: it began after the alarm; `uncertain`: in between, when the change
 * happened.
 */
export const driftSides = ['before', 'uncertain', 'after'] as const;
export type DriftSide = (typeof driftSides)[number];

export const addendumSchema = z
  .object({
    type: z.literal(ADDENDUM_TYPE),
    version: z.literal(ADDENDUM_VERSION),
    job: z.object({
      id: z.string(),
      startedAt: time,
      finishedAt: time,
      samplesDigest: z.string().meta({ description: 'As in the certificate' }),
    }),
    drift: z.object({
      event: z.string(),
      device: z.string(),
      deviceUid: z.string(),
      quantity: z.string(),
      element: z.string().nullable(),
      value_ratio: z.number(),
      stderr_ratio: z.number(),
      z: z.number(),
      lastGood: time.meta({ description: 'The change happened between this' }),
      alarm: time.meta({ description: 'and this' }),
    }),
    ranges: z
      .array(
        z.object({
          from: z.int().nonnegative(),
          to: z.int().nonnegative().meta({ description: 'The first sample that is no more in it' }),
          side: z.enum(driftSides),
        }),
      )
      .meta({ description: 'All samples of the job' }),
    issued: z.object({ at: time, serviceVersion: z.string() }),
    signature: z.object({ algorithm: z.string(), key: z.string(), value: z.string() }).meta({
      description: 'As of a certificate: Ed25519 over the canonical JSON of all but signature.value',
    }),
  })
  .meta({ id: 'CertificateAddendum' });

export type CertificateAddendum = z.infer<typeof addendumSchema>;
export type AddendumFacts = Omit<CertificateAddendum, 'signature' | 'type' | 'version'>;

/** On which side of [lastGood, alarm] a job lies that ran from `from_ms` to `to_ms`. */
export function driftSide(
  job: { from_ms: number; to_ms: number },
  event: { lastGood_ms: number; alarm_ms: number },
): DriftSide {
  if (job.to_ms <= event.lastGood_ms) return 'before';
  return job.from_ms >= event.alarm_ms ? 'after' : 'uncertain';
}

/** The text of an addendum: canonical JSON and a line end. */
export function signAddendum(facts: AddendumFacts, { keyId, sign }: CertificateSigner): string {
  const signature = { algorithm: ALGORITHM, key: keyId };
  const unsigned = { ...facts, type: ADDENDUM_TYPE, version: ADDENDUM_VERSION, signature };
  const value = Buffer.from(sign(Buffer.from(canonicalJson(unsigned)))).toString('base64url');
  return `${canonicalJson({ ...unsigned, signature: { ...signature, value } })}\n`;
}

/**
 * The addendum in a text, if one of `keys` signed exactly it.
 * @throws {CertificateError}
 */
export function verifyAddendum(text: string, keys: ReadonlyMap<string, KeyObject>): CertificateAddendum {
  const { value, addendum } = parse(text.replace(/\n$/, ''));
  const { key: id, value: stated, ...rest } = addendum.signature;
  const key = keys.get(id);
  if (key === undefined) throw new CertificateError('unknown-key', `it is signed with ${id}`);
  const signed = canonicalJson({ ...value, signature: { ...rest, key: id } });
  const signature = Buffer.from(stated, 'base64url');
  const isSpelledOnce = signature.toString('base64url') === stated;
  if (isSpelledOnce && verify(null, Buffer.from(signed), key, signature)) return addendum;
  throw new CertificateError('bad-signature', `the signature is not that of ${id} over these facts`);
}

function parse(text: string): { value: object; addendum: CertificateAddendum } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new CertificateError('malformed-certificate', 'it is not complete JSON', error);
  }
  const parsed = addendumSchema.safeParse(value);
  if (!parsed.success) {
    const [{ path, message }] = parsed.error.issues;
    throw new CertificateError('malformed-certificate', `/${path.join('/')}: ${message}`);
  }
  if (canonicalJson(value) !== text)
    throw new CertificateError(
      'not-canonical',
      'it is not, byte for byte, the canonical JSON of its content',
    );
  return { value: value as object, addendum: parsed.data };
}
