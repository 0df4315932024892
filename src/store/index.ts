// The public face of the store: everything above imports from here.
export * from './errors.ts';
export * from './rows.ts';
export type * from './repositories.ts';
export type * from './device-use.ts';
export * from './webhooks.ts';
export * from './heat.ts';
export type * from './drift.ts';
export { mayBeTold } from './tables/webhooks.ts';
export { openStore } from './store.ts';
export type { StoreChange } from './dialect.ts';
export type { BlobsPlace, Store, StoreOptions } from './store.ts';
export {
  DELETION_GRACE_MS,
  GARBAGE_GRACE_MS,
  collectGarbage,
  releaseBlobs,
  sweep,
  type RetentionPolicy,
  type Swept,
} from './retention.ts';
export { writeBackup, type BackupOptions } from './backup/write.ts';
export { restoreBackup, type RestoreOptions } from './backup/restore.ts';
export type { BackupManifest, BackupStep } from './backup/format.ts';
export type { StorePlace } from './backup/source.ts';
export { openCertificateKeys } from './certificate-keys.ts';
export type { CertificateKeys, PublishedKey } from './certificate-keys.ts';
export { decodeModelContent, digestOf, encodeModelContent, modelDigest } from './model-content.ts';
export type { ModelContent } from './model-content.ts';
export { isUlid, ulidTime_ms } from './ulid.ts';
