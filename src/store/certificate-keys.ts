// The keys that sign certificates, as files of the data directory: the private one for this service alone, and the list of
// all public ones there ever were, so that old certificates stay verifiable.
import { createPrivateKey, createPublicKey, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { chmod, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { syncDirectory } from './blobs/files.ts';
import { StoreError, toStoreError } from './errors.ts';

const PRIVATE_FILE = 'certificate-key.pem';
const PUBLIC_FILE = 'certificate-keys.json';

/** A public key as it is published. */
export interface PublishedKey {
  id: string;
  algorithm: 'Ed25519';
  /** SPKI in PEM. */
  publicKey: string;
  /** RFC 3339. */
  createdAt: string;
}

export interface CertificateKeys {
  /** The id of the key that signs now. */
  readonly current: string;
  /** All that ever signed here, oldest first; the current one is among them. */
  readonly published: readonly PublishedKey[];
  sign(bytes: Uint8Array): Uint8Array;
}

export interface CertificateKeyOptions {
  /** A data directory that this process holds open. */
  dataDir: string;
  wall_ms: number;
  /** What a public key is called. */
  idOf: (publicKey: KeyObject) => string;
}

/**
 * Reads the keys; makes one when there is no private key (first start, or the file was removed to rotate).
 * A crash in between leaves a key that is not listed yet: the next start lists it, and it has signed nothing.
 * @throws {StoreError} storage-full, storage-failed: also for a file that is not what it should be, with the remedy
 */
export async function openCertificateKeys(options: CertificateKeyOptions): Promise<CertificateKeys> {
  const { dataDir, idOf, wall_ms } = options;
  try {
    const privateKey = await readOrMakePrivate(join(dataDir, PRIVATE_FILE));
    const publicKey = createPublicKey(privateKey);
    const current = idOf(publicKey);
    const published = await readPublished(join(dataDir, PUBLIC_FILE));
    if (!published.some(({ id }) => id === current)) {
      published.push({
        id: current,
        algorithm: 'Ed25519',
        publicKey: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
        createdAt: new Date(wall_ms).toISOString(),
      });
      await replace(join(dataDir, PUBLIC_FILE), `${JSON.stringify(published, null, 2)}\n`, 0o644);
    }
    return { current, published, sign: (bytes) => sign(null, bytes, privateKey) };
  } catch (error) {
    throw toStoreError(error, 'opening the certificate keys');
  }
}

async function readOrMakePrivate(path: string): Promise<KeyObject> {
  const pem = await readIfThere(path);
  if (pem === null) {
    const { privateKey } = generateKeyPairSync('ed25519');
    await replace(path, privateKey.export({ type: 'pkcs8', format: 'pem' }), 0o600);
    return privateKey;
  }
  const damaged = (cause?: unknown): StoreError =>
    new StoreError('storage-failed', `${path} is not an Ed25519 private key in PEM`, {
      cause,
      remedy: 'Restore the file from a backup, or move it away: the next start then makes a new key.',
    });
  await chmod(path, 0o600); // a copy from a backup may have come back open to others
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch (error) {
    throw damaged(error);
  }
  if (key.asymmetricKeyType !== 'ed25519') throw damaged();
  return key;
}

async function readPublished(path: string): Promise<PublishedKey[]> {
  const text = await readIfThere(path);
  if (text === null) return [];
  try {
    const list = JSON.parse(text) as PublishedKey[];
    const texts = (key: PublishedKey): unknown[] => [key.id, key.publicKey, key.createdAt];
    if (list.every((key) => texts(key).every((value) => typeof value === 'string'))) return list;
  } catch {
    // As a list of something else: not to be overwritten, the old public keys are nowhere else.
  }
  throw new StoreError('storage-failed', `${path} is not the list of public keys that was written`, {
    remedy: 'Restore the file from a backup: without it, older certificates cannot be verified from here.',
  });
}

async function readIfThere(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** All of the new text or all of the old one, whenever the machine stops. */
async function replace(path: string, text: string | Buffer, mode: number): Promise<void> {
  const temporary = `${path}.new`;
  await rm(temporary, { force: true });
  const file = await open(temporary, 'wx', mode);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  await syncDirectory(join(path, '..'));
}
