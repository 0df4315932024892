// Reading what is to be verified: files of a bounded size, and keys from a file or from a service.
import { open } from 'node:fs/promises';

const KEYS_BYTES_MAX = 2 ** 20;
const FETCH_LIMIT_MS = 10_000;
const LOOPBACK = new Set(['127.0.0.1', 'localhost', '[::1]']);

/** It could not be checked: nothing is said about the certificate. */
export class CheckError extends Error {
  override readonly name = 'CheckError';
  readonly code = 'not-checked';
  readonly remedy: string;
  constructor(message: string, remedy: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.remedy = remedy;
  }
}

/** At most `max` + 1 bytes, so that what is too long is seen as such and not kept. @throws {CheckError} */
export async function readBounded(path: string, max: number): Promise<Uint8Array> {
  try {
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      // A pipe has no size; a file may be far longer than what is read of it.
      const bytes = new Uint8Array(Math.min(size === 0 ? max + 1 : size, max + 1));
      let length = 0;
      while (length < bytes.length) {
        const { bytesRead } = await file.read(bytes, length, bytes.length - length);
        if (bytesRead === 0) break;
        length += bytesRead;
      }
      return bytes.subarray(0, length);
    } finally {
      await file.close();
    }
  } catch (error) {
    throw new CheckError(
      `${path} cannot be read: ${(error as Error).message}`,
      'Check the name of the file.',
      error,
    );
  }
}

/** The text of a key file, or of a service's list of keys. @throws {CheckError} */
export async function readKeyText(source: string): Promise<string> {
  if (!/^https?:\/\//i.test(source))
    return new TextDecoder().decode(bounded(source, await readBounded(source, KEYS_BYTES_MAX)));
  if (!URL.canParse(source)) throw new CheckError(`${source} is not a URL`, 'Give a file, or https://...');
  const url = new URL(source);
  if (url.protocol === 'http:' && !LOOPBACK.has(url.hostname))
    throw new CheckError(
      `${source} is plain text over a network: anybody on the way could put in a key`,
      'Use https://, or a key file that you have from the operator.',
    );
  if (url.pathname === '/') url.pathname = '/v1/certificate-keys';
  return fetchText(url);
}

async function fetchText(url: URL): Promise<string> {
  const remedy = 'Check the address (.../v1/certificate-keys) and that the service runs, or give a key file.';
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(FETCH_LIMIT_MS), redirect: 'error' });
    if (!response.ok) throw new CheckError(`${url.href} answered ${response.status}`, remedy);
    const chunks: Uint8Array[] = [];
    let length = 0;
    for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
      chunks.push(chunk);
      length += chunk.length;
      if (length > KEYS_BYTES_MAX) break;
    }
    return new TextDecoder().decode(bounded(url.href, Buffer.concat(chunks)));
  } catch (error) {
    if (error instanceof CheckError) throw error;
    const { message, cause } = error as Error;
    const why = cause instanceof Error ? cause.message : message;
    throw new CheckError(`the keys at ${url.href} cannot be fetched: ${why}`, remedy, error);
  }
}

function bounded(source: string, bytes: Uint8Array): Uint8Array {
  if (bytes.length <= KEYS_BYTES_MAX) return bytes;
  throw new CheckError(
    `${source} is longer than ${KEYS_BYTES_MAX} bytes`,
    'Give the answer of GET /v1/certificate-keys.',
  );
}
