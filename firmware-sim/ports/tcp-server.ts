// The twin's byte stream over TCP. Several connections may stand; the one that last gave an accepted HELLO drives, and the
// one before it is closed, so that a dead connection never locks the device.
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import type { Controller } from '../firmware/index.ts';
import { TwinPortError } from './errors.ts';

export interface TcpOptions {
  host: string;
  /** 0 picks a free one. */
  port: number;
}

export interface TcpService {
  readonly host: string;
  readonly port: number;
  /** Closes every connection and the listener. Idempotent. */
  close: () => Promise<void>;
}

/** Serves a controller on host:port. Rejects with TwinPortError `address-in-use`, `permission-denied`, `listen-failed`. */
export async function serveTcp(controller: Controller, options: TcpOptions): Promise<TcpService> {
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    join(controller, socket);
  });
  await listen(server, options);
  const { address, port } = server.address() as AddressInfo;
  return {
    host: address,
    port,
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}

function join(controller: Controller, socket: Socket): void {
  const attachment = controller.attach({
    write: (bytes) => socket.write(bytes),
    end: () => socket.end(),
  });
  socket.on('data', (bytes) => attachment.receive(bytes));
  socket.on('drain', () => attachment.drained());
  // A reset connection is a cable that was pulled: 'close' follows, and that is where it is handled.
  socket.on('error', () => undefined);
  socket.on('close', () => attachment.detach());
}

function listen(server: Server, { host, port }: TcpOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => reject(listenError(cause, host, port)));
    server.listen({ host, port }, resolve);
  });
}

function listenError(cause: NodeJS.ErrnoException, host: string, port: number): TwinPortError {
  const where = `${host}:${port}`;
  if (cause.code === 'EADDRINUSE') {
    const remedy = 'Choose another port, or 0 for a free one.';
    return new TwinPortError('address-in-use', `${where} is already in use`, { remedy, cause });
  }
  if (cause.code === 'EACCES') {
    const remedy = 'Choose a port above 1023, or 0 for a free one.';
    return new TwinPortError('permission-denied', `no permission to listen on ${where}`, { remedy, cause });
  }
  const remedy = 'Choose an address of this machine, such as 127.0.0.1.';
  return new TwinPortError('listen-failed', `cannot listen on ${where}: ${cause.message}`, { remedy, cause });
}
