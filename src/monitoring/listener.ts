// /metrics on a listener of its own, so that scraping needs no key and the API port exposes nothing.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Monitoring } from './registry.ts';

export interface MetricsListener {
  /** Of the metrics page. */
  readonly url: string;
  close(): Promise<void>;
}

/** @param port 0 takes a free one. Rejects with the error of listen(). */
export async function listenForScrapes(
  monitoring: Pick<Monitoring, 'render' | 'contentType'>,
  at: { host: string; port: number },
): Promise<MetricsListener> {
  const server = createServer((request, response) => {
    if (request.url?.split('?')[0] !== '/metrics') {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('The metrics are at /metrics.\n');
      return;
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { allow: 'GET, HEAD' }).end();
      return;
    }
    monitoring.render().then(
      (text) => response.writeHead(200, { 'content-type': monitoring.contentType }).end(text),
      () =>
        response.writeHead(500, { 'content-type': 'text/plain' }).end('The metrics cannot be read now.\n'),
    );
  });
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
    url: `http://${host}:${port}/metrics`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
