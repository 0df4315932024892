// The public face of certificates: everything above imports from here.
export {
  addendumSchema,
  driftSide,
  driftSides,
  signAddendum,
  verifyAddendum,
  type AddendumFacts,
  type CertificateAddendum,
  type DriftSide,
} from './addendum.ts';
export { canonicalJson } from './canonical.ts';
export { CERTIFICATE_BYTES_MAX, signCertificate, verifyCertificate } from './certificate.ts';
export type { CertificateSigner } from './certificate.ts';
export { CertificateError, type CertificateErrorCode } from './errors.ts';
export { keyIdOf, readPublicKeys } from './keys.ts';
export { samplesBytesMax, verifySamples } from './samples.ts';
export { ALGORITHM, certificateSchema, publicKeysSchema } from './schema.ts';
export type { Certificate, CertificateFacts, CertificatePublicKey, CertificatePublicKeys } from './schema.ts';
