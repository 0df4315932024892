// One connection of the control channel: cuts the bytes into lines, has them answered one after the other, and ends what
// cannot be a client of it (a line without end, a browser, a reader that does not read).
import type { Socket } from 'node:net';
import { answerLine, errorLine } from './dispatch.ts';
import { ControlError, RpcErrorCode } from './methods.ts';
import type { ControlConnection, ControlMethods } from './methods.ts';

export const LINE_BYTES_MAX = 64 * 1024;
/** A client that does not read its notifications is let go before they fill the memory. */
const UNREAD_BYTES_MAX = 4 * 1024 * 1024;
/** A refused client that does not close its side. */
const LINGER_MS = 1000;
const NEWLINE = 0x0a;
/** A web page can post to any port of this machine; its first line gives it away. */
const HTTP_REQUEST = /^[A-Z]+ \S+ HTTP\/\d/;

/** Serves one socket until it closes. */
export function serveConnection(id: number, socket: Socket, methods: ControlMethods): void {
  new Connection(id, socket, methods);
}

/** Tells a socket why it is not served, and ends it. */
export function refuse(socket: Socket, error: ControlError): void {
  socket.on('error', () => undefined);
  socket.end(`${errorLine(null, error)}\n`);
  // What still comes in is read and dropped: closing over unread bytes would reset the line and lose the answer.
  socket.resume();
  socket.setTimeout(LINGER_MS, () => socket.destroy());
}

class Connection implements ControlConnection {
  readonly id: number;
  readonly #socket: Socket;
  readonly #methods: ControlMethods;
  readonly #closed: (() => void)[] = [];
  #gone = false;
  #part: Buffer[] = [];
  #partBytes = 0;
  #lines: Buffer[] = [];
  #answering = false;

  constructor(id: number, socket: Socket, methods: ControlMethods) {
    this.id = id;
    this.#socket = socket;
    this.#methods = methods;
    socket.on('data', (bytes) => this.#take(bytes));
    // A reset connection is a client that died: 'close' follows, and that is where it is handled.
    socket.on('error', () => undefined);
    socket.on('close', () => this.#end());
  }

  notify(method: string, params?: unknown): void {
    this.#write(JSON.stringify({ jsonrpc: '2.0', method, ...(params !== undefined && { params }) }));
  }

  close(): void {
    this.#socket.destroy();
  }

  onClosed(callback: () => void): void {
    if (this.#gone) callback();
    else this.#closed.push(callback);
  }

  #take(bytes: Buffer): void {
    let from = 0;
    for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, from)) {
      if (!this.#append(bytes.subarray(from, at))) return;
      this.#lines.push(Buffer.concat(this.#part));
      this.#part = [];
      this.#partBytes = 0;
      from = at + 1;
    }
    this.#append(bytes.subarray(from));
    void this.#answer();
  }

  /** False when the line has become too long, and the connection is ended. */
  #append(bytes: Buffer): boolean {
    this.#partBytes += bytes.length;
    if (this.#partBytes > LINE_BYTES_MAX) {
      const message = `a line is longer than ${LINE_BYTES_MAX} bytes`;
      const remedy = 'Send shorter requests, each ended by a newline.';
      this.#dismiss(
        new ControlError('line-too-long', message, { remedy, rpcCode: RpcErrorCode.invalidRequest }),
      );
      return false;
    }
    if (bytes.length > 0) this.#part.push(bytes);
    return true;
  }

  /** One after the other, so that answers keep the order of the requests and a flood waits in the socket. */
  async #answer(): Promise<void> {
    if (this.#answering) return;
    this.#answering = true;
    for (let line = this.#lines.shift(); line !== undefined && !this.#gone; line = this.#lines.shift()) {
      if (line.length === 0 || (line.length === 1 && line[0] === 0x0d)) continue;
      if (HTTP_REQUEST.test(line.subarray(0, 1024).toString('latin1'))) {
        const remedy = 'Speak JSON-RPC 2.0, one request per line.';
        this.#dismiss(
          new ControlError('not-json', 'this is not HTTP', { remedy, rpcCode: RpcErrorCode.notJson }),
        );
        break;
      }
      if (this.#lines.length > 0) this.#socket.pause();
      const answer = await answerLine(line, this.#methods, this);
      if (answer !== null) this.#write(answer);
    }
    this.#answering = false;
    this.#socket.resume();
  }

  #write(line: string): void {
    if (this.#gone || this.#socket.writableEnded) return;
    this.#socket.write(`${line}\n`);
    if (this.#socket.writableLength > UNREAD_BYTES_MAX) this.#socket.destroy();
  }

  #dismiss(error: ControlError): void {
    this.#socket.removeAllListeners('data');
    this.#lines = [];
    refuse(this.#socket, error);
  }

  #end(): void {
    this.#gone = true;
    this.#lines = [];
    for (const callback of this.#closed.splice(0)) callback();
  }
}
