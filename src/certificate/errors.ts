// The one error of the certificate floor: why a certificate, a key or a samples file is not believed.

const REMEDY = {
  'malformed-certificate': 'Fetch the file again with GET /v1/jobs/{id}/certificate; it must arrive whole.',
  'not-canonical':
    'Keep the file as the service sent it: fetch it again with GET /v1/jobs/{id}/certificate and do not reformat it.',
  'unknown-version': 'Verify it with the version of thermoloop that issued it, or a newer one.',
  'foreign-algorithm': 'Certificates are signed with Ed25519 alone: this one was not made by thermoloop.',
  'malformed-key': 'Give the answer of GET /v1/certificate-keys, or an Ed25519 public key in PEM.',
  'unknown-key':
    'Ask the operator of the service for its list of keys; if this key is not in it, do not believe the certificate.',
  'bad-signature':
    'The facts, the key or the signature were changed: fetch it again, and do not believe this file.',
  'malformed-samples': 'Give the file as GET /v1/jobs/{id}/samples sent it: JSON, .npy or .npz.',
  'samples-differ': 'The file belongs to another job or was changed: download the samples of this job again.',
} as const;
export type CertificateErrorCode = keyof typeof REMEDY;

export class CertificateError extends Error {
  override readonly name = 'CertificateError';
  readonly code: CertificateErrorCode;
  /** The same bytes are never believed later. */
  readonly retryable = false;
  readonly remedy: string;
  constructor(code: CertificateErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.remedy = REMEDY[code];
  }
}
