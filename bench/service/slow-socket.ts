// A WebSocket client by hand, as one that does not read cannot be had from a library.
import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';

const OPCODE_TEXT = 0x1;
const OPCODE_CLOSE = 0x8;
const READ_LIMIT_MS = 15_000;

export class SlowSocket {
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Subscribes to everything, and stops reading. */
  static async connect(url: string, key: string): Promise<SlowSocket> {
    const { hostname, port, host } = new URL(url);
    const socket = connect(Number(port), hostname);
    const hello = new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.once('data', (data) =>
        data.toString('latin1').startsWith('HTTP/1.1 101')
          ? resolve()
          : reject(new Error(`no WebSocket: ${data.toString('latin1').slice(0, 100)}`)),
      );
    });
    const headers = [
      'GET /v1/ws HTTP/1.1',
      `Host: ${host}`,
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
      `Authorization: Bearer ${key}`,
    ];
    socket.write(`${headers.join('\r\n')}\r\n\r\n`);
    await hello;
    socket.pause();
    socket.on('error', () => undefined);
    return new SlowSocket(socket);
  }

  /** Asks so many times for everything that there is. */
  ask(times: number): void {
    const message = frame(JSON.stringify({ type: 'subscribe', topics: ['job.*', 'device.state'] }));
    for (let k = 0; k < times; k += 1) this.#socket.write(message);
  }

  /** Reads what has piled up; returns the code of the close frame at its end, or null without one. */
  async readToEnd(): Promise<number | null> {
    const pieces: Buffer[] = [];
    this.#socket.on('data', (piece: Buffer) => pieces.push(piece));
    const ended = new Promise((resolve) => {
      this.#socket.once('close', resolve);
      setTimeout(resolve, READ_LIMIT_MS).unref();
    });
    this.#socket.resume();
    await ended;
    return closeCodeOf(Buffer.concat(pieces));
  }

  destroy(): void {
    this.#socket.destroy();
  }
}

/** A masked text frame. */
function frame(text: string): Buffer {
  const payload = Buffer.from(text);
  const head =
    payload.length < 126
      ? Buffer.from([0x80 | OPCODE_TEXT, 0x80 | payload.length])
      : Buffer.from([0x80 | OPCODE_TEXT, 0x80 | 126, payload.length >> 8, payload.length & 255]);
  // A mask of zeros is a mask.
  return Buffer.concat([head, Buffer.alloc(4), payload]);
}

/** Walks over the frames of a server, which are not masked. */
function closeCodeOf(bytes: Buffer): number | null {
  for (let at = 0; at + 2 <= bytes.length;) {
    const opcode = bytes[at] & 15;
    let length = bytes[at + 1] & 127;
    let from = at + 2;
    if (length === 126) {
      length = bytes.readUInt16BE(from);
      from += 2;
    } else if (length === 127) {
      length = Number(bytes.readBigUInt64BE(from));
      from += 8;
    }
    if (opcode === OPCODE_CLOSE) return from + 2 <= bytes.length ? bytes.readUInt16BE(from) : null;
    at = from + length;
  }
  return null;
}
