// Verifies a certificate file against keys, and then the samples file against the certificate.
import {
  CERTIFICATE_BYTES_MAX,
  readPublicKeys,
  samplesBytesMax,
  verifyCertificate,
  verifySamples,
  type Certificate,
} from '../../certificate/index.ts';
import { readBounded, readKeyText } from './files.ts';

export interface Verified {
  certificate: Certificate;
  /** Parts of the samples file that were compared; null when none was given. */
  compared: string[] | null;
}

/** @throws {CertificateError} not to be believed, {CheckError} could not be checked */
export async function verifyFiles(given: {
  file: string;
  publicKey: string;
  samples?: string;
}): Promise<Verified> {
  const keys = readPublicKeys(await readKeyText(given.publicKey));
  const certificate = verifyCertificate(await readBounded(given.file, CERTIFICATE_BYTES_MAX), keys);
  if (given.samples === undefined) return { certificate, compared: null };
  // Only now: how long the file may be is believed from a signed certificate alone.
  const bytes = await readBounded(given.samples, samplesBytesMax(certificate));
  return { certificate, compared: verifySamples(certificate, bytes) };
}
