// The control channel of the twin: newline-delimited JSON-RPC 2.0 on a TCP port of this machine. Only a twin has one; the
// service learns of it from configuration, never from the link (a chip answers there and nowhere else).
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { refuse, serveConnection } from './connection.ts';
import { ControlError } from './methods.ts';
import type { ControlMethods } from './methods.ts';

export const CONNECTIONS_MAX = 8;

export interface ControlService {
  /** `host:port`, as a client names it. */
  readonly address: string;
  /** Closes every connection and the listener. Idempotent. */
  close(): Promise<void>;
}

/**
 * Serves methods on host:port (port 0: a free one). Who can reach it can break the twin on purpose, and nobody has to
 * present a key: so it listens on loopback addresses only. Rejects with ControlError `address-not-local`, `listen-failed`.
 */
export async function serveControl(
  methods: ControlMethods,
  { host, port }: { host: string; port: number },
): Promise<ControlService> {
  const local = localAddress(host);
  const sockets = new Set<Socket>();
  let served = 0;
  let count = 0;
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    if (served >= CONNECTIONS_MAX) {
      const remedy = 'Close one of them, or wait until one is closed.';
      const message = `${CONNECTIONS_MAX} connections are open already`;
      return refuse(socket, new ControlError('too-many-connections', message, { remedy, retryable: true }));
    }
    served += 1;
    socket.once('close', () => (served -= 1));
    serveConnection((count += 1), socket, methods);
  });
  await listen(server, local, port);
  const bound = server.address() as AddressInfo;
  return {
    address: `${local.includes(':') ? `[${local}]` : local}:${bound.port}`,
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}

/** The address that a loopback name stands for, without asking a resolver. */
function localAddress(host: string): string {
  if (host === 'localhost') return '127.0.0.1';
  if (host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)) return host;
  throw new ControlError('address-not-local', `the control channel does not listen on ${host}`, {
    remedy:
      'It has no keys, so it takes loopback addresses only: --control 127.0.0.1:0, and a tunnel from elsewhere.',
  });
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const where = `${host}:${port}`;
      const message =
        cause.code === 'EADDRINUSE'
          ? `${where} is already in use`
          : `cannot listen on ${where}: ${cause.message}`;
      const remedy = 'Choose another port for --control, or 0 for a free one.';
      reject(new ControlError('listen-failed', message, { remedy, cause }));
    });
    server.listen({ host, port }, resolve);
  });
}
