// /metrics on a listener of its own, so that scraping needs no key and the API port exposes nothing. Where it can be reached
// from other machines a guard asks for one.
import { createServer, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Monitoring } from './registry.ts';

export interface MetricsListener {
  /** Of the metrics page. */
  readonly url: string;
  close(): Promise<void>;
}

export interface ListenAt {
  host: string;
  /** 0 takes a free one. */
  port: number;
  tls?: { cert: string | Buffer; key: string | Buffer };
  /** The status that refuses a scrape, or null. */
  guard?: (authorization: string | undefined, address: string) => Promise<401 | 403 | null>;
}

/** Rejects with the error of listen(). */
export async function listenForScrapes(
  monitoring: Pick<Monitoring, 'render' | 'contentType'>,
  at: ListenAt,
): Promise<MetricsListener> {
  const listener: RequestListener = (request, response) => {
    if (request.url?.split('?')[0] !== '/metrics') {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('The metrics are at /metrics.\n');
      return;
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { allow: 'GET, HEAD' }).end();
      return;
    }
    const guarded = at.guard?.(request.headers.authorization, request.socket.remoteAddress ?? '');
    answer(guarded).then(
      ({ status, text, type }) =>
        response
          .writeHead(status, {
            'content-type': type,
            'cache-control': 'no-store',
            ...(status === 401 && { 'www-authenticate': 'Bearer realm="thermoloop"' }),
          })
          .end(text),
      () =>
        response.writeHead(500, { 'content-type': 'text/plain' }).end('The metrics cannot be read now.\n'),
    );
  };
  const answer = async (
    guarded: Promise<401 | 403 | null> | undefined,
  ): Promise<{ status: number; text: string; type: string }> => {
    const refused = (await guarded) ?? null;
    return refused === null
      ? { status: 200, text: await monitoring.render(), type: monitoring.contentType }
      : { status: refused, text: 'Reading the metrics needs a key with metrics:read.\n', type: 'text/plain' };
  };
  const server = at.tls === undefined ? createServer(listener) : createTlsServer(at.tls, listener);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(at.port, at.host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  const { port } = server.address() as AddressInfo;
  const host = at.host.includes(':') ? `[${at.host}]` : at.host;
  return {
    url: `${at.tls === undefined ? 'http' : 'https'}://${host}:${port}/metrics`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
