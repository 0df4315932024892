// What carries messages to one client: a WebSocket, an event stream, or a test's fake.
import type { WebSocket } from 'ws';
import type { LiveEvent } from './live-event.ts';
import type { ServerMessage } from './server-messages.ts';

export interface Channel {
  /** Bytes that the client has not taken yet. */
  readonly bufferedAmount: number;
  /** `flushed` is called when the bytes have left, or never will. */
  send(message: ServerMessage | LiveEvent, flushed?: () => void): void;
  /** A frame of samples; only where there are binary frames. */
  sendBinary?(frame: Uint8Array, flushed?: () => void): void;
  /** Asks for a sign of life; absent: none can be asked for. */
  ping?(): void;
  close(code: number, reason: string): void;
  terminate(): void;
}

/** What of a WebSocket is used. */
export type Socket = Pick<WebSocket, 'bufferedAmount' | 'send' | 'ping' | 'close' | 'terminate'>;

export class WebSocketChannel implements Channel {
  readonly #socket: Socket;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  get bufferedAmount(): number {
    return this.#socket.bufferedAmount;
  }

  send(message: ServerMessage | LiveEvent, flushed?: () => void): void {
    // An event was written out once for all clients.
    const bytes = 'frame' in message ? message.frame : Buffer.from(JSON.stringify(message));
    this.#socket.send(bytes, { binary: false }, flushed);
  }

  sendBinary(frame: Uint8Array, flushed?: () => void): void {
    this.#socket.send(frame, { binary: true }, flushed);
  }

  ping(): void {
    this.#socket.ping();
  }

  close(code: number, reason: string): void {
    this.#socket.close(code, reason);
  }

  terminate(): void {
    this.#socket.terminate();
  }
}
