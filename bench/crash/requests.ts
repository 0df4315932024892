// Requests that know whether they were answered in full: the only meaning of "acknowledged" (a 2xx whose last byte came).
import { createHash } from 'node:crypto';

export interface Answer {
  status: number;
  bytes: Uint8Array;
}

export interface Outgoing {
  method: string;
  path: string;
  body?: object;
  headers?: Record<string, string>;
}

const TIMEOUT_MS = 30_000;

/** Null when no whole answer came: the connection was cut, refused, or silent for half a minute. */
export async function ask(url: string, key: string, request: Outgoing): Promise<Answer | null> {
  const { method, path, body, headers } = request;
  try {
    const response = await fetch(`${url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${key}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    return { status: response.status, bytes: new Uint8Array(await response.arrayBuffer()) };
  } catch {
    return null;
  }
}

export const isOk = ({ status }: Answer): boolean => status >= 200 && status < 300;

export function jsonOf<T>({ bytes }: Answer): T {
  return JSON.parse(Buffer.from(bytes).toString('utf8')) as T;
}

export const sha256 = (bytes: Uint8Array | string): string =>
  createHash('sha256').update(bytes).digest('hex');

/** All items of a list, page by page. @throws when the service does not answer */
export async function listAll<T>(url: string, key: string, path: string): Promise<T[]> {
  const items: T[] = [];
  for (let cursor = ''; ;) {
    const page = await ask(url, key, { method: 'GET', path: `${path}?limit=500${cursor}` });
    if (page === null || !isOk(page))
      throw new Error(`${path} was answered with ${page?.status ?? 'nothing'}`);
    const { items: more, nextCursor } = jsonOf<{ items: T[]; nextCursor: string | null }>(page);
    items.push(...more);
    if (nextCursor === null) return items;
    cursor = `&cursor=${encodeURIComponent(nextCursor)}`;
  }
}
