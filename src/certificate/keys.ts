// Public keys of certificates: their ids, and reading them from what a person has: the list of a service, or PEM.
import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import { CertificateError } from './errors.ts';
import { publicKeysSchema } from './schema.ts';

/** The id of a key is made from the key, so that a list cannot give a key another one's name. */
export function keyIdOf(publicKey: KeyObject): string {
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  return `tck_${createHash('sha256').update(spki).digest('hex').slice(0, 32)}`;
}

/**
 * Keys by id, from the JSON of GET /v1/certificate-keys or from one PEM.
 * @throws {CertificateError} malformed-key
 */
export function readPublicKeys(text: string): Map<string, KeyObject> {
  if (!text.trimStart().startsWith('{')) return byId([ed25519(text)]);
  const parsed = publicKeysSchema.safeParse(parseJson(text));
  if (!parsed.success) throw new CertificateError('malformed-key', 'this is not a list of certificate keys');
  const keys = byId(parsed.data.keys.map(({ publicKey }) => ed25519(publicKey)));
  for (const { id } of parsed.data.keys)
    if (!keys.has(id)) throw new CertificateError('malformed-key', `the key named ${id} has another id`);
  return keys;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new CertificateError('malformed-key', 'the list of keys is not complete JSON', error);
  }
}

function ed25519(pem: string): KeyObject {
  // createPublicKey would also take a private key, which nobody should hand around.
  if (pem.includes('PRIVATE')) throw new CertificateError('malformed-key', 'this is a private key');
  let key: KeyObject;
  try {
    key = createPublicKey(pem);
  } catch (error) {
    throw new CertificateError('malformed-key', 'this is not a public key in PEM', error);
  }
  if (key.asymmetricKeyType === 'ed25519') return key;
  throw new CertificateError('malformed-key', `the key is ${key.asymmetricKeyType}, not Ed25519`);
}

function byId(keys: KeyObject[]): Map<string, KeyObject> {
  return new Map(keys.map((key) => [keyIdOf(key), key]));
}
