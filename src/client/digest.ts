// Downloads are held to the digest that the service sends with them (RFC 9530).
import { damaged } from './arrays.ts';

/**
 * @param header of Repr-Digest; nothing is checked without one, nor where the platform has no digests (a page without TLS)
 * @throws {ClientError} damaged-download
 */
export async function verifyDigest(bytes: Uint8Array<ArrayBuffer>, header: string | null): Promise<void> {
  const expected = /sha-256=:([A-Za-z0-9+/=]+):/.exec(header ?? '')?.[1];
  const { subtle } = crypto as { subtle?: typeof crypto.subtle };
  if (expected === undefined || subtle === undefined) return;
  const sha256 = new Uint8Array(await subtle.digest('SHA-256', bytes));
  if (btoa(String.fromCharCode(...sha256)) !== expected)
    throw damaged('its SHA-256 is not the one announced');
}
